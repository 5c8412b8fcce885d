"""How two clocks drift apart, and delay variation without it, from the least transits of windows of time.

Whatever the network does, now and then something comes through almost unhindered: the least transits of successive windows
lie on the line that the clocks draw, or above it. The line is the one under all of them that is nearest to them in sum, an
edge of their lower convex hull (S. Moon, P. Skelly, D. Towsley, "Estimation and removal of clock skew from network delay
measurements", INFOCOM 1999). It is drawn piece by piece, each time under the last minute or two, since clocks change pace.
It stands for the clocks only if a line under the whole stream rises or falls as clearly, since a queue that fills evenly for
as long looks the same; one that does for the whole stream cannot be told from a clock, unless by more than 1 ms in a second.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import zip_longest
from operator import itemgetter
from typing import NamedTuple

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Distribution, FineDistribution

__all__ = ["ClockDrift", "DriftTotals", "Extremes", "Line", "line_under"]

WINDOW_NS = 1 << 30
"""Length of a window at least; it ends with the frames that are looked at together."""
LINES_EVERY = 8
"""Windows after which a new line is drawn: from fewer a drift cannot be told from chance."""
WINDOWS = 64
"""Windows under which a piece of the line lies, at most."""
HELD = 512
"""Frames kept at most until the first line is drawn; beyond, their variation counts with the drift of those seconds in it."""
LIFE_POINTS = 32
"""Least transits kept of the whole life at most: then every two become one."""
PPM_AT_MOST = 1000.0
"""No clock is that wrong: what drifts faster is no clock."""


class Line(NamedTuple):
    """A line under points.

    Attributes:
        slope: nanoseconds that it rises in a nanosecond.
        x, y: a point of it, nanoseconds.
        span: from the first point to the last, nanoseconds.
        heights: how far each point is above it, nanoseconds.
    """

    slope: float
    x: int
    y: int
    span: int
    heights: tuple[int, ...]

    @property
    def significant(self) -> bool:
        """Whether it can be a clock's, and rises or falls by more than twice of what any point strays from it."""
        return abs(self.slope) * 1e6 <= PPM_AT_MOST and abs(self.slope) * self.span > 2 * max(self.heights)


def line_under(xs: Sequence[int], ys: Sequence[int]) -> Line:
    """Return the line under points, none of them below it, with the least sum of heights: the hull's edge at their mean.

    Args:
        xs, ys: the points, by ascending x, no two at the same; at least two.
    """
    hull: list[tuple[int, int]] = []
    for x, y in zip(xs, ys, strict=True):
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    total, count = sum(xs), len(xs)
    right = next(index for index in range(1, len(hull)) if hull[index][0] * count >= total)
    (x, y), (x_right, y_right) = hull[right - 1], hull[right]
    slope = (y_right - y) / (x_right - x)
    heights = tuple(max(other - y - round((at - x) * slope), 0) for at, other in zip(xs, ys, strict=True))
    return Line(slope, x, y, xs[-1] - xs[0], heights)


def _turns_right(one: tuple[int, int], two: tuple[int, int], three: tuple[int, int]) -> bool:
    return (two[1] - one[1]) * (three[0] - one[0]) >= (three[1] - one[1]) * (two[0] - one[0])


@frozen
class Extremes:
    """The least and the greatest of what streams came to; None where none did."""

    least: float | None = None
    greatest: float | None = None

    def __add__(self, other: Extremes) -> Extremes:
        known = [each for each in (self.least, self.greatest, other.least, other.greatest) if each is not None]
        return Extremes(min(known), max(known)) if known else self


@frozen
class DriftTotals(Totals):
    """Drift of one stream's clocks, or of many streams'.

    Attributes:
        ppm: the receiver's clock over the sender's, parts in a million that it is faster, over the whole stream; of many
            streams the least and the greatest.
        drifting: streams whose drift is significant: more than what their least transits stray from its line.
        residual: how far the least transits of windows lay above the piece of the line drawn under them, nanoseconds; of
            streams with significant drift.
        pdv: packet delay variation (RFC 5481, section 4.2) over that line in place of the least transit; of a stream
            without significant drift over the least transit. Nanoseconds, from 0; right-skewed.
    """

    ppm: Extremes = Extremes()
    drifting: int = 0
    residual: Distribution = field(factory=Distribution)
    pdv: FineDistribution = field(factory=FineDistribution)


