"""States of runs that a live view may have to show."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from cts.metrics.counters import FrameTotals
from cts.metrics.glance import MediaGlance
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.metrics.playout import Playout
from cts.metrics.viewing import Longest
from cts.output.live_history import Second
from cts.output.live_state import LiveState
from cts.output.live_view import view_in_steps
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.live import LiveFigures, StreamGlance, StreamOrder
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot

MS = 1_000_000
SECOND = 1_000_000_000
PLAN = StreamPlan(25_000_000, 60, 60 * SECOND)


def histogram(*values: int) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


def many_streams(count: int = 40, peer: str = "192.0.2.7:4444") -> tuple[StreamGlance, ...]:
    """Return streams of which the later ones are the worse."""
    return tuple(
        StreamGlance(
            number=number,
            peer=peer,
            rendered=1000,
            dropped=number,
            due=1_000_000,
            missing=100 * number,
            jitter_ns=number * MS,
            freezes=number // 10,
        )
        for number in range(1, count + 1)
    )


def live_figures(streams: tuple[StreamGlance, ...] = ()) -> LiveFigures:
    media = MediaGlance(
        streams=max(1, len(streams)),
        jitter=Longest(210_000),
        pdv_p95=Longest(1_200_000),
        pdv_p99=Longest(3_400_000),
        freezes=2,
        longest_stall=Longest(450 * MS),
    )
    playout = Playout(
        buffered_frames=60,
        final_frame=3600,
        steps=60,
        step_ns=SECOND,
        frames=700,
        known=3600,
        whole=((2, 690), (11, 10)),
    )
    host = HostFigures(loop_lag=histogram(2 * MS), send_lateness=histogram(MS // 4))
    return LiveFigures(streams=streams, media=media, playout=playout, hosts=(host,))


def snapshot_of(live: LiveFigures | None = None, open_streams: int = 1) -> RunSnapshot:
    counts = StreamSnapshot(
        FrameTotals(699, 1, 3, 12),
        bytes_received=36_000_000,
        bytes_sent=37_500_000,
        due=DueBytes(36_500_000, 55_000),
    )
    return RunSnapshot(12_345 * MS, open_streams, counts, {Outcome.SUCCESSFUL: 5}, live=live)


SECONDS = tuple(
    Second(received=25_000_000 - rate * 300_000, sent=25_000_000, missing=missing, played=1.0)
    for rate, missing in enumerate((0, 0, 0.0001, 0.02, 0, 0.3, 0, 0, 0.004, 0, 0.0001))
)
ONE = LiveState(
    snapshot=snapshot_of(live_figures()),
    measure=Role.RECEIVER,
    seconds=SECONDS,
    plan=PLAN,
    expected_ns=60_983 * MS,
    hears_keys=True,
)
MANY = LiveState(
    snapshot=snapshot_of(live_figures(many_streams()), open_streams=1000),
    measure=Role.RECEIVER,
    seconds=SECONDS,
    plan=PLAN,
    hears_keys=True,
)
SENDER = LiveState(
    snapshot=RunSnapshot(
        2_345 * MS,
        2,
        StreamSnapshot(bytes_sent=1_234_567),
        live=LiveFigures(
            streams=(
                StreamGlance(number=1, peer="192.0.2.7:5000", due=100_000),
                StreamGlance(number=2, peer="192.0.2.8:5000", due=100_000, missing=7_000, unreachable=12),
            ),
            hosts=(HostFigures(send_lateness=histogram(20 * MS)),),
        ),
    ),
    measure=Role.SENDER,
    order=StreamOrder.MISSING,
    seconds=SECONDS,
    plan=PLAN,
)
BUSY = LiveState(
    snapshot=RunSnapshot(
        2_345 * MS,
        1234,
        StreamSnapshot(FrameTotals(1_499_999, 1, 3, 12), 234_999_000, due=DueBytes(235_000_000, 1000)),
        {Outcome.SUCCESSFUL: 98, Outcome.NETWORK_ERROR: 3},
        {"repeated START": 3, "not a datagram of this protocol": 1_000_000},
        77,
    ),
    measure=Role.RECEIVER,
    seconds=(Second(received=25_004_840),),
)
QUIET = LiveState(snapshot=RunSnapshot(2_345 * MS, 1, StreamSnapshot(FrameTotals(10), 1000)), measure=Role.RECEIVER)
EVERY = (ONE, MANY, SENDER, BUSY, QUIET)


def view(state: LiveState, *, console: Console, columns: int, rows: int) -> list[Text]:
    """Return the lines of the live view, all steps taken at once."""
    lines: list[Text] = []

    def taken() -> Iterator[None]:
        lines.extend((yield from view_in_steps(state, console=console, columns=columns, rows=rows)))

    for _ in taken():
        pass
    return lines
