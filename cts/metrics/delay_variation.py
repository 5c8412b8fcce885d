"""How the delay of a stream's frames varied, from differences of transit times: the clocks of both ends need not agree.

A frame's transit is that of its datagram that arrived last: when it came minus the sender's stamp on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Distribution
from cts.units import MICROSECOND

__all__ = ["JITTER_SAMPLED_EVERY", "DelayVariation", "DelayVariationTotals"]

JITTER_SAMPLED_EVERY = 16
"""Differences of which one is followed by a look at the jitter, which forgets no faster than that."""

_ANCHOR_OFF_NS = 64 * MICROSECOND
_ANCHOR_OFF_SHARE = 8


@frozen
class DelayVariationTotals(Totals):
    """Delay variation of one stream or of many, each a distribution of nanoseconds.

    Attributes:
        pdv: packet delay variation (RFC 5481, section 4.2): the transit of each frame minus the least of its stream; and of
            what came late, which is a value of its own for each time that something did. From 0; right-skewed.
        ipdv: inter-packet delay variation (RFC 5481, section 4.1; RFC 3393): the transit of a frame minus that of the frame
            before it, where something came of both in time. Signed, about symmetric around 0.
        jitter: interarrival jitter (RFC 3550, section 6.4.1, in the whole numbers of its A.8), J += (\\|D\\| - J) / 16 over the
            frames of which something came in time, in their order; after each 16th D. From 0.
        spread: the last arrival of a frame's datagrams minus the first, for frames of several. From 0.
    """

    pdv: Distribution = field(factory=Distribution)
    ipdv: Distribution = field(factory=Distribution)
    jitter: Distribution = field(factory=Distribution)
    spread: Distribution = field(factory=Distribution)


class DelayVariation:
    """The fold over one stream's transits.

    The least transit is known at the end only, so transits are counted from a value near it; how near decides how exact PDV
    is: to within 2 µs, 1/16 of itself and 1/128 of the greatest, never too low.
    """

    __slots__ = ("_anchor", "_ipdv", "_jitter", "_jitter_16", "_least", "_phase", "_previous", "_spread", "_transits")

    def __init__(self) -> None:
        self._transits = Distribution()
        self._ipdv = Distribution()
        self._jitter = Distribution()
        self._spread = Distribution()
        self._anchor: int | None = None
        self._least: int | None = None
        self._previous: int | None = None
        self._jitter_16 = 0
        self._phase = 0

    def fold(self, transits: Sequence[int], breaks: Sequence[int], least: int) -> None:
        """Take the transits of the next frames in order.

        Args:
            transits: of each frame of which something came in time; at least one.
            breaks: which of them follow on a frame of which nothing did; ascending.
            least: the least of any datagram of those frames.
        """
        self._count(transits, least)
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
        """Take the transit of something that came late."""
        self._count((transit,), transit)

    def spreads(self, spreads: Sequence[int]) -> None:
        """Take the times between the first and the last arrival of some frames."""
        self._spread.record(spreads)

    def pdv(self) -> Distribution:
        """Return the distribution of transits over the least one so far."""
        if self._anchor is None or self._least is None:
            return Distribution()
        return self._transits.shifted(self._least - self._anchor)

    def totals(self) -> DelayVariationTotals:
        """Return what is known so far, as a value."""
        copies = (Distribution.of((part,)) for part in (self._ipdv, self._jitter, self._spread))
        return DelayVariationTotals(self.pdv(), *copies)

    def _count(self, transits: Sequence[int], least: int) -> None:
        if self._least is None or least < self._least:
            self._least = least
        if self._anchor is None:
            self._anchor = self._least
        elif (off := self._anchor - self._least) > _ANCHOR_OFF_NS:
            counted = self._transits.greatest or 0
            if off * _ANCHOR_OFF_SHARE > max(counted, 0) + off:
                self._transits = self._transits.shifted(-off)
                self._anchor = self._least
        anchor = self._anchor
        self._transits.record([transit - anchor for transit in transits])

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
