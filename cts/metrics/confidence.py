"""How sure a share is, bursts and all: limits of 95 %, from sums over blocks of time.

Losses come in bursts, so n datagrams say less than n independent ones would. How much less shows in how much the sums over
blocks of time stray (batch means; ratio estimator, W. Cochran, "Sampling Techniques", 3rd edition, section 6.3), with twice
the covariance of neighbouring blocks where that is positive, since a burst may lie in both (W. Newey, K. West, 1987, with one
lag). The number of independent datagrams that would stray as much takes n's place in the score interval (E. Wilson, 1927), with
Student's quantile for as many degrees of freedom as blocks have something lost, less one: of few bursts their strength is
hardly known; for twice as many as there are such blocks where none of them has two. Blocks lie in the run's time, so that what
many streams lose together counts as the one burst that it is.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from operator import add

from attrs import frozen

__all__ = ["BlockSums", "Evidence", "Limits", "evidence", "limits_of_share"]

BLOCKS = 64
"""Blocks at most; when time goes on they become twice as long, so that there are at least half as many."""
SHORTEST = 27
"""Length of a block at least, as a power of two of nanoseconds: 134 ms."""
_COLUMNS = 4
_NORMAL = 1.959963984540054
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""The 97.5 % quantile for 1 to 10 degrees of freedom."""


@frozen
class Limits:
    """A share and the limits within which the true one is with a probability of 95 %."""

    share: float
    low: float
    high: float


@frozen
class Evidence:
    """What limits rest on.

    Attributes:
        total: how many there were.
        independent: how many independent ones would stray as much.
        blocks: stretches of time with any of them.
        telling: those of these with some of what is rarer: what was counted, or what was not.
        bursts: whether one of these has more than one of it.
    """

    total: int
    independent: float
    blocks: int
    telling: int
    bursts: bool


def limits_of_share(totals: Sequence[int], counts: Sequence[int]) -> Limits | None:
    """Return the limits of the share of what was counted, over neighbouring blocks; None where nothing was to be counted.

    Where all or nothing was counted nothing is known of bursts; then the limits are those of independent events. With all
    in one block there are none that hold. Less than nothing counts as nothing, more than all as all.

    Args:
        totals: how many there were in each block.
        counts: how many of them were counted.
    """
    total, count = sum(totals), sum(counts)
    if total <= 0:
        return None
    share = min(max(count / total, 0.0), 1.0)
    if not 0 < count < total:
        low, high = _wilson(share, total, _NORMAL)
        return Limits(share, low if share else 0.0, 1.0 if share else high)
    if sum(map(bool, totals)) < 2:
        return None
    found = evidence(totals, counts)
    # Nothing shows bursts where each came alone, but few that came alone do not show that there are none.
    freedom = max(found.telling - 1, 1) if found.bursts else 2 * found.telling
    return Limits(share, *_wilson(share, found.independent, _student(freedom)))


def evidence(totals: Sequence[int], counts: Sequence[int]) -> Evidence:
    """Return what the limits of a share rest on, where some was counted and some not, and not all in one block."""
    total, blocks = sum(totals), sum(map(bool, totals))
    share = sum(counts) / total
    rest = [whole - part for part, whole in zip(counts, totals, strict=True)]
    fewer = min(counts, rest, key=sum)
    strays = [part - share * whole for part, whole in zip(counts, totals, strict=True)]
    squares = sum(stray * stray for stray in strays) * blocks / (blocks - 1)
    squares += max(2 * sum(one * two for one, two in pairwise(strays)), 0)
    # As many independent ones would stray as much.
    independent = total * total * share * (1 - share) / squares if squares else total
    telling = min(sum(each > 0 for each in part) for part in (counts, rest))
    return Evidence(total, independent, blocks, telling, bursts=max(fewer) > 1)


def _wilson(share: float, number: float, quantile: float) -> tuple[float, float]:
    weight = quantile * quantile / number
    middle = share + weight / 2
    half = quantile * sqrt(share * (1 - share) / number + weight / (4 * number))
    return (middle - half) / (1 + weight), (middle + half) / (1 + weight)


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's distribution (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = _NORMAL
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


