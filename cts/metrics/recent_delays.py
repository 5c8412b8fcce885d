"""How frames' delay varies while a run goes on: running counts, cheap enough to be told at every status.

A frame's delay is laid beside the least of its stream's last 64 to 128, itself among them. So nothing has to be counted anew
when a lesser one comes, and the drift of the clocks is hardly in it. What :mod:`cts.metrics.delay_variation` says of the whole
stream is known at its end only, and costs more to look at than a status may.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from operator import add, sub
from typing import Final

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.units import MICROSECOND, MILLISECOND, SECOND

__all__ = ["BOUNDS_NS", "DelayCounts", "DelayTally", "DelayTotals", "RecentDelays"]

BOUNDS_NS: Final = tuple(
    digit * unit
    for unit in (100 * MICROSECOND, MILLISECOND, 10 * MILLISECOND, 100 * MILLISECOND, SECOND)
    for digit in (1, 2, 5)
)
"""Upper ends of the buckets that delay variation is counted in; a last one has what is beyond."""
_WINDOW = 64
_FARTHEST = (1 << 63) - 1
"""Nanoseconds, 292 years: a transit that is farther from 0 makes no sense."""


class DelayCounts(tuple[int, ...]):
    """How many values each bucket has counted; adds and subtracts bucket by bucket."""

    __slots__ = ()

    def __add__(self, other: tuple[int, ...]) -> DelayCounts:  # type: ignore[override]
        return DelayCounts(map(add, self, other))

    def __sub__(self, other: DelayCounts) -> DelayCounts:
        return DelayCounts(map(sub, self, other))

    def percentile(self, percent: float) -> int | None:
        """Return the upper end, nanoseconds, of the bucket that ``percent`` of the values do not exceed.

        None where there are no values, or that bucket has no end.
        """
        wanted = sum(self) * percent / 100
        for bound, seen in zip(BOUNDS_NS, accumulate(self), strict=False):
            if seen and seen >= wanted:
                return bound
        return None


_NONE = DelayCounts((0,) * (len(BOUNDS_NS) + 1))


@frozen
class DelayTotals(Totals):
    """Delays of frames of one stream or of many, counted from the beginning. Times are nanoseconds.

    Attributes:
        frames: frames whose delay is known.
        variation_ns: sum of how much longer each took than the least of its stream's last 64 to 128 (RFC 5481, section 4.2,
            with these as the interval).
        within: how many of them by that time.
        steps: frames that followed on another.
        step_ns: sum of how much their delay differed from that of the one before, either way: RFC 3550's \\|D\\|, of which its
            jitter is a running mean (section 6.4.1).
    """

    frames: int = 0
    variation_ns: int = 0
    within: DelayCounts = field(default=_NONE)
    steps: int = 0
    step_ns: int = 0


class DelayTally:
    """What the frames of all streams have come to so far."""

    __slots__ = ("_frames", "_step_ns", "_steps", "_variation_ns", "_within")

    def __init__(self) -> None:
        self._frames = self._variation_ns = self._steps = self._step_ns = 0
        self._within = [0] * len(_NONE)

    def add(self, variations: Sequence[int], steps: Sequence[int]) -> None:
        """Count how much longer some frames took, and how much their delays differed from those before."""
        self._frames += len(variations)
        self._variation_ns += sum(variations)
        for variation in variations:
            self._within[bisect_left(BOUNDS_NS, variation)] += 1
        self._steps += len(steps)
        self._step_ns += sum(steps)

    def totals(self) -> DelayTotals:
        """Return it as a value."""
        return DelayTotals(self._frames, self._variation_ns, DelayCounts(self._within), self._steps, self._step_ns)


class RecentDelays:
    """One stream's frames in order; what they come to does not depend on when it is looked at.

    Args:
        tally: takes what they come to.
    """

    __slots__ = ("_before", "_last", "_least", "_room", "_tally", "_transits")

    def __init__(self, tally: DelayTally) -> None:
        self._tally = tally
        self._transits: list[int] = []
        self._room = _WINDOW
        # The least of the window before, and of this one.
        self._before = self._least = _FARTHEST
        self._last: int | None = None

    def frame(self, transit_ns: int | None) -> None:
        """Take the next frame's transit; None for a frame of which nothing came in time."""
        if transit_ns is None or not -_FARTHEST <= transit_ns <= _FARTHEST:
            return
        self._transits.append(transit_ns)
        if len(self._transits) >= self._room:
            self.look()

    def look(self) -> None:
        """Have counted what has gathered."""
        transits = self._transits
        if not transits:
            return
        _, *least = accumulate(transits, min, initial=min(self._before, self._least))
        previous = () if self._last is None else (self._last,)
        followed = transits if previous else transits[1:]
        steps = list(map(abs, map(sub, followed, (*previous, *transits))))
        self._tally.add(list(map(sub, transits, least)), steps)
        self._last = transits[-1]
        self._least = min(self._least, *transits)
        self._room -= len(transits)
        transits.clear()
        if not self._room:
            self._room, self._before, self._least = _WINDOW, self._least, _FARTHEST
