"""Runs made up frame by frame, of networks of which it is known whether they are the same."""

from __future__ import annotations

from random import Random
from typing import Final

from attrs import frozen

from cts.comparison.cell_observer import CellObserver
from cts.comparison.compare import ComparedRun
from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import FrameRecord
from cts.protocol.frames import RenderedFrame, Verdict, VerdictRule
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.protocol.task import Verify
from cts.records.events_header import RunHeader
from cts.records.outcome_profiles import default_profile
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult
from cts.units import MILLISECOND, SECOND

DATAGRAMS: Final = 4
BUFFER_NS: Final = 100 * MILLISECOND


@frozen(kw_only=True)
class Network:
    """What a made-up network does.

    Attributes:
        loss: share of datagrams that are lost.
        burst: datagrams that are lost in a row, on average.
        wander_ms: by how much the delay strays, slowly.
        memory: how much of it is left after a frame.
        spike: chance that a frame is 80 ms later than others.
    """

    loss: float = 0.01
    burst: float = 1.0
    wander_ms: float = 3.0
    memory: float = 0.9
    spike: float = 0.001


NETWORKS: Final = {
    "steady": Network(loss=0.001, wander_ms=1.0, memory=0.5),
    "bursts": Network(burst=12),
    "waves": Network(loss=0.002, burst=3, memory=0.98, wander_ms=8.0),
    "long waves": Network(loss=0.002, burst=3, memory=0.995, wander_ms=8.0),
    "rare": Network(loss=0.0005, burst=30, spike=0.0002),
    "none lost": Network(loss=0),
}
WORSE: Final = {
    "bursts": Network(loss=0.04, burst=12),
    "steady": Network(loss=0.001, wander_ms=1.3, memory=0.5),
    "waves": Network(loss=0.002, burst=3, memory=0.98, wander_ms=14.0),
    "none lost": Network(loss=0.05),
}
"""Networks that are worse than those of the same name: four times the loss, 1.3 times and 1.75 times the wander, 5 % lost."""


def header_of(
    *, fps: int = 30, bits_per_second: int = 960_000, buffer_ns: int = BUFFER_NS, seconds: int = 60
) -> RunHeader:
    return RunHeader(
        schema=2,
        role="client",
        direction=Direction.PULL,
        verify=Verify.DATA,
        verdict=VerdictRule.DISTINCT,
        plan=StreamPlan(bits_per_second, fps, seconds * SECOND, buffer_ns, 1000),
        began_unix_ns=0,
        began_ns=0,
        status_interval_ns=SECOND,
        seed=1,
        expected_streams=1,
        encoding="utf-8",
        profile=default_profile(),
    )


def synthetic_run(
    network: Network, *, seconds: int, seed: int, header: RunHeader | None = None, name: str = "run"
) -> ComparedRun:
    """Return a run of one stream on such a network, a pure function of its arguments."""
    header = header or header_of(seconds=seconds)
    plan, chance = header.plan, Random(f"{network} {seed}")
    observer = CellObserver(plan)
    observer.run_began(0)
    here = Address("127.0.0.1", 1)
    stream = StreamInfo(1, here, here, Role.RECEIVER, 0)
    fresh = (1 - network.memory**2) ** 0.5
    wander, lost = 0.0, False
    leave = 1 / network.burst
    enter = network.loss * leave / (1 - network.loss)
    for sequence in range(1, plan.final_frame + 1):
        wander = network.memory * wander + fresh * chance.gauss(0, network.wander_ms)
        delay_ns = round((20 + abs(wander) + (80 if chance.random() < network.spike else 0)) * MILLISECOND)
        missing = 0
        for _ in range(DATAGRAMS):
            lost = chance.random() < (1 - leave if lost else enter)
            missing += lost
        observer.frame_rendered(stream, _frame(plan, sequence, delay_ns, missing))
    counts = StreamSnapshot(FrameTotals(dropped=plan.final_frame))
    ended = StreamResult(
        connection_id="", local=here, remote=here, role=Role.RECEIVER, outcome=Outcome.SUCCESSFUL, result="Succeeded",
        started_ns=0, ended_ns=plan.end_offset_ns, bits_per_second=0, counts=counts, send_lateness=None,
    )  # fmt: skip
    observer.stream_ended(stream, ended)
    return ComparedRun(name=name, header=header, report=report_of(header), missing=(), cells=observer.cells)


def report_of(header: RunHeader) -> RunReport:
    return RunReport(
        role=header.role,
        direction=header.direction,
        began_ns=0,
        elapsed_ns=header.plan.end_offset_ns,
        snapshot=RunSnapshot(0, 0, StreamSnapshot()),
        streams=(),
        plan=header.plan,
    )


def _frame(plan: StreamPlan, sequence: int, delay_ns: int, missing: int) -> RenderedFrame:
    due_ns, sent_ns = plan.render_offset_ns(sequence), plan.render_offset_ns(sequence) - BUFFER_NS
    came_ns = sent_ns + delay_ns
    if came_ns > due_ns:
        missing = DATAGRAMS
    came = DATAGRAMS - missing
    arrived = came_ns if came else None
    transit = delay_ns if came else None
    size = plan.frame_size * came // DATAGRAMS
    verdict = Verdict.DROPPED if missing else Verdict.COMPLETED
    whole = None if missing else arrived
    ranges = ((0, missing - 1),) if missing else ()
    record = FrameRecord(
        sequence, due_ns, DATAGRAMS, came, size, 0, ranges, arrived, arrived, whole, None, transit, transit, transit
    )
    return RenderedFrame(sequence, verdict, size, 0, 1, came_ns, due_ns, record)
