"""A side's time cut into blocks, of which any choice has a value of each metric.

A run is twenty blocks long, and a block may begin in any of its cells; one that would reach beyond the end goes on at the
beginning (circular block bootstrap: D. Politis, J. Romano, "A circular block-resampling procedure for stationary data", 1992).
Blocks keep what hangs together within them: a burst, a queue that fills and empties.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from random import Random
from typing import Final

from attrs import frozen

from cts.comparison.cells import Cell, Cells, Sum
from cts.comparison.compared_metrics import ComparedMetric, Percentile, Ratio
from cts.metrics.histogram import upper_end
from cts.units import SECOND

__all__ = ["BLOCKS", "Choice", "SideBlocks", "Values"]

BLOCKS: Final = 20
"""Blocks of a run: of fewer their correlation is too little known, and a run of 30 s tells nothing now and then."""

Choice = Sequence[int]
"""Which blocks, each by its number; one may be there several times."""


@frozen
class SideBlocks:
    """The blocks of all runs of a side.

    Attributes:
        runs: each run's cells; how many cells a block of it has.
        first: number of each run's first block.
    """

    runs: tuple[tuple[tuple[Cell, ...], int], ...]
    first: tuple[int, ...]

    @classmethod
    def of(cls, runs: Sequence[Cells]) -> SideBlocks:
        """Return the blocks of runs, in their order."""
        cells = [tuple(run) for run in runs]
        widths = [max(1, round(len(each) / BLOCKS)) for each in cells]
        first = tuple(accumulate(map(len, cells), initial=0))[:-1]
        return cls(tuple(zip(cells, widths, strict=True)), first)

    def whole(self) -> list[int]:
        """Return all of the side: behind the blocks of all runs stands each run as a whole."""
        blocks = sum(len(cells) for cells, _ in self.runs)
        return list(range(blocks, blocks + len(self.runs)))

    def apart(self) -> list[list[int]]:
        """Return, by run, blocks that have no cell in common, all there are, in their order."""
        return [
            [first + at for at in range(0, len(cells) - width + 1, width)]
            for first, (cells, width) in zip(self.first, self.runs, strict=True)
        ]

    def drawn(self, chance: Random) -> list[int]:
        """Return as many blocks as make runs of the same length, drawn by chance with replacement."""
        return self._blocks_of(range(len(self.runs)), chance)

    def drawn_with_runs(self, chance: Random) -> list[int]:
        """Return the same of as many runs as there are, which are drawn by chance with replacement before."""
        return self._blocks_of([chance.randrange(len(self.runs)) for _ in self.runs], chance)

    def _blocks_of(self, runs: Sequence[int], chance: Random) -> list[int]:
        return [
            self.first[run] + chance.randrange(len(cells))
            for run in runs
            for cells, width in (self.runs[run],)
            for _ in range(-(-len(cells) // width))
        ]

    def sums(self, what: Sum) -> list[int]:
        """Return a sum over each block, and over each run."""
        sums: list[int] = []
        wholes: list[int] = []
        for cells, width in self.runs:
            values = [cell.sums[what] for cell in cells]
            along = list(accumulate((*values, *values[: width - 1]), initial=0))
            sums += [along[at + width] - along[at] for at in range(len(values))]
            wholes.append(sum(values))
        return sums + wholes

    def histograms(self, what: Percentile) -> tuple[list[int], list[array[int]]]:
        """Return the buckets that occur, and for each how many values every block, and run, has up to its end."""
        cells = [[cell.times[what.times].buckets() for cell in cells] for cells, _ in self.runs]
        buckets = sorted({bucket for run in cells for counts in run for bucket in counts})
        place = {bucket: at for at, bucket in enumerate(buckets)}
        up_to = [array("q") for _ in buckets]
        stretches = [
            [run[at % len(run)] for at in range(start, start + width)]
            for run, (_, width) in zip(cells, self.runs, strict=True)
            for start in range(len(run))
        ]
        for stretch in (*stretches, *cells):
            counted = [0] * len(buckets)
            for counts in stretch:
                for bucket, count in counts.items():
                    counted[place[bucket]] += count
            for column, count in zip(up_to, accumulate(counted), strict=True):
                column.append(count)
        return buckets, up_to


class Values:
    """What one metric is of any choice of a side's blocks."""

    def __init__(self, metric: ComparedMetric, side: SideBlocks) -> None:
        self._of = metric.of
        self._more_is_better = metric.better > 0
        if isinstance(self._of, Ratio):
            self._over = side.sums(self._of.over)
            if self._of.less is not None:
                self._over = [one - two for one, two in zip(self._over, side.sums(self._of.less), strict=True)]
            self._under: list[int] = [
                sum(each) for each in zip(*(side.sums(what) for what in self._of.under), strict=True)
            ]
            shares = (over / under for over, under in zip(self._over, self._under, strict=True) if under > 0)
            self._greatest = max(shares, default=0.0)
        else:
            self._buckets, self._up_to = side.histograms(self._of)
            self._frames = side.sums(Sum.FRAMES) if self._of.of_frames else None

    def of(self, choice: Choice) -> float | None:
        """Return its value, in the metric's unit; None where there is none, or none that is known."""
        if not choice:
            return None
        if isinstance(self._of, Ratio):
            under = _total(self._under, choice)
            return _total(self._over, choice) / under * self._of.scale if under > 0 else None
        return self._percentile(self._of.percent, choice)

    def most(self) -> float:
        """Return what the true value does not exceed: of a share all; of times the greatest that occurred.

        Five values lie beyond a percentile at least, so it is greater than all of them once in a hundred times at most.
        """
        if isinstance(self._of, Ratio):
            return inf if self._of.is_rate else 1.0
        return upper_end(self._buckets[-1]) / SECOND if self._buckets else inf

    def tells(self, block: int, value: float) -> bool:
        """Tell whether a block has something of what a metric is about, whose value over all blocks is given.

        Of a share that is some of it, and some of the rest; of a rate of which more is better that it is not the greatest; of
        a percentile half as much beyond it as is everywhere.
        """
        if isinstance(self._of, Ratio):
            over, under = self._over[block], self._under[block]
            if self._of.is_rate and self._more_is_better:
                return under > 0 and over / under < self._greatest
            return over > 0 and (self._of.is_rate or over < under)
        found = self._percentile((100 + self._of.percent) / 2, (block,))
        return found is None or found >= value

    def count(self, choice: Choice) -> int:
        """Return how many values there are in a choice: of a percentile, what it is taken of; of a share, the whole."""
        if isinstance(self._of, Ratio):
            return _total(self._under, choice)
        if self._frames is not None:
            return _total(self._frames, choice)
        return _total(self._up_to[-1], choice) if self._up_to else 0

    def _percentile(self, percent: float, choice: Choice) -> float | None:
        up_to = self._up_to
        if not up_to:
            return None
        wanted = self.count(choice) * percent / 100
        if not 0 < wanted <= _total(up_to[-1], choice):
            return None
        low, high = 0, len(up_to) - 1
        while low < high:
            middle = (low + high) // 2
            if _total(up_to[middle], choice) >= wanted:
                high = middle
            else:
                low = middle + 1
        before = _total(up_to[low - 1], choice) if low else 0
        within = _total(up_to[low], choice) - before
        # Values lie evenly within a bucket, as far as anybody knows.
        start, end = upper_end(self._buckets[low] - 1), upper_end(self._buckets[low])
        return max(start + (end - start) * (wanted - before) / within, 0.0) / SECOND


def _total(values: Sequence[int], choice: Choice) -> int:
    return sum(map(values.__getitem__, choice))
