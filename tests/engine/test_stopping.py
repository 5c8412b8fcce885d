"""How a run ends before its time: a stop with its grace period, a second one, the time limit."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.api import FrameTotals, Outcome
from cts.records.results import RunReport
from tests.engine.simulated_runs import both_sides, simulated
from tests.engine.small_stream import END, LATENCY, MS, PLAN, SECOND, SERVER, config_of, losing
from tests.engine.virtual_world import Peer, World, in_world

FRAMES = PLAN.final_frame
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
WHEN = 1375 * MS
"""In the middle of things, at no frame's instant; seconds in a float are exact here."""


def stopped(
    direction: str = "pull", *, at_ns: int = WHEN, grace: str = "2s", again_ns: int | None = None, **client: object
) -> tuple[RunReport, World, int]:
    """Stop a loopback session at one instant, and once more at another."""

    async def main(world: World) -> tuple[RunReport, World, int]:
        config = config_of(direction, run={"grace": grace}, client=client)
        running = await world.serve(world.session(config))
        await world.until(at_ns)
        running.session.stop()
        if again_ns is not None:
            await world.until(again_ns)
            running.session.stop_now()
        return await running.report(), world, world.pacer.now_ns()

    return in_world(main)


def frames_rendered_before(offset_ns: int) -> int:
    return sum(PLAN.render_offset_ns(sequence) < offset_ns for sequence in range(1, FRAMES + 1))


# Grace


@BOTH
def test_streams_may_end_within_the_grace_period(direction: str) -> None:
    report, _, over_ns = stopped(direction)
    ends_ns = END if direction == "pull" else LATENCY + END
    assert report.interrupted
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}
    assert report.snapshot.counts.frames == FrameTotals(completed=FRAMES)
    assert (report.results[0].ended_ns, over_ns) == (ends_ns, ends_ns + 1)


@BOTH
def test_streams_that_run_when_the_grace_period_ends_are_recorded_as_cancelled_with_their_counts(
    direction: str,
) -> None:
    report, world, over_ns = stopped(direction, grace="250ms", connections=3)
    cut_ns = WHEN + 250 * MS
    assert over_ns == cut_ns
    assert report.snapshot.outcomes == {Outcome.CANCELLED: 3}
    base_ns = 0 if direction == "pull" else LATENCY
    completed = frames_rendered_before(cut_ns - base_ns)
    for result in report.results:
        assert result.result == "Cancelled"
        assert result.counts.frames == FrameTotals(completed=completed)
        assert result.counts.bytes_received == 15 * PLAN.frame_size
        assert result.ended_ns == cut_ns
    assert report.snapshot.counts.frames == FrameTotals(completed=3 * completed)
    assert sorted(result.ended_ns for result in world.recorder.ended) == [cut_ns] * 3


def test_a_cancelled_sender_is_recorded_with_the_frames_that_it_had_sent() -> None:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of(run={"role": "server", "grace": "125ms"})))
        peer = await world.connect()
        await peer.start()
        await world.until(WHEN)
        return await server.stop()

    (result,) = in_world(main).results
    assert (result.outcome, result.ended_ns) == (Outcome.CANCELLED, WHEN + 125 * MS)
    assert result.counts.bytes_sent == 14 * PLAN.frame_size
    assert result.connection_id != "00000000-0000-0000-0000-000000000000"


@BOTH
def test_no_stream_is_opened_once_the_run_was_stopped(direction: str) -> None:
    report, world, _ = stopped(direction, connections=2, iterations=0, grace="30s")
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 2}
    assert len(world.recorder.opened) == 2


@BOTH
def test_a_second_stop_ends_the_streams_now(direction: str) -> None:
    report, _, over_ns = stopped(direction, grace="1h", again_ns=WHEN + 3 * MS)
    assert report.snapshot.outcomes == {Outcome.CANCELLED: 1}
    assert (report.results[0].ended_ns, over_ns) == (WHEN + 3 * MS, WHEN + 3 * MS)


def test_no_grace_at_all_ends_the_streams_now() -> None:
    report, _, over_ns = stopped(grace="0s")
    assert (report.results[0].outcome, over_ns) == (Outcome.CANCELLED, WHEN)


def test_an_idle_server_stops_at_once() -> None:
    async def main(world: World) -> tuple[RunReport, int]:
        server = await world.serve(world.session(config_of(run={"role": "server", "grace": "1h"})))
        await world.until(WHEN)
        return await server.stop(), world.pacer.now_ns()

    report, over_ns = in_world(main)
    assert (report.results, over_ns) == ((), WHEN)


