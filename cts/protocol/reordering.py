"""How far datagrams arrive behind others that were sent later: the reordering extent of RFC 4737, section 4.2.2."""

from __future__ import annotations

from bisect import bisect_right

__all__ = ["ReorderingExtents"]

_MARKS = 4096
"""Runs that set a new mark and are remembered; what is further behind counts as being that far behind."""

_Key = tuple[int, int]


class ReorderingExtents:
    """Follows one stream's datagrams as they arrive, in runs of consecutive stamps; those that came before are left out."""

    def __init__(self) -> None:
        # Each run that was ahead of all before it: its greatest key, its least, and how many had arrived before. The earliest
        # arrival that was sent later than a datagram is always one of these.
        self._lasts: list[_Key] = []
        self._runs: list[tuple[_Key, int]] = []
        self._arrived = 0

    def of(self, sequence: int, stamp: int, datagrams: int) -> tuple[int, ...]:
        """Return the extent of each datagram of a run that is behind, which arrived now; in the order of stamps."""
        arrived = self._arrived
        self._arrived += datagrams
        if not self._lasts or (sequence, stamp) > self._lasts[-1]:
            self._lasts.append((sequence, stamp + datagrams - 1))
            self._runs.append(((sequence, stamp), arrived))
            if len(self._lasts) > _MARKS:
                del self._lasts[: _MARKS // 2], self._runs[: _MARKS // 2]
            return ()
        return tuple(arrived + place - self._earliest_after((sequence, stamp + place)) for place in range(datagrams))

    def _earliest_after(self, key: _Key) -> int:
        """Return how many had arrived before the earliest one that was sent after ``key``."""
        first, before = self._runs[min(bisect_right(self._lasts, key), len(self._runs) - 1)]
        return before if key < first else before + key[1] - first[1] + 1
