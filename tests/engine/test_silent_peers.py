"""A sender whose peer says nothing any more, though both have agreed on the stream, and what it takes to fall silent."""

from __future__ import annotations

import pytest

from cts.api import Outcome, StreamResult
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.protocol.control.pinging import SILENT_AFTER_NS
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import LATENCY, MS, SECOND, config_of
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
LONG = {"stream_length": "50s"}
LEAVES_NS = 5 * SECOND
PING_LATE_NS = 300 * MS
"""From one PING to the next at most: what fell silent is noticed when one is due."""


def sent_to_silence(direction: str, handshake: str) -> StreamResult:
    """Run a stream whose receiver is gone after five seconds without a word; return the sending end's result."""

    async def main(world: World) -> StreamResult:
        server = await world.serve(
            world.session(config_of(direction, run={"role": "server", "grace": "1h"}, stream=LONG))
        )
        client = await world.serve(
            world.session(config_of(direction, run={"role": "client"}, client={"handshake": handshake}, stream=LONG))
        )
        receiving, sending = (client, server) if direction == "pull" else (server, client)
        await world.until(LEAVES_NS)
        receiving.session.stop_now()
        sending.session.stop_accepting()
        (result,) = (await sending.report()).results
        return result

    silent = Impairment(delay=Constant(LATENCY), outages=((LEAVES_NS, 3600 * SECOND),))
    return in_world(main, to_server=silent) if direction == "pull" else in_world(main, to_client=silent)


@BOTH
def test_a_sender_that_hears_nothing_more_of_its_peer_for_half_a_minute_sends_no_more(direction: str) -> None:
    result = sent_to_silence(direction, "cts")
    assert (result.outcome, result.result) == (Outcome.NETWORK_ERROR, "ErrorPeerSilent")
    # Its last word was one from before that, or is still on its way then.
    assert abs(result.ended_ns - (LEAVES_NS + SILENT_AFTER_NS)) <= PING_LATE_NS


def test_it_says_how_long_it_was_and_how_often_it_asked() -> None:
    remark = sent_to_silence("pull", "cts").remark
    assert remark is not None
    assert remark.startswith("the peer fell silent: nothing came of it for 30 s, though it was asked 1")


@BOTH
def test_one_that_start_began_sends_to_its_end_for_it_has_nothing_to_hear(direction: str) -> None:
    assert sent_to_silence(direction, "original").outcome is Outcome.SUCCESSFUL


def test_a_receiver_stays_to_its_end_whatever_it_does_not_hear() -> None:
    silent = Impairment(delay=Constant(LATENCY), outages=((LEAVES_NS, 3600 * SECOND),))
    config = config_of("pull", client={"handshake": "cts"}, stream={"stream_length": "1min"})
    (stream,) = simulated(config, to_client=silent).streams
    assert stream.end.outcome is Outcome.SUCCESSFUL
    assert stream.end.ended_ns > 60 * SECOND


@BOTH
def test_a_peer_that_is_silent_for_less_and_speaks_again_is_sent_to_on(direction: str) -> None:
    quiet = Impairment(delay=Constant(LATENCY), outages=((5 * SECOND, 34 * SECOND), (36 * SECOND, 65 * SECOND)))
    report = simulated(
        config_of(direction, client={"handshake": "cts"}, stream={"stream_length": "70s"}),
        to_client=quiet,
        to_server=quiet,
    )
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}


@pytest.mark.parametrize("seed", range(2))
@BOTH
def test_an_honest_peer_behind_thirty_percent_of_loss_each_way_is_sent_to_on(direction: str, seed: int) -> None:
    lossy = Impairment(delay=Constant(LATENCY), loss=Bernoulli(0.3))
    config = config_of(direction, client={"handshake": "cts", "connections": 2}, stream={"stream_length": "70s"})
    report = simulated(config, to_client=lossy, to_server=lossy, seed=seed)
    ends = [end for stream in report.streams for end in (stream.end, *stream.others)]
    assert [end.result for end in ends] == ["Succeeded"] * 4
