"""What an end believes of what the other end tells: honest numbers over any network, and none that it knows to be wrong."""

from __future__ import annotations

from typing import TypeVar
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.impairment.delay import Constant, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott
from cts.protocol.control import channel
from cts.protocol.control.belief import Seen, believed
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts, Results
from cts.protocol.plan import StreamPlan
from cts.records.stream_results import StreamResult
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import LATENCY, MS, PATH, PLAN, SECOND, config_of
from tests.engine.virtual_world import World, in_world
from tests.examples import WHOLE_RUNS

Told = TypeVar("Told", Counts, Results)
BY_HELLO = {"handshake": "cts"}
DIRECTIONS = ["pull", "push"]

impairments = st.builds(
    Impairment,
    delay=st.sampled_from([Constant(0), Constant(60 * MS), Uniform(0, 300 * MS), Uniform(0, 1500 * MS)]),
    loss=st.sampled_from([None, Bernoulli(0.1), Bernoulli(0.4), GilbertElliott(0.1, 0.3)]),
    reorder=st.sampled_from([0.0, 0.3]),
    duplicate=st.sampled_from([0.0, 0.3, 1.0]),
    corrupt=st.sampled_from([0.0, 0.0, 0.05]),
    bandwidth_bits_per_second=st.sampled_from([None, 70_000, 200_000]),
    outages=st.sampled_from([(), ((700 * MS, 1500 * MS),)]),
)


@WHOLE_RUNS
@given(
    direction=st.sampled_from(DIRECTIONS),
    to_client=impairments,
    to_server=impairments,
    verdict=st.sampled_from(["distinct", "bytes"]),
    verify=st.sampled_from(["count", "data"]),
    limit=st.sampled_from(["1h", "900ms", "1700ms"]),
)
def test_what_an_honest_peer_tells_is_believed_over_any_network(
    direction: str, to_client: Impairment, to_server: Impairment, verdict: str, verify: str, limit: str
) -> None:
    refused: list[tuple[Counts | Results, Seen | None]] = []

    def watched(told: Told, plan: StreamPlan, seen: Seen | None) -> Told:
        kept = believed(told, plan, seen)
        if kept != told:
            refused.append((told, seen))
        return kept

    with patch.object(channel, "believed", watched):
        both_sides(
            direction,
            to_client=to_client,
            to_server=to_server,
            client={**BY_HELLO, "connections": 2},
            run={"time_limit": limit},
            stream={"verify": verify, "verdict": verdict},
            output={"status_update": "200ms"},
        )
    assert refused == []


async def cut_off_in_the_middle(world: World, direction: str, role: str) -> StreamResult:
    """Cut a stream off at both ends, first at the one that does not have the role; return the other one's result."""
    told_often = {"status_update": "100ms"}
    server = await world.serve(
        world.session(config_of(direction, run={"role": "server", "grace": "1h"}, output=told_often))
    )
    client = await world.serve(
        world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO, output=told_often))
    )
    await world.until(1500 * MS)
    mine, other = (client, server) if role == "client" else (server, client)
    other.session.stop_now()
    await world.until(1500 * MS + 3 * LATENCY)
    mine.session.stop_now()
    (result,) = (await mine.report()).results
    return result


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_sending_end_does_not_believe_that_frames_have_come_which_it_has_not_sent(
    direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, frames = PLAN.transfer_size, PLAN.final_frame
    lie = ReceiverCounts(
        completed=frames, on_time=3 * frames, bytes_received=size, bytes_on_time=size, due=size, elapsed_ns=SECOND
    )
    monkeypatch.setattr(ReceiverCounts, "of", lambda *_, **__: lie)
    role = "server" if direction == "pull" else "client"
    peer = in_world(lambda world: cut_off_in_the_middle(world, direction, role)).peer
    assert peer is not None
    assert peer.outcome == "Cancelled"
    assert peer.counts == Counts()
    assert peer.control.ignored > 1


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_receiving_end_does_not_believe_in_the_end_that_frames_which_came_were_not_sent(
    direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SenderCounts, "of", lambda *_, **__: SenderCounts())
    role = "client" if direction == "pull" else "server"
    peer = in_world(lambda world: cut_off_in_the_middle(world, direction, role), to_client=PATH).peer
    assert peer is not None
    assert peer.outcome == "Cancelled"
    assert peer.counts == Counts()
    assert peer.control.ignored == 1
