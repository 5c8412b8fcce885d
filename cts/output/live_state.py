"""All that a live view is drawn from, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from attrs import frozen

from cts.metrics.host import Trust, trust_in
from cts.output.live_history import Second
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.live import LiveFigures, StreamOrder
from cts.records.snapshots import RunSnapshot
from cts.units import MILLISECOND, SECOND

__all__ = ["LiveState", "orders_of"]

_NOTHING = LiveFigures()


@frozen(kw_only=True)
class LiveState:
    """A run as it is shown.

    Attributes:
        snapshot: the run now.
        measure: whose part is told: a sender knows of no verdicts.
        seconds: the last ones, the oldest first.
        still_ns: how long no frame has been played though some should have been, nanoseconds.
        plan: what streams are made of; None where nobody knows.
        expected_ns: how long the run will take, nanoseconds; None where nobody knows.
        order: by what streams are the worst.
        hears_keys: whether keys do something.
        paused: whether this stays until a key is pressed.
    """

    snapshot: RunSnapshot
    measure: Role
    seconds: Sequence[Second] = ()
    still_ns: int = 0
    plan: StreamPlan | None = None
    expected_ns: int | None = None
    order: StreamOrder = StreamOrder.DROPPED
    hears_keys: bool = False
    paused: bool = False

    @property
    def live(self) -> LiveFigures:
        """What is known beside the counts."""
        return self.snapshot.live or _NOTHING

    @property
    def trust(self) -> Trust | None:
        """Whether this host is good enough so far; None where that is not known."""
        if self.plan is None or not self.live.hosts:
            return None
        interval_ns, buffer_ns = self.plan.interval_ns, self.buffer_ns or self.plan.buffer_depth_ns
        return trust_in(self.live.hosts, interval_ns=interval_ns, buffer_ns=buffer_ns)

    @property
    def buffer_ns(self) -> int | None:
        """The buffer that was set for the streams that were looked at; None where none are known, or several.

        A server's own plan is not what its clients ask for. What they asked for is known in whole frames.
        """
        plan, playout = self.plan, self.live.playout
        if playout is None:
            return None
        frame_rate = Fraction(playout.steps * SECOND, playout.step_ns)
        if plan is not None and (plan.buffered_frames, plan.frame_rate) == (playout.buffered_frames, frame_rate):
            return plan.buffer_depth_ns
        return -(-playout.depth_ns(playout.buffered_frames) // MILLISECOND) * MILLISECOND

    @property
    def last(self) -> Second:
        """The last second."""
        return self.seconds[-1] if self.seconds else Second()


def orders_of(measure: Role) -> tuple[StreamOrder, ...]:
    """Return in which orders streams of that part can be shown."""
    if measure is Role.SENDER:
        return StreamOrder.MISSING, StreamOrder.UNREACHABLE
    return StreamOrder.DROPPED, StreamOrder.MISSING, StreamOrder.JITTER, StreamOrder.FREEZES