class BlockSums:
    """Sums over blocks of time: of frames and those not played, of datagrams and those lost.

    It is what was added, whatever the order: blocks begin at multiples of their length, which is the least power of two with
    which at most 64 reach from the first to the last. ``a + b`` has all that both have.
    """

    __slots__ = ("_first", "_shift", "_sums")

    def __init__(self) -> None:
        self._shift = SHORTEST
        self._first = 0
        self._sums = array("q")

    def add(self, at_ns: int, frames: int, not_played: int, datagrams: int, lost: int) -> None:
        """Add what is known of an instant of the run; what is not lost after all is added as less."""
        self._reach(at_ns)
        at = ((at_ns >> self._shift) - self._first) * _COLUMNS
        sums = self._sums
        sums[at] += frames
        sums[at + 1] += not_played
        sums[at + 2] += datagrams
        sums[at + 3] += lost

    def end_of(self, at_ns: int) -> int:
        """Return when the block of an instant ends."""
        return (at_ns >> self._shift) + 1 << self._shift

    def played(self) -> Limits | None:
        """Return the limits of the share of frames that were played."""
        return limits_of_share(*self.frames())

    def frames(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return how many frames were due in each block, and how many of them were played."""
        frames, not_played = self._sums[::_COLUMNS], self._sums[1::_COLUMNS]
        return frames, [all_of - part for all_of, part in zip(frames, not_played, strict=True)]

    def lost(self) -> Limits | None:
        """Return the limits of the share of datagrams that were lost."""
        return limits_of_share(*self.datagrams())

    def datagrams(self) -> tuple[Sequence[int], Sequence[int]]:
        """Return how many datagrams were due in each block, and how many of them were lost."""
        return self._sums[2::_COLUMNS], self._sums[3::_COLUMNS]

    def parts(self) -> tuple[int, int, tuple[int, ...]]:
        """Return all that it is: a power of two, the first block, and the sums."""
        return self._shift, self._first, tuple(self._sums)

    @classmethod
    def of_parts(cls, shift: int, first: int, sums: Sequence[int]) -> BlockSums:
        """Return one that is so."""
        made = cls()
        made._shift, made._first, made._sums = shift, first, array("q", sums)
        return made

    def __add__(self, other: BlockSums) -> BlockSums:
        total, sums = self.of_parts(*self.parts()), other._sums
        while total._shift < other._shift:
            total._double()
        if not sums:
            return total
        blocks = len(sums) // _COLUMNS
        for place in (other._first, other._first + blocks - 1):
            total._reach(place << other._shift)
        for block in range(blocks):
            at = ((other._first + block >> total._shift - other._shift) - total._first) * _COLUMNS
            part = slice(block * _COLUMNS, (block + 1) * _COLUMNS)
            total._sums[at : at + _COLUMNS] = array("q", map(add, total._sums[at : at + _COLUMNS], sums[part]))
        return total

    def __eq__(self, other: object) -> bool:
        return self.parts() == other.parts() if isinstance(other, BlockSums) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BlockSums{self.parts()}"

    def _reach(self, at_ns: int) -> None:
        """Have a block for an instant."""
        if not self._sums:
            self._first = at_ns >> self._shift
        last = self._first + max(len(self._sums) // _COLUMNS - 1, 0)
        while max(last, at_ns >> self._shift) - min(self._first, at_ns >> self._shift) >= BLOCKS:
            self._double()
            last >>= 1
        place = at_ns >> self._shift
        if place < self._first:
            self._sums[:0] = array("q", [0] * ((self._first - place) * _COLUMNS))
            self._first = place
        if (lacking := (place + 1 - self._first) * _COLUMNS - len(self._sums)) > 0:
            self._sums.extend([0] * lacking)

    def _double(self) -> None:
        """Make blocks twice as long."""
        sums = array("q", [0] * (self._first % 2 * _COLUMNS)) + self._sums
        sums.extend([0] * (-len(sums) % (2 * _COLUMNS)))
        self._sums = array("q", [0] * (len(sums) // 2))
        for column in range(_COLUMNS):
            early, late = sums[column :: 2 * _COLUMNS], sums[column + _COLUMNS :: 2 * _COLUMNS]
            self._sums[column::_COLUMNS] = array("q", map(add, early, late))
        self._first >>= 1
        self._shift += 1
