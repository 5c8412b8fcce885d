"""A stream that had ended when its run was cut off has ended by itself, though nobody had been told of it yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress

import pytest
import trio

from cts.api import IConnectedSocketFactory, Outcome, Role, StreamResult
from cts.engine.session import Session
from cts.protocol.wire import START
from cts.records.results import RunReport
from tests.engine.small_stream import END, LATENCY, MS, PLAN, SERVER, config_of, datagrams_of
from tests.engine.virtual_world import Peer, Running, World, in_world
from tests.plugin.plugins_that_fail import BrokenFactory, guarded_factory
from tests.testing.through_socket import ThroughSocket

SENT = 100 * MS
CAME = SENT + LATENCY
CUT = CAME + MS // 2
"""Before the simulated network hands over what came, unless somebody drains."""
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


def by_time_limit(session: Session) -> None:
    """Leave it to ``run.time_limit``."""


class KeepsItsEnd(ThroughSocket):
    ended = None


def wrong_payload() -> bytes:
    datagram = bytearray(datagrams_of(1)[0])
    datagram[-1] ^= 1
    return bytes(datagram)


async def cut_off(
    world: World,
    direction: str,
    how: Callable[[Session], object],
    last: Callable[[], bytes] = wrong_payload,
    factory: IConnectedSocketFactory | None = None,
    at_ns: int = CUT,
) -> RunReport:
    """Run a receiver whose peer sends a datagram at SENT, cut it off, and return its report."""
    limit = {"time_limit": f"{at_ns}ns"} if how is by_time_limit else {}
    pulls = direction == "pull"
    config = config_of(direction, run={"role": "client" if pulls else "server", **limit})
    peer: Peer = await (world.listen() if pulls else world.connect())
    running: Running = await world.serve(world.session(config, factory=factory))
    if not pulls:
        await peer.start()
    await world.until(SENT)
    remote = peer.received[0].remote if pulls else SERVER
    if pulls:
        assert peer.received[0].data == START
    await peer.send(remote, last())
    await world.until(at_ns)
    told = how(running.session)
    return told if isinstance(told, RunReport) else await running.report()


@BOTH
@pytest.mark.parametrize("how", [by_time_limit, Session.stop_now, Session.abandon])
def test_a_stream_that_had_failed_when_it_was_cut_off_has_failed(
    direction: str, how: Callable[[Session], object]
) -> None:
    reports: list[RunReport] = []

    async def main(world: World) -> None:
        reports.append(await cut_off(world, direction, how))

    # After a run was abandoned its process exits; here its tasks come down, with their streams gone.
    with suppress(Exception) if how is Session.abandon else nullcontext():
        in_world(main)
    (report,) = reports
    (result,) = report.results
    assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, "ErrorDataDidNotMatchBitPattern")
    assert result.ended_ns == CAME
    assert result.counts.arrivals.wrong_payload == 1
    assert report.snapshot.outcomes == {Outcome.PROTOCOL_ERROR: 1}
    assert report.failed
    assert report.snapshot.cut_off_by_time_limit == (0 if how is by_time_limit else None)


@BOTH
def test_a_stream_that_had_not_ended_when_it_was_cut_off_is_cancelled(direction: str) -> None:
    report = in_world(lambda world: cut_off(world, direction, by_time_limit, lambda: datagrams_of(1)[0]))
    (result,) = report.results
    assert (result.outcome, result.result, result.ended_ns) == (Outcome.CANCELLED, "Cancelled", CUT)
    assert report.snapshot.cut_off_by_time_limit == 1


@pytest.mark.parametrize(
    ("wrap", "outcome"), [(ThroughSocket, Outcome.PROTOCOL_ERROR), (KeepsItsEnd, Outcome.CANCELLED)]
)
def test_a_factory_s_socket_tells_that_its_stream_had_ended_if_it_can(
    wrap: type[ThroughSocket], outcome: Outcome
) -> None:
    factory = guarded_factory(BrokenFactory(wrap=wrap, role=Role.RECEIVER))
    report = in_world(lambda world: cut_off(world, "pull", by_time_limit, factory=factory))
    assert report.snapshot.outcomes == {outcome: 1}


class NeverHasItsTurn(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        task_status.started()
        return await trio.sleep_forever()


def test_a_receiver_that_was_cut_off_before_its_task_could_end_it_ended_when_the_last_frame_was_due() -> None:
    factory = BrokenFactory(wrap=NeverHasItsTurn, role=Role.RECEIVER)
    at_ns = LATENCY + END + 5 * MS
    report = in_world(
        lambda world: cut_off(world, "push", Session.stop_now, lambda: datagrams_of(1)[0], factory, at_ns)
    )
    (result,) = report.results
    assert (result.outcome, result.ended_ns) == (Outcome.SUCCESSFUL, LATENCY + END)
    assert (result.counts.frames.completed, result.counts.frames.dropped) == (0, PLAN.final_frame)
