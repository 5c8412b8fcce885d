"""How the delay of a stream's frames varied, from differences of transit times: the clocks of both ends need not agree.

A frame's transit is that of its datagram that arrived last: when it came minus the sender's stamp on it. Of IPDV, jitter and
spread that is the last in time; of PDV the last of all, so that it does not depend on the buffer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Distribution, FineDistribution
from cts.units import MICROSECOND

__all__ = ["JITTER_SAMPLED_EVERY", "DelayVariation", "DelayVariationTotals"]

JITTER_SAMPLED_EVERY = 16
"""Differences of which one is followed by a look at the jitter, which forgets no faster than that."""

_BELOW_NS = 32 * MICROSECOND
_BELOW_SHARE = 5
"""How far below its anchor a part may count: so far, or this share of the greatest variation; and it begins as far below."""
_OLD_SHARE = 16
"""Parts whose values are all within this share of the greatest variation become one."""


@frozen
class DelayVariationTotals(Totals):
    """Delay variation of one stream or of many, each a distribution of nanoseconds.

    Attributes:
        pdv: packet delay variation (RFC 5481, section 4.2): the transit of each frame of which anything came, once, minus the
            least of its stream; what came of it late counts for it. From 0; right-skewed.
        ipdv: inter-packet delay variation (RFC 5481, section 4.1; RFC 3393): the transit of a frame minus that of the frame
            before it, where something came of both in time. Signed, about symmetric around 0.
        jitter: interarrival jitter (RFC 3550, section 6.4.1, in the whole numbers of its A.8), J += (\\|D\\| - J) / 16 over the
            frames of which something came in time, in their order; after each 16th D. From 0.
        spread: the last arrival of a frame's datagrams minus the first, for frames of several. From 0.
    """

    pdv: FineDistribution = field(factory=FineDistribution)
    ipdv: Distribution = field(factory=Distribution)
    jitter: Distribution = field(factory=Distribution)
    spread: Distribution = field(factory=Distribution)


class DelayVariation:
    """The fold over one stream's transits.

    The least transit is known at the end only, so transits are counted from an anchor near the least one so far. When that
    has fallen too far below, a new part begins with an anchor well below it, by which time the greatest variation has grown
    to 3/2 at least. To count a value from another anchor makes it less exact each time, so parts are put together only when
    they are so small beside the greatest variation that it does not matter; about ten are left at most. PDV is exact to
    within 2.05 µs, 1/128 of itself and 1/1024 of the greatest, never too low.
    """

    __slots__ = ("_ipdv", "_jitter", "_jitter_16", "_least", "_parts", "_phase", "_previous", "_spread")

    def __init__(self) -> None:
        # Anchors, descending, and what was counted from each.
        self._parts: list[tuple[int, FineDistribution]] = []
        self._ipdv = Distribution()
        self._jitter = Distribution()
        self._spread = Distribution()
        self._least: int | None = None
        self._previous: int | None = None
        self._jitter_16 = 0
        self._phase = 0

    def fold(
        self, transits: Sequence[int], breaks: Sequence[int], least: int, whole: Sequence[int] | None = None
    ) -> None:
        """Take the transits of the next frames in order.

        Args:
            transits: of each frame of which something came in time; at least one.
            breaks: which of them follow on a frame of which nothing did; ascending.
            least: the least of any datagram of those frames.
            whole: transits of those of them of which nothing more can come; all if it is left out.
        """
        self._count(transits if whole is None else whole, least)
        before = transits[0] if self._previous is None else self._previous
        steps = list(map(sub, transits, (before, *transits[:-1])))
        first = self._previous is None
        self._previous = transits[-1]
        if first:
            del steps[0]
        self._smooth(steps)
        for index in reversed(breaks):
            if index or not first:
                del steps[index - first]
        self._ipdv.record(steps)

    def late(self, transit: int) -> None:
        """Take the transit of a frame of which something was lacking when the frames around it were taken."""
        self._count((transit,), transit)

    def spreads(self, spreads: Sequence[int]) -> None:
        """Take the times between the first and the last arrival of some frames."""
        self._spread.record(spreads)

    def pdv(self) -> FineDistribution:
        """Return the distribution of transits over the least one so far."""
        least = self._least or 0
        return FineDistribution.of(counted.shifted(least - anchor) for anchor, counted in self._parts)

    @property
    def jitter_ns(self) -> int:
        """Interarrival jitter after the last frame taken, nanoseconds; 0 before the second."""
        return self._jitter_16 >> 4

    def percentiles(self, percents: Sequence[float], lacking: Sequence[int] = ()) -> list[int]:
        """Return the percentiles that :meth:`pdv` would have, or closer ones, for less time; 0 where it has none.

        Args:
            percents: which.
            lacking: transits, so far, of frames of which more may come; they count, too.
        """
        least = min((self._least, *lacking)) if self._least is not None else min(lacking, default=0)
        origins = [(anchor - least, part) for anchor, part in self._parts]
        if len(origins) == 1 and not lacking:
            ((origin, part),) = origins
            return [max((part.percentile(percent) or 0) + origin, 0) for percent in percents]
        values = [(value + origin, times) for origin, part in origins for value, times in part.counted()]
        values = sorted(values + [(transit - least, 1) for transit in lacking])
        counts = list(accumulate(times for _, times in values))
        places = [bisect_left(counts, counts[-1] * percent / 100) for percent in percents] if counts else []
        return [max(values[place][0], 0) for place in places] or [0] * len(percents)

    def totals(self) -> DelayVariationTotals:
        """Return what is known so far, as a value."""
        copies = (Distribution.of((part,)) for part in (self._ipdv, self._jitter, self._spread))
        return DelayVariationTotals(self.pdv(), *copies)

    def _count(self, transits: Sequence[int], least: int) -> None:
        if self._least is None or least < self._least:
            self._least = least
        if not transits:
            return
        if not self._parts:
            self._parts.append((self._least, FineDistribution()))
        elif (below := self._parts[-1][0] - self._least) > _BELOW_NS:
            greatest = max(max(transits), *(anchor + (counted.greatest or 0) for anchor, counted in self._parts))
            if below * _BELOW_SHARE > (reach := greatest - self._least):
                self._parts.append((self._least - reach // _BELOW_SHARE, FineDistribution()))
                self._put_together(reach)
        anchor, counted = self._parts[-1]
        counted.record([transit - anchor for transit in transits])

    def _put_together(self, reach: int) -> None:
        """Count the oldest parts from the anchor of the next one, as far as they are small beside the greatest variation."""
        parts = self._parts
        while len(parts) > 2:
            (anchor, counted), (lower, more) = parts[:2]
            if (anchor + (counted.greatest or 0) - lower) * _OLD_SHARE > reach:
                break
            parts[:2] = [(lower, counted.shifted(lower - anchor) + more)]

    def _smooth(self, steps: Sequence[int]) -> None:
        jitter, after, begin, end = self._jitter_16, [], 0, JITTER_SAMPLED_EVERY - self._phase
        amounts = list(map(abs, steps))
        while begin < len(amounts):
            for amount in amounts[begin:end]:
                jitter += amount - (jitter + 8 >> 4)
            if end <= len(amounts):
                after.append(jitter >> 4)
            begin, end = end, end + JITTER_SAMPLED_EVERY
        self._jitter_16 = jitter
        self._jitter.record(after)
        self._phase = (self._phase + len(steps)) % JITTER_SAMPLED_EVERY
