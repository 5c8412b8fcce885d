"""Runs of lost datagrams and the gaps between them (RFC 3357), and how well two states explain them.

The datagrams of a stream stand in one row, frame after frame. Where it is not known which of a frame's are missing the row is
cut: what is on either side is not taken for neighbours.
"""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Lengths
from cts.metrics.frame_record import Ranges

__all__ = ["GilbertModel", "LossRunTotals", "LossRuns"]

WAITING = 16
"""Frames with something missing that are kept at most, to see whether it comes late; what comes later stays in its run."""
RUNS_AT_LEAST = 10
"""Runs of which a model can be told to fit or not."""


@frozen
class GilbertModel:
    """Two states (E. N. Gilbert, "Capacity of a burst-noise channel", 1960): in the bad one all is lost.

    Attributes:
        p: chance that a datagram behind one that came is lost.
        r: chance that one behind a lost one comes; ``1 / r`` is the mean length of a run.
        run_error, gap_error: greatest difference between the share of runs (gaps) up to any length and the model's
            ``1 - (1 - r)^length`` (``1 - (1 - p)^length``): Kolmogorov's statistic, from 0, which fits, to 1. None of fewer
            than 10.
    """

    p: float
    r: float
    run_error: float | None
    gap_error: float | None


@frozen
class LossRunTotals(Totals):
    """Loss runs of one stream or of many.

    Attributes:
        known: datagrams of which is known whether they were lost.
        lost: how many of them were.
        runs: lengths of loss periods (RFC 3357, section 6.3), datagrams, from 1; right-skewed.
        gaps: datagrams between the end of one and the beginning of the next (section 6.4, less 1), from 1; right-skewed.
        to_lost, to_came: how often a lost datagram followed on one that came, and the other way round.
        last_lost, last_came: pieces of the row whose last datagram was lost, or came.
    """

    known: int = 0
    lost: int = 0
    runs: Lengths = field(factory=Lengths)
    gaps: Lengths = field(factory=Lengths)
    to_lost: int = 0
    to_came: int = 0
    last_lost: int = 0
    last_came: int = 0

    @property
    def distances(self) -> Lengths:
        """Loss distances (RFC 3357, section 5.4.1): places from each lost datagram to the next, 1 within a run."""
        distances = Lengths()
        for place, times in self.gaps.buckets().items():
            distances.record_times(min(self.gaps.upper_end(place), self.gaps.greatest or 0) + 1, times)
        distances.record_times(1, self.lost - self.runs.count)
        if self.gaps.least is not None and self.runs.count == self.lost:
            distances.least = self.gaps.least + 1
        return distances

    @property
    def model(self) -> GilbertModel | None:
        """The model by maximum likelihood; None where nothing was lost, or nothing came, that has a neighbour."""
        if not (self.to_lost and self.to_came):
            return None
        p = self.to_lost / (self.known - self.lost - self.last_came)
        r = self.to_came / (self.lost - self.last_lost)
        return GilbertModel(p, r, _misfit(self.runs, r), _misfit(self.gaps, p))


def _misfit(lengths: Lengths, chance: float) -> float | None:
    """Return how far the shares of lengths are from a geometric distribution's at most."""
    if (count := lengths.count) < RUNS_AT_LEAST:
        return None
    seen, furthest = 0, 0.0
    for place, times in lengths.buckets().items():
        # Just before a length the shares have not risen yet; the model's may have.
        furthest = max(furthest, abs(seen / count - _up_to(lengths.upper_end(place - 1) if place else 0, chance)))
        seen += times
        furthest = max(furthest, abs(seen / count - _up_to(lengths.upper_end(place), chance)))
    return furthest


def _up_to(length: int, chance: float) -> float:
    return 1 - (1 - chance) ** length


class LossRuns:
    """The fold over one stream's frames that lack something; of all others only how many datagrams they are."""

    __slots__ = ("_row", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, int, Ranges]] = {}
        self._row = _Row()

    def lack(self, sequence: int, position: int, due: int, missing: Ranges | None) -> None:
        """Take a frame that is not all there, or of which that is not known.

        Args:
            sequence: its number.
            position: the place of its first datagram in the row.
            due: datagrams that make it.
            missing: which of them are missing; None where that is not known.
        """
        if missing is None:
            self._settle(0)
            self._row.cut(position, position + due)
        else:
            self._waiting[sequence] = (position, due, missing)
            self._settle(WAITING)

    def came_late(self, sequence: int, missing: Ranges | None) -> None:
        """Take what a frame still lacks after something of it has come late; None where that is not known."""
        if missing is not None and (waiting := self._waiting.get(sequence)) is not None:
            self._waiting[sequence] = (*waiting[:2], missing)

    def totals(self, end: int) -> LossRunTotals:
        """Return what is known so far, as a value; the row has so many datagrams."""
        row = self._row.copy()
        for position, _, missing in self._waiting.values():
            row.lose(position, missing)
        row.cut(end, end)
        return row.totals()

    def _settle(self, waiting: int) -> None:
        while len(self._waiting) > waiting:
            position, _, missing = self._waiting.pop(next(iter(self._waiting)))
            self._row.lose(position, missing)


@define(eq=False)
class _Row:
    """A row of datagrams; what of it was lost is told in order.

    Attributes:
        began: where its last piece began.
        run: the first and the last place of the run that may go on; None where the piece has none.
    """

    runs: Lengths = field(factory=Lengths)
    gaps: Lengths = field(factory=Lengths)
    known: int = 0
    lost: int = 0
    to_lost: int = 0
    to_came: int = 0
    last_lost: int = 0
    last_came: int = 0
    began: int = 0
    run: tuple[int, int] | None = None

    def copy(self) -> _Row:
        """Return one that has been told the same."""
        return evolve(self, runs=Lengths.of((self.runs,)), gaps=Lengths.of((self.gaps,)))

    def lose(self, position: int, missing: Ranges) -> None:
        """Take what is lost of a frame that begins at a place, behind all that was told of before."""
        for low, high in missing:
            first, last = position + low, position + high
            self.lost += last + 1 - first
            if self.run is not None and self.run[1] == first - 1:
                self.run = (self.run[0], last)
                continue
            if self.run is not None:
                self.runs.record_times(self.run[1] + 1 - self.run[0], 1)
                self.gaps.record_times(first - 1 - self.run[1], 1)
                self.to_came += 1
            self.to_lost += first > self.began
            self.run = (first, last)

    def cut(self, at: int, until: int) -> None:
        """End the piece before a place, and begin another one further on."""
        self.known += at - self.began
        if self.run is not None:
            self.runs.record_times(self.run[1] + 1 - self.run[0], 1)
        if self.run is not None and self.run[1] == at - 1:
            self.last_lost += 1
        elif at > self.began:
            self.last_came += 1
            self.to_came += self.run is not None
        self.began, self.run = until, None

    def totals(self) -> LossRunTotals:
        """Return the counts of what ended with a cut, as a value."""
        counts = (self.to_lost, self.to_came, self.last_lost, self.last_came)
        return LossRunTotals(self.known, self.lost, self.runs, self.gaps, *counts)
