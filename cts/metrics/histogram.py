"""A log-linear histogram of whole numbers: constant relative error, small, mergeable."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import add

from attrs import frozen

__all__ = ["Histogram", "Percentiles", "upper_end"]

_PRECISION_BITS = 7
_ROW = 1 << _PRECISION_BITS
_LINEAR = 2 * _ROW
_RECENT_MAX = 32


@frozen
class Percentiles:
    """What a histogram comes to: the count, three percentiles and the greatest value, in the unit of what was recorded."""

    count: int
    p50: int
    p99: int
    p999: int
    greatest: int


class Histogram:
    """Counts of values from 0, each bucket no wider than 1/128 of its values; the greatest value is kept exactly.

    Holds a row of 128 counts, a kilobyte, for each power of two that occurs: ten or so of lateness, and never more than sixty.
    """

    __slots__ = ("_greatest", "_recent", "_rows")

    def __init__(self) -> None:
        # By number: rows of buckets that follow each other, so that to add two histograms is to add lists.
        self._rows: dict[int, list[int]] = {}
        self._greatest = 0
        # Values that have no bucket yet: to find one at a time costs as much as several together.
        self._recent: list[int] = []

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self._sorted_in() == other._sorted_in() and self._greatest == other._greatest

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(map(sum, self._sorted_in().values()))

    @property
    def greatest(self) -> int:
        """The greatest of them; 0 for none."""
        self._sorted_in()
        return self._greatest

    def record(self, value: int) -> None:
        """Count a value; one below 0 counts as 0."""
        recent = self._recent
        recent.append(value)
        if len(recent) >= _RECENT_MAX:
            self._sorted_in()

    def add(self, other: Histogram) -> None:
        """Count everything that another one has counted."""
        rows = self._sorted_in()
        for number, others in other._sorted_in().items():
            row = rows.get(number)
            rows[number] = others.copy() if row is None else list(map(add, row, others))
        self._greatest = max(self._greatest, other._greatest)

    def percentile(self, percent: float) -> int:
        """Return the least recorded bucket's upper end that at least ``percent`` of the values do not exceed; 0 for none."""
        (value,) = self._at(percent)
        return value

    def percentiles(self) -> Percentiles:
        """Return the figures that are reported."""
        p50, p99, p999 = self._at(50, 99, 99.9)
        return Percentiles(self.count, p50, p99, p999, self.greatest)

    def _at(self, *percents: float) -> list[int]:
        rows = self._sorted_in()
        if not rows:
            return [0] * len(percents)
        numbers = sorted(rows)
        up_to = list(accumulate(sum(rows[number]) for number in numbers))
        found = []
        for percent in percents:
            wanted = up_to[-1] * percent / 100
            at = bisect_left(up_to, wanted)
            row = rows[numbers[at]]
            # The first bucket of a row that holds the value may be empty where nothing is wanted.
            place = bisect_left(list(accumulate(row)), max(wanted - (up_to[at - 1] if at else 0), 1))
            found.append(min(upper_end((numbers[at] << _PRECISION_BITS) + place), self._greatest))
        return found

    def _sorted_in(self) -> dict[int, list[int]]:
        """Return the counts with every recorded value in them."""
        rows = self._rows
        if self._recent:
            for value in self._recent:
                bucket = _bucket_of(max(value, 0))
                row = rows.get(bucket >> _PRECISION_BITS)
                if row is None:
                    row = rows[bucket >> _PRECISION_BITS] = [0] * _ROW
                row[bucket & _ROW - 1] += 1
            self._greatest = max(self._greatest, *self._recent)
            self._recent.clear()
        return rows

    def buckets(self) -> dict[int, int]:
        """Return how many values each bucket has counted that has counted any."""
        rows = self._sorted_in().items()
        return {(number << _PRECISION_BITS) + at: n for number, row in rows for at, n in enumerate(row) if n}

    @classmethod
    def of_buckets(cls, buckets: Mapping[int, int], greatest: int) -> Histogram:
        """Return one that has counted so many values in each bucket, of which ``greatest`` is the greatest."""
        histogram = cls()
        for bucket, count in buckets.items():
            if count:
                row = histogram._rows.setdefault(bucket >> _PRECISION_BITS, [0] * _ROW)
                row[bucket & _ROW - 1] = count
        histogram._greatest = greatest
        return histogram

    @classmethod
    def of(cls, histograms: Iterable[Histogram]) -> Histogram:
        """Return one that has counted what all of these have."""
        total = cls()
        for histogram in histograms:
            total.add(histogram)
        return total


def _bucket_of(value: int) -> int:
    if value < _LINEAR:
        return value
    shift = value.bit_length() - _PRECISION_BITS - 1
    return (shift << _PRECISION_BITS) + (value >> shift)


def upper_end(bucket: int) -> int:
    """Return the greatest value that a bucket counts; -1 for the one before the first."""
    if bucket < _LINEAR:
        return bucket
    shift = (bucket >> _PRECISION_BITS) - 1
    return ((bucket - (shift << _PRECISION_BITS) + 1) << shift) - 1
