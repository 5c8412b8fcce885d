"""What happened in a run, by cells of time: sums and histograms that add up, so that stretches of time can be put together."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from attrs import define, field

from cts.metrics.histogram import Histogram

__all__ = ["Cell", "Cells", "Sum", "Times"]

CELLS: Final = 128
"""Cells at most; when time goes on they become twice as long, so that there are at least half as many."""
SHORTEST: Final = 27
"""Length of a cell at least, as a power of two of nanoseconds: 134 ms."""


class Sum(IntEnum):
    """What is summed: frames, datagrams, bytes, nanoseconds."""

    FRAMES = 0
    COMPLETED = 1
    PLAYED = 2
    DUE = 3
    CAME = 4
    LATE = 5
    DUPLICATE = 6
    REORDERED = 7
    BYTES = 8
    WATCHED_NS = 9
    FREEZES = 10
    FROZEN_NS = 11


class Times(IntEnum):
    """What is counted as times, nanoseconds: delay variation, jitter, and the depth of the buffer that a frame needs."""

    PDV = 0
    JITTER = 1
    BUFFER = 2


@define
class Cell:
    """One cell: a number for each :class:`Sum`, a histogram for each :class:`Times`."""

    sums: list[int] = field(factory=lambda: [0] * len(Sum))
    times: tuple[Histogram, ...] = field(factory=lambda: tuple(Histogram() for _ in Times))

    def take(self, other: Cell) -> None:
        """Add what another one has."""
        self.sums = [one + two for one, two in zip(self.sums, other.sums, strict=True)]
        for mine, theirs in zip(self.times, other.times, strict=True):
            mine.add(theirs)


class Cells:
    """The cells of a run, from the first in which something was due to the last. It takes 3 MiB at most.

    Attributes:
        width_ns: length of each, nanoseconds.
    """

    def __init__(self) -> None:
        self._shift = SHORTEST
        self._cells: dict[int, Cell] = {}
        self._first = self._last = 0

    @property
    def width_ns(self) -> int:
        """Length of a cell, nanoseconds."""
        return 1 << self._shift

    def at(self, time_ns: int) -> Cell:
        """Return the cell of a time, nanoseconds since the run began."""
        place = time_ns >> self._shift
        if (cell := self._cells.get(place)) is not None:
            return cell
        if not self._cells:
            self._first = self._last = place
        while max(self._last, place) - min(self._first, place) >= CELLS:
            self._double()
            place = time_ns >> self._shift
        self._first, self._last = min(self._first, place), max(self._last, place)
        return self._cells.setdefault(place, Cell())

    def spread(self, what: Sum, start_ns: int, end_ns: int) -> None:
        """Add a stretch of time to each cell that it reaches into."""
        self.at(start_ns)
        self.at(end_ns)
        while start_ns < end_ns:
            until_ns = min(self.end_of(start_ns), end_ns)
            self.at(start_ns).sums[what] += until_ns - start_ns
            start_ns = until_ns

    def end_of(self, time_ns: int) -> int:
        """Return when the cell of a time ends."""
        return (time_ns >> self._shift) + 1 << self._shift

    def __iter__(self) -> Iterator[Cell]:
        """Yield them in order; one in which nothing was due is empty."""
        for place in range(self._first, self._last + 1 if self._cells else self._first):
            yield self._cells.get(place) or Cell()

    def _double(self) -> None:
        cells: dict[int, Cell] = {}
        for place in sorted(self._cells):
            if (into := cells.get(place >> 1)) is None:
                cells[place >> 1] = self._cells[place]
            else:
                into.take(self._cells[place])
        self._cells = cells
        self._first >>= 1
        self._last >>= 1
        self._shift += 1
