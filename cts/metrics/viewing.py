"""What a viewer saw: freezes, pauses and the time from frame to frame, as W3C's webrtc-stats define them.

A frame that came whole in time is rendered at its render time; any other is skipped, and the picture stands still.
"""

from __future__ import annotations

from array import array
from operator import mul, sub

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.units import MILLISECOND, SECOND

__all__ = ["Longest", "Viewing", "ViewingTotals"]

AVERAGED = 30
"""Rendered frames over whose durations the average is taken that a freeze is measured by."""
FREEZE_NS = 150 * MILLISECOND
PAUSE_NS = 5 * SECOND


class Longest(int):
    """A duration, nanoseconds; adding another keeps the longer one."""

    def __add__(self, other: int) -> Longest:
        return Longest(max(self, other))


@frozen
class ViewingTotals(Totals):
    """What was seen of one stream or of many (RTCInboundRtpStreamStats of W3C's webrtc-stats). Times are nanoseconds.

    Attributes:
        frames: frames that were due.
        rendered: those that were rendered (framesRendered).
        delays: intervals between two consecutively rendered frames.
        delay_ns: their sum (totalInterFrameDelay).
        squared_delay: the sum of their squares, in ns² (totalSquaredInterFrameDelay).
        freezes: standstills of at least max(3 avg, avg + 150 ms), avg the mean of the 30 intervals before, of fewer where there
            were not so many, of the frame interval where there were none (freezeCount). A standstill is one of the intervals,
            or the time before the first rendered frame, or after the last: webrtc-stats counts none that no frame ends.
        freeze_ns: their sum (totalFreezesDuration).
        pauses: standstills of more than 5 s (pauseCount); where avg is at most 5/3 s (0.6 fps) freezes as well.
        pause_ns: their sum (totalPausesDuration).
        longest_stall: the longest time without a new frame, counted from the first frame's render time to the last one's.
        watched_ns: from the first frame's render time to the last one's.
    """

    frames: int = 0
    rendered: int = 0
    delays: int = 0
    delay_ns: int = 0
    squared_delay: int = 0
    freezes: int = 0
    freeze_ns: int = 0
    pauses: int = 0
    pause_ns: int = 0
    longest_stall: Longest = field(default=Longest(0))
    watched_ns: int = 0

    @property
    def mean_delay_ns(self) -> float | None:
        """Mean interval between rendered frames; None where there was none."""
        return self.delay_ns / self.delays if self.delays else None

    @property
    def delay_variance(self) -> float | None:
        """Variance of these intervals, ns², over their number (webrtc-stats divides by the frames); None without any."""
        if not self.delays:
            return None
        return (self.squared_delay * self.delays - self.delay_ns**2) / self.delays**2

    @property
    def frozen_share(self) -> float | None:
        """The part of the time watched that the picture stood still in freezes, from 0 to 1; None of a single frame."""
        return self.freeze_ns / self.watched_ns if self.watched_ns else None


class Viewing:
    """The fold over the render times of one stream's frames.

    Args:
        interval_ns: between frames.

    Attributes:
        rendered: render times of rendered frames, ascending: to be appended to, and now and then looked at.
    """

    __slots__ = (
        "_delay_ns", "_delays", "_freeze_ns", "_freezes", "_interval_ns", "_longest_ns", "_looked_at", "_pause_ns",
        "_pauses", "_rendered", "_squared_delay", "rendered",
    )  # fmt: skip

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._rendered = self._delays = self._delay_ns = self._squared_delay = 0
        self._freezes = self._freeze_ns = self._pauses = self._pause_ns = self._longest_ns = 0
        # How many of the rendered have been counted, and are kept for the average.
        self._looked_at = 0
        self.rendered = array("q")

    def look(self) -> None:
        """Take what has been appended; often enough to bound it."""
        rendered = self.rendered
        if len(rendered) > self._looked_at:
            before = max(self._looked_at - 1, 0)
            delays = list(map(sub, rendered[before + 1 :], rendered[before:-1]))
            self._rendered += len(rendered) - self._looked_at
            self._delays += len(delays)
            self._delay_ns += rendered[-1] - rendered[before]
            self._squared_delay += sum(map(mul, delays, delays))
            longest = max(delays, default=0)
            if longest > self._longest_ns:
                self._longest_ns = longest
            if longest >= FREEZE_NS:
                self._stops(delays, before)
        del rendered[: -AVERAGED - 1]
        self._looked_at = len(rendered)

    def totals(self, frames: int, first_ns: int, last_ns: int) -> ViewingTotals:
        """Return what was seen up to a frame, as a value; takes what has been appended.

        Up to the last frame of a stream that goes on, a standstill counts as soon as it is long enough, and once.

        Args:
            frames: how many were due.
            first_ns, last_ns: render times of the first and the last of them.
        """
        self.look()
        rendered, delay_ns = self.rendered, self._delay_ns
        still = [(last_ns - first_ns, 0, 0)]
        if rendered:
            still = [(rendered[-1] - delay_ns - first_ns, 0, 0)]
            still.append((last_ns - rendered[-1], *self._before(len(rendered) - 1)))
        longest = max(self._longest_ns, *(delay for delay, _, _ in still), 0)
        frozen = [delay for delay, count, time in still if self._is_freeze(delay, count, time)]
        paused = [delay for delay, _, _ in still if delay > PAUSE_NS]
        return ViewingTotals(
            frames=frames,
            rendered=self._rendered,
            delays=self._delays,
            delay_ns=delay_ns,
            squared_delay=self._squared_delay,
            freezes=self._freezes + len(frozen),
            freeze_ns=self._freeze_ns + sum(frozen),
            pauses=self._pauses + len(paused),
            pause_ns=self._pause_ns + sum(paused),
            longest_stall=Longest(longest),
            watched_ns=last_ns - first_ns,
        )

    def _stops(self, delays: list[int], before: int) -> None:
        """Count freezes and pauses among intervals, the first of which begins with a frame's being rendered."""
        for at, delay in enumerate(delays, before):
            if delay >= FREEZE_NS and self._is_freeze(delay, *self._before(at)):
                self._freezes += 1
                self._freeze_ns += delay
            if delay > PAUSE_NS:
                self._pauses += 1
                self._pause_ns += delay

    def _before(self, at: int) -> tuple[int, int]:
        """Return how many intervals are averaged that end with a frame's being rendered, and their sum."""
        count = min(at, AVERAGED)
        return count, self.rendered[at] - self.rendered[at - count]

    def _is_freeze(self, delay: int, count: int, time: int) -> bool:
        if not count:
            count, time = 1, self._interval_ns
        return delay * count >= max(3 * time, time + FREEZE_NS * count)