@BOTH
@pytest.mark.parametrize("now", [False, True])
def test_a_run_that_was_stopped_before_it_began_opens_no_stream(direction: str, now: bool) -> None:
    async def main(world: World) -> tuple[RunReport, int]:
        session = world.session(config_of(direction, run={"grace": "1h"}))
        session.stop_now() if now else session.stop()
        return await session.run(), world.pacer.now_ns()

    report, over_ns = in_world(main)
    assert report.interrupted
    assert (report.results, over_ns) == ((), 0)


# Time limit


@BOTH
def test_the_time_limit_ends_every_stream_at_its_instant(direction: str) -> None:
    report = simulated(config_of(direction, run={"time_limit": "1375ms"}, client={"connections": 2}))
    base_ns = 0 if direction == "pull" else LATENCY
    completed = frames_rendered_before(WHEN - base_ns)
    assert report.elapsed_ns == WHEN
    assert not report.interrupted
    assert report.snapshot.outcomes == {Outcome.CANCELLED: 2}
    assert report.snapshot.cut_off_by_time_limit == 2
    assert report.snapshot.counts.frames == FrameTotals(completed=2 * completed)


def test_a_time_limit_that_finds_no_stream_open_has_cut_off_none() -> None:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of(run={"role": "server", "time_limit": "1h"})))
        return await server.report()

    report = in_world(main)
    assert (report.results, report.snapshot.cut_off_by_time_limit, report.failed) == ((), 0, False)


def without_settings(report: RunReport) -> RunReport:
    return evolve(report, provenance=None)


@BOTH
def test_a_stream_that_ends_at_the_instant_of_the_time_limit_has_ended_by_itself(direction: str) -> None:
    report = simulated(config_of(direction))
    limit = f"{report.snapshot.elapsed_ns} ns"
    for _ in range(8):
        assert without_settings(simulated(config_of(direction, run={"time_limit": limit}))) == without_settings(report)


def test_a_run_has_taken_until_its_last_stream_ended_however_long_it_waited_for_more() -> None:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of(run={"role": "server", "time_limit": "1h"})))
        await world.session(config_of(run={"role": "client"})).run()
        return await server.report()

    report = in_world(main)
    assert report.snapshot.elapsed_ns == 3600 * SECOND
    assert report.elapsed_ns == report.results[-1].ended_ns == LATENCY + 2 * SECOND


@BOTH
def test_what_both_sides_of_a_run_sent_and_received_is_in_its_counts(direction: str) -> None:
    lost = both_sides(direction, to_client=losing((5, 5)), to_server=losing((5, 5)))
    report = simulated(config_of(direction), to_client=losing((5, 5)), to_server=losing((5, 5)))
    counts = report.snapshot.counts
    assert (counts.bytes_received, counts.bytes_sent) == (lost.receiver.counts.bytes_received, PLAN.transfer_size)
    assert counts.bytes_received < counts.bytes_sent


@BOTH
def test_a_time_limit_that_is_never_reached_changes_nothing(direction: str) -> None:
    config = config_of(direction)
    limited = simulated(config_of(direction, run={"time_limit": "1h"}))
    assert without_settings(limited) == without_settings(simulated(config))


# Peers that wait


def _peers_that_wait(cut: str) -> tuple[list[Peer], RunReport]:
    async def main(world: World) -> tuple[list[Peer], RunReport]:
        run: dict[str, object] = {"role": "server", "grace": "100ms"}
        if cut == "time limit":
            run["time_limit"] = "1500ms"
        server = await world.serve(world.session(config_of(run=run, server={"connection_limit": 1})))
        peers = [await world.connect() for _ in range(3)]
        await peers[0].start()
        for peer in peers[1:]:
            await peer.start(at_ns=SECOND)
        await world.until(1400 * MS)
        if cut == "stop":
            server.session.stop()
        elif cut == "stop now":
            server.session.stop_now()
        report = await server.report()
        await world.until(2 * SECOND)
        return peers, report

    return in_world(main)


@pytest.mark.parametrize("cut", ["stop", "stop now", "time limit"])
def test_peers_that_wait_for_a_slot_get_no_stream_from_a_run_that_is_being_ended(cut: str) -> None:
    peers, report = _peers_that_wait(cut)
    assert [(result.remote, result.outcome) for result in report.results] == [(peers[0].address, Outcome.CANCELLED)]
    assert [peer.received for peer in peers[1:]] == [[], []]


# What is closed


@BOTH
def test_every_address_is_free_again_when_a_run_was_cut_short(direction: str) -> None:
    async def main(world: World) -> None:
        for _ in range(2):
            running = await world.serve(world.session(config_of(direction, client={"connections": 3})))
            await world.until(world.pacer.now_ns() + 500 * MS)
            running.session.stop_now()
            await running.report()
        await world.listen(SERVER)

    in_world(main)
