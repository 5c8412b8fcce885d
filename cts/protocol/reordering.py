"""How far datagrams arrive behind others that were sent later: the reordering extent of RFC 4737, section 4.2.3."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

__all__ = ["ReorderingExtents"]

_MARKS = 512
"""Runs that set a new mark and are remembered at most, and half as many at least; what is further behind counts as being that
far behind."""


class ReorderingExtents:
    """Follows one stream's datagrams as they arrive, in runs of consecutive stamps; those that came before are left out."""

    __slots__ = ("_arrived", "_before", "_first", "_greatest", "_greatest_stamp", "_last", "_sequence")

    def __init__(self) -> None:
        # Each run that was ahead of all before it: its frame, its first and last stamp, and how many had arrived before. The
        # earliest arrival that was sent later than a datagram is always one of these.
        self._sequence = array("q")
        self._first = array("q")
        self._last = array("q")
        self._before = array("q")
        self._greatest = -(2**63)
        self._greatest_stamp = 0
        self._arrived = 0

    def ahead(self, sequence: int, first: int, last: int, datagrams: int) -> bool:
        """Take in a run that is ahead of all before it; tell whether it is: if not, it is not taken in."""
        if sequence <= self._greatest and (sequence < self._greatest or first <= self._greatest_stamp):
            return False
        self._greatest, self._greatest_stamp = sequence, last
        self._sequence.append(sequence)
        self._first.append(first)
        self._last.append(last)
        self._before.append(self._arrived)
        self._arrived += datagrams
        if len(self._sequence) > _MARKS:
            for each in (self._sequence, self._first, self._last, self._before):
                del each[: _MARKS // 2]
        return True

    def of(self, sequence: int, stamp: int, datagrams: int) -> tuple[int, ...]:
        """Return the extent of each datagram of a run that is behind, which arrived now; in the order of stamps."""
        if self.ahead(sequence, stamp, stamp + datagrams - 1, datagrams):
            return ()
        arrived = self._arrived
        self._arrived += datagrams
        return tuple(arrived + place - self._earliest_after(sequence, stamp + place) for place in range(datagrams))

    def _earliest_after(self, sequence: int, stamp: int) -> int:
        """Return how many had arrived before the earliest one that was sent after this."""
        low = bisect_left(self._sequence, sequence)
        high = bisect_right(self._sequence, sequence, low)
        # What is past the greatest of all has come before, and was forgotten.
        at = min(bisect_right(self._last, stamp, low, high), len(self._last) - 1)
        first, before = self._first[at], self._before[at]
        return before if self._sequence[at] > sequence or stamp < first else before + stamp - first + 1