class ClockDrift:
    """The fold over one stream's transits and the times at which its frames were due."""

    __slots__ = ("_began_ns", "_held", "_life", "_line", "_pdv", "_recent", "_residual", "_undrawn", "_window")

    def __init__(self) -> None:
        self._recent = (array("q"), array("q"))
        self._life = (array("q"), array("q"))
        self._window: tuple[int, int] | None = None
        self._began_ns = 0
        self._undrawn = 0
        self._line: Line | None = None
        self._residual = Distribution()
        # There is none until a drift shows. If the first line does it, what came before is counted over it.
        self._pdv: FineDistribution | None = None
        self._held: tuple[array[int], array[int]] | None = (array("q"), array("q"))

    def fold(
        self,
        times: Sequence[int],
        transits: Sequence[int],
        pdv: Callable[[], FineDistribution],
        whole: tuple[Sequence[int], Sequence[int]] | None = None,
    ) -> None:
        """Take transits of the next frames, and when they were due.

        Args:
            times: ascending.
            transits: at least one.
            pdv: the variation before these, over the least transit.
            whole: times and transits of those frames of which nothing more can come; all if it is left out.
        """
        least = min(transits)
        if self._window is None:
            self._window, self._began_ns = (times[0], least), times[0]
        if least <= self._window[1]:
            self._window = (times[transits.index(least)], least)
        if times[-1] - self._began_ns >= WINDOW_NS:
            self._close(*self._window)
            self._window = None
        if self._pdv is None and self._line is not None and self._line.slope:
            self._pdv = FineDistribution() if self._held is not None else pdv()
            self.over_line(*(self._held or ((), ())))
        if self._line is not None:
            self._held = None
        self.over_line(*(whole or (times, transits)))

    def over_line(self, times: Sequence[int], transits: Sequence[int]) -> None:
        """Count transits over the line, if there is one; those of frames that lacked something come later than others."""
        if self._pdv is not None and self._line is not None and transits:
            slope, at, level = self._line[:3]
            over = [transit - level - round((time - at) * slope) for time, transit in zip(times, transits, strict=True)]
            if (below := min(over)) < 0:
                over = [each - below for each in over]
            self._pdv.record(over)
        elif self._held is not None:
            for held, more in zip(self._held, (times, transits), strict=True):
                held.extend(more)
            if len(self._held[0]) > HELD:
                self._held = None

    @property
    def pdv(self) -> FineDistribution | None:
        """The variation over the line so far, not to be changed; None where the clocks do not drift for all that is known."""
        if self._pdv is None or len(self._life[0]) < LINES_EVERY or not line_under(*self._life).significant:
            return None
        return self._pdv

    def with_more(self, times: Sequence[int], transits: Sequence[int]) -> FineDistribution | None:
        """Return :attr:`pdv` with some more transits, which are not taken; None where it is None."""
        found, line = self.pdv, self._line
        if found is None or line is None or not transits:
            return found
        both = FineDistribution.of((found,))
        both.record(
            [
                max(transit - line.y - round((time - line.x) * line.slope), 0)
                for time, transit in zip(times, transits, strict=True)
            ]
        )
        return both

    def totals(self, pdv: FineDistribution) -> DriftTotals:
        """Return what is known so far, as a value; ``pdv`` is the variation over the least transit."""
        line = line_under(*self._life) if len(self._life[0]) >= LINES_EVERY else None
        if line is None:
            return DriftTotals(pdv=FineDistribution.of((pdv,)))
        # A receiver's clock that is ahead makes transits grow.
        ppm = Extremes(line.slope * 1e6, line.slope * 1e6)
        if not line.significant:
            # What a piece of the line took for a drift was a queue.
            return DriftTotals(ppm, pdv=FineDistribution.of((pdv,)))
        return DriftTotals(ppm, 1, Distribution.of((self._residual,)), FineDistribution.of((self._pdv or pdv,)))

    def _close(self, x: int, y: int) -> None:
        if self._recent[0] and x <= self._recent[0][-1]:
            # Times that go back are no run's, and draw no line.
            return
        for xs, ys in (self._recent, self._life):
            xs.append(x)
            ys.append(y)
        xs, ys = self._life
        if len(xs) > LIFE_POINTS:
            lower = [
                min(pair, key=itemgetter(1)) for pair in zip_longest(*_every_other(xs, ys), fillvalue=(xs[-1], ys[-1]))
            ]
            self._life = (array("q", [x for x, _ in lower]), array("q", [y for _, y in lower]))
        self._undrawn += 1
        if self._undrawn == LINES_EVERY:
            self._undrawn = 0
            self._draw()

    def _draw(self) -> None:
        xs, ys = self._recent
        del xs[:-WINDOWS], ys[:-WINDOWS]
        line = line_under(xs, ys)
        if line.significant:
            self._residual.record(line.heights[-LINES_EVERY:])
            self._line = line
        else:
            self._line = Line(0.0, xs[0], min(ys), line.span, ())


def _every_other(xs: Sequence[int], ys: Sequence[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    points = list(zip(xs, ys, strict=True))
    return points[::2], points[1::2]
