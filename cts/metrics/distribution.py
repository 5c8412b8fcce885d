"""How times are spread: a histogram of nanoseconds, below 0 too, small, mergeable, with the extremes kept exactly."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import accumulate, chain
from typing import ClassVar, Self

__all__ = ["PERCENTS", "Distribution", "FineDistribution", "Lengths"]

PERCENTS = (50.0, 95.0, 99.0, 99.9)
"""Those that are reported of each distribution."""

_FARTHEST_BITS = 42


class Distribution:
    """Counts of nanoseconds in buckets no wider than 1.024 µs and 1/32 of what they count; least and greatest are exact.

    What is farther from 0 than 73 minutes counts in the last bucket.

    It is what was counted, whatever the order; ``a + b`` counts all that both have. It takes 2 bytes (4 once there are more
    than 65 535 values) for each bucket from 0 to the farthest in use on either side, of 864 at most.

    Attributes:
        count: how many values it has.
        least, greatest: of them; None for none.
    """

    __slots__ = ("_above", "_below", "count", "greatest", "least")

    FINEST_BITS: ClassVar = 10
    """Width of the buckets next to 0, as a power of two."""
    STEP_BITS: ClassVar = 5
    """How many of them are as wide, and how many there are then for each power of two; as a power of two."""

    # What is added to every amount, so that one formula gives even steps near 0, and the place of 0 then.
    _BIAS: ClassVar = 1 << FINEST_BITS + STEP_BITS
    _LOWEST: ClassVar = FINEST_BITS + 1 << STEP_BITS

    def __init_subclass__(cls) -> None:
        cls._BIAS, cls._LOWEST = 1 << cls.FINEST_BITS + cls.STEP_BITS, cls.FINEST_BITS + 1 << cls.STEP_BITS

    def __init__(self, values: Sequence[int] = ()) -> None:
        self._above: array[int] | None = None
        self._below: array[int] | None = None
        self.count = 0
        self.least: int | None = None
        self.greatest: int | None = None
        self.record(values)

    def record(self, values: Sequence[int]) -> None:
        """Count values, in nanoseconds."""
        if not values:
            return
        least, greatest = min(values), max(values)
        above, below = self._reach(least, greatest, len(values))
        bias, lowest = self._BIAS, self._LOWEST
        steps, shifts = self.STEP_BITS, self.STEP_BITS + 1
        farthest = (1 << _FARTHEST_BITS) - bias - 1
        if greatest > farthest or least < -farthest:
            values = [max(-farthest, min(value, farthest)) for value in values]
        if least >= 0:
            # Written out, since every frame comes by here several times.
            for value in values:
                value += bias
                shift = value.bit_length() - shifts
                above[(shift << steps) + (value >> shift) - lowest] += 1
            return
        for value in values:
            counts = above
            if value < 0:
                counts, value = below, -value
            value += bias
            shift = value.bit_length() - shifts
            counts[(shift << steps) + (value >> shift) - lowest] += 1

    def record_times(self, value: int, times: int) -> None:
        """Count a value as if it had come so many times."""
        if times > 0:
            above, below = self._reach(value, value, times)
            (above if value >= 0 else below)[self._place_of(abs(value))] += times

    def percentile(self, percent: float) -> int | None:
        """Return the upper end of the lowest bucket that at least ``percent`` of the values do not exceed; None for none.

        It is never below the exact percentile, and above it by at most 1.024 µs and 1/32 of it.
        """
        if self.least is None or self.greatest is None:
            return None
        below, above = self._below or _NO_COUNTS, self._above or _NO_COUNTS
        up_to = list(accumulate(chain(reversed(below), above)))
        place = bisect_left(up_to, max(self.count * percent / 100, 1)) - len(below)
        return max(self.least, min(self.upper_end(place), self.greatest))

    def counted(self) -> Iterator[tuple[int, int]]:
        """Yield each bucket's upper end, no farther than the extremes, ascending, and how many values it has counted."""
        if self.least is not None and self.greatest is not None:
            # Written out, since there may be thousands.
            bits, bias, following = self.STEP_BITS, self._BIAS, self._LOWEST + 1
            steps = 1 << bits
            least, greatest, last = self.least, self.greatest, self._place_of(1 << _FARTHEST_BITS)
            for place, times in self._in_order():
                if 0 <= place < last:
                    at = place + following
                    value = (steps + (at & steps - 1) << (at >> bits) - 1) - bias - 1
                else:
                    value = self.upper_end(place)
                yield (least if value < least else min(value, greatest)), times

    def shifted(self, origin_ns: int) -> Self:
        """Return it with every value taken from an origin; a value is then what its bucket's upper end was."""
        if self.least is None or self.greatest is None or not origin_ns:
            return self.of((self,))
        buckets: dict[int, int] = {}
        for value, times in self.counted():
            moved = value - origin_ns
            place = self._place_of(moved) if moved >= 0 else ~self._place_of(-moved)
            buckets[place] = buckets.get(place, 0) + times
        return self.of_buckets(buckets, self.least - origin_ns, self.greatest - origin_ns)

    def buckets(self) -> dict[int, int]:
        """Return how many values each bucket has counted; from 0 for values from 0 up, from -1 for those below it."""
        return dict(self._in_order())

    @classmethod
    def of_buckets(cls, buckets: Mapping[int, int], least: int | None, greatest: int | None) -> Self:
        """Return one that has counted so many values in each bucket, with these extremes."""
        made = cls()
        if buckets and least is not None and greatest is not None:
            above, below = made._reach(least, greatest, sum(buckets.values()))
            for place, times in buckets.items():
                (above if place >= 0 else below)[place if place >= 0 else ~place] += times
        return made

    @classmethod
    def of(cls, parts: Iterable[Self]) -> Self:
        """Return one that has counted what all of these have."""
        total = cls()
        for part in parts:
            total._take(part)
        return total

    def __add__(self, other: Self) -> Self:
        return self.of((self, other))

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Distribution):
            return NotImplemented
        return (self.least, self.greatest, self.buckets()) == (other.least, other.greatest, other.buckets())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(count={self.count}, least={self.least}, greatest={self.greatest})"

    def _take(self, other: Distribution) -> None:
        if not self.count:
            self.count, self.least, self.greatest = other.count, other.least, other.greatest
            self._above, self._below = copy(other._above), copy(other._below)
        elif other.least is not None and other.greatest is not None:
            sides = self._reach(other.least, other.greatest, other.count)
            for counts, more in zip(sides, (other._above, other._below), strict=True):
                for index, times in enumerate(more or ()):
                    if times:
                        counts[index] += times

    def _in_order(self) -> Iterator[tuple[int, int]]:
        below, above = self._below or _NO_COUNTS, self._above or _NO_COUNTS
        for place, times in enumerate(chain(reversed(below), above), -len(below)):
            if times:
                yield place, times

    def _reach(self, least: int, greatest: int, more: int) -> tuple[array[int], array[int]]:
        """Make room for as many more values within these, and return the counts from 0 up and below 0."""
        self.count += more
        if self.least is None or least < self.least:
            self.least = least
        if self.greatest is None or greatest > self.greatest:
            self.greatest = greatest
        above = self._above = self._with_room(self._above, greatest)
        below = self._below = self._with_room(self._below, -least)
        return above or _NO_COUNTS, below or _NO_COUNTS

    def _with_room(self, counts: array[int] | None, amount: int) -> array[int] | None:
        code = "H" if self.count <= 0xFFFF else "I" if self.count <= 0xFFFF_FFFF else "Q"
        if counts is not None and counts.typecode != code:
            counts = array(code, counts)
        if amount >= 0:
            if counts is None:
                counts = array(code)
            if (lacking := self._place_of(amount) + 1 - len(counts)) > 0:
                counts.frombytes(bytes(lacking * counts.itemsize))
        return counts

    def _place_of(self, amount: int) -> int:
        steps = self.STEP_BITS
        biased = min(amount + self._BIAS, (1 << _FARTHEST_BITS) - 1)
        shift = biased.bit_length() - steps - 1
        return (shift << steps) + (biased >> shift) - self._LOWEST

    def _least_amount(self, place: int) -> int:
        bias, lowest = self._BIAS, self._LOWEST
        shift, step = divmod(place + lowest, 1 << self.STEP_BITS)
        return ((1 << self.STEP_BITS) + step << shift - 1) - bias

    def upper_end(self, place: int) -> int:
        """Return the greatest value that a bucket counts; that of the last one has no end."""
        if place < 0:
            return -max(self._least_amount(~place), 1)
        if place >= self._place_of(1 << _FARTHEST_BITS):
            return 1 << 127
        return self._least_amount(place + 1) - 1


class FineDistribution(Distribution):
    """The same to 1/256: it takes eight times the memory, 6144 buckets at most on either side."""

    __slots__ = ()

    STEP_BITS = 8


class Lengths(Distribution):
    """The same for counts of things: exact up to 32, then to 1/32."""

    __slots__ = ()

    FINEST_BITS = 0


_NO_COUNTS: array[int] = array("H")
