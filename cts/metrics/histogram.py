"""A log-linear histogram of whole numbers: constant relative error, small, mergeable."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

__all__ = ["Histogram", "Percentiles"]

_PRECISION_BITS = 7
_LINEAR = 1 << _PRECISION_BITS + 1


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

    Holds a few hundred buckets at most for any range that occurs, and never more than 128 for each power of two.
    """

    __slots__ = ("_counts", "count", "greatest")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.greatest = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self._counts == other._counts and self.greatest == other.greatest

    def record(self, value: int) -> None:
        """Count a value; one below 0 counts as 0."""
        if value < _LINEAR:
            bucket = max(value, 0)
        else:
            shift = value.bit_length() - _PRECISION_BITS - 1
            bucket = (shift << _PRECISION_BITS) + (value >> shift)
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + 1
        self.count += 1
        if value > self.greatest:
            self.greatest = value

    def add(self, other: Histogram) -> None:
        """Count everything that another one has counted."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.count += other.count
        self.greatest = max(self.greatest, other.greatest)

    def percentile(self, percent: float) -> int:
        """Return the least recorded bucket's upper end that at least ``percent`` of the values do not exceed; 0 for none."""
        wanted = self.count * percent / 100
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_upper_end(bucket), self.greatest)
        return 0

    def percentiles(self) -> Percentiles:
        """Return the figures that are reported."""
        return Percentiles(self.count, self.percentile(50), self.percentile(99), self.percentile(99.9), self.greatest)

    @classmethod
    def of(cls, histograms: Iterable[Histogram]) -> Histogram:
        """Return one that has counted what all of these have."""
        total = cls()
        for histogram in histograms:
            total.add(histogram)
        return total


def _upper_end(bucket: int) -> int:
    if bucket < _LINEAR:
        return bucket
    shift = (bucket >> _PRECISION_BITS) - 1
    return ((bucket - (shift << _PRECISION_BITS) + 1) << shift) - 1
