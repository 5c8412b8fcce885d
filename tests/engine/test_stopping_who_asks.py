"""A stop while a client still asks for its streams, or waits for its turn to: nothing runs yet that would need grace."""

from __future__ import annotations

import pytest

from cts.api import Outcome
from cts.impairment.link import Impairment
from cts.records.results import RunReport
from tests.engine.small_stream import LATENCY, MS, PATH, SECOND, config_of
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
WHEN = 500 * MS
NOBODY = Impairment(outages=((0, 3600 * SECOND),))


def stopped_client(
    direction: str = "pull", *, handshake: str = "cts", to_server: Impairment = PATH, to_client: Impairment = PATH
) -> tuple[RunReport, int]:
    """Stop a client after half a second at a server that has one place; return its report and when it was over."""

    async def main(world: World) -> tuple[RunReport, int]:
        serving = {"connection_limit": 1}
        run = {"role": "server", "grace": "1h"}
        server = await world.serve(world.session(config_of(direction, run=run, server=serving)))
        asking = {"handshake": handshake, "connections": 2}
        client = await world.serve(
            world.session(config_of(direction, run={"role": "client", "grace": "1h"}, client=asking))
        )
        await world.until(WHEN)
        report, over_ns = await client.stop(), world.pacer.now_ns()
        await server.stop()
        return report, over_ns

    return in_world(main, to_server=to_server, to_client=to_client)


@pytest.mark.parametrize("handshake", ["cts", "auto"])
@BOTH
def test_a_client_whose_hello_nobody_has_answered_ends_at_once(direction: str, handshake: str) -> None:
    report, over_ns = stopped_client(direction, handshake=handshake, to_server=NOBODY)
    assert over_ns == WHEN
    assert report.interrupted
    assert [(each.outcome, each.result) for each in report.results] == [(Outcome.CANCELLED, "Cancelled")] * 2


@BOTH
def test_who_waits_for_a_place_ends_at_once_and_who_has_one_within_the_grace_period(direction: str) -> None:
    report, _ = stopped_client(direction)
    waited, ran = sorted(report.results, key=lambda each: each.ended_ns)
    assert (waited.outcome, waited.ended_ns) == (Outcome.CANCELLED, WHEN)
    assert ran.outcome is Outcome.SUCCESSFUL


def test_a_stream_whose_data_comes_though_its_welcome_was_lost_runs() -> None:
    welcome_lost = Impairment(delay=PATH.delay, outages=((3 * LATENCY + MS, 4 * LATENCY - MS),))
    report, _ = stopped_client(to_client=welcome_lost)
    assert sum(each.outcome is Outcome.SUCCESSFUL for each in report.results) == 1


def test_a_client_whose_next_stream_waits_for_its_turn_opens_it_no_more() -> None:
    async def main(world: World) -> tuple[RunReport, int]:
        server = await world.serve(world.session(config_of(run={"role": "server", "grace": "1h"})))
        spread = {"connections": 2, "start_spread": "1min"}
        client = await world.serve(world.session(config_of(run={"role": "client", "grace": "1h"}, client=spread)))
        await world.until(WHEN)
        report, over_ns = await client.stop(), world.pacer.now_ns()
        await server.stop()
        return report, over_ns

    report, over_ns = in_world(main)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}
    assert over_ns < 5 * SECOND
