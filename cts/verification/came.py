"""What came of one frame, datagram by datagram, and what must be told of it: ``docs/events.md`` and ``docs/verdicts.md``.

A datagram is known by its stamp; one whose stamp had come before is a copy, and so is what comes when the frame's bytes are all
there, or what would begin another run of stamps where there are as many as datagrams are due (64 at least). Some fields are
followed twice over, by stamps and by bytes, for peers whose stamps do not tell datagrams apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from attrs import define, field

from cts.verification.bounds import Bounds

__all__ = ["Came", "ExpectedRecord", "Ranges", "Stamp"]

Stamp = tuple[int, int]
"""The sender's clock in a datagram: ticks, and ticks per second."""

Ranges = tuple[tuple[int, int], ...]

_SECOND_NS = 10**9
_RUNS = 64


class ExpectedRecord(NamedTuple):
    """What the events must say of a frame's datagrams, by the names of the keys, in the truth's time."""

    distinct: int
    distinct_size: int
    duplicate: int
    missing: Ranges | None
    first_ns: int | None
    last_ns: int | None
    whole_ns: int | None
    again_ns: int | None
    least_transit_ns: int | None
    greatest_transit_ns: int | None
    transit_ns: int | None
    extents: tuple[Bounds, ...]


@define(eq=False)
class Came:
    """Takes a frame's datagrams as they come.

    Args:
        sizes: bytes of each of the frame's datagrams.

    Attributes:
        stamps: of the datagrams that came, each with its bytes.
        size, datagrams: bytes and datagrams, each time that they came.
        distinct_size: bytes of the datagrams, each once.
        again: datagrams that had come before.
        alike: whether two of different length came one behind the other with one stamp.
        close: whether another came so near to one of them that their order is open.
        extents: of those that came behind later ones, since they were told last.
    """

    _sizes: Sequence[int]
    _full_size: int
    stamps: dict[int, int] = field(factory=dict, init=False)
    size: int = 0
    datagrams: int = 0
    distinct_size: int = 0
    again: int = 0
    alike: bool = False
    close: bool = False
    extents: list[Bounds] = field(factory=list, init=False)
    _runs: int = 0
    _last: tuple[int, int] = (0, 0)
    _first_ns: int | None = None
    _last_ns: int | None = None
    _whole_ns: int | None = None
    _again_ns: int | None = None
    _whole_by_size_ns: int | None = None
    _again_by_size_ns: int | None = None
    _least_ns: int | None = None
    _greatest_ns: int | None = None
    transit_ns: int | None = None

    @property
    def due(self) -> int:
        """Datagrams that make the frame."""
        return len(self._sizes)

    def take(self, at_ns: int, size: int, stamp: Stamp) -> bool:
        """Take a datagram; tell whether it had not come before."""
        ticks, rate = stamp
        if self.datagrams and self._last[0] == ticks and self._last[1] != size:
            self.alike = True
        self._last = ticks, size
        self.datagrams += 1
        self.size += size
        if self._first_ns is None:
            self._first_ns = at_ns
        self._last_ns = at_ns
        fresh = self._is_fresh(ticks)
        if fresh:
            self.stamps[ticks] = size
            self.distinct_size += size
            if self._whole_ns is None and self.distinct_size >= self._full_size:
                self._whole_ns = at_ns
        else:
            self.again += 1
            if self._again_ns is None:
                self._again_ns = at_ns
        if self.size >= self._full_size:
            if self._whole_by_size_ns is None:
                self._whole_by_size_ns = at_ns
            if self._again_by_size_ns is None and self.size > self._full_size:
                self._again_by_size_ns = at_ns
        if rate > 0:
            transit_ns = self.transit_ns = at_ns - ticks * _SECOND_NS // rate
            if self._least_ns is None or transit_ns < self._least_ns:
                self._least_ns = transit_ns
            if self._greatest_ns is None or transit_ns > self._greatest_ns:
                self._greatest_ns = transit_ns
        return fresh

    def _is_fresh(self, ticks: int) -> bool:
        stamps = self.stamps
        if not stamps:
            self._runs = 1
            return True
        if ticks in stamps or self.distinct_size >= self._full_size:
            return False
        joins = (ticks - 1 in stamps) + (ticks + 1 in stamps)
        if not joins and self._runs >= max(len(self._sizes), _RUNS):
            return False
        self._runs += 1 - joins
        return True

    @property
    def neighbours(self) -> bool:
        """Whether two consecutive stamps came."""
        return self._runs < len(self.stamps)

    def missing(self) -> Ranges | None:
        """Return the positions of what has not come; None where the stamps do not tell."""
        due = len(self._sizes)
        if self.distinct_size >= self._full_size:
            return ()
        if not self.stamps:
            return ((0, due - 1),)
        first, last = min(self.stamps), max(self.stamps)
        if len(self.stamps) >= due or last - first >= due:
            return None
        # The shorter one is the last of its frame, and what came as far behind it as that is; a peer may have
        # others, by its settings.
        shorter_by = self._sizes[0] - self._sizes[-1]
        lacks = len(self.stamps) * self._sizes[0] - self.distinct_size
        front = due - (last - first + 1) if 0 < shorter_by <= lacks else 0
        came = {ticks - first + front for ticks in self.stamps}
        ranges: list[tuple[int, int]] = []
        for place in range(due):
            if place in came:
                continue
            if ranges and ranges[-1][1] == place - 1:
                ranges[-1] = ranges[-1][0], place
            else:
                ranges.append((place, place))
        return tuple(ranges)

    def taken_extents(self) -> tuple[Bounds, ...]:
        """Return the extents, which have been told now."""
        extents = tuple(self.extents)
        self.extents.clear()
        return extents

    def again_told_ns(self, by_stamps: bool) -> int | None:
        """Return when something came first that had come before."""
        return self._again_ns if by_stamps else self._again_by_size_ns

    def record(self, by_stamps: bool) -> ExpectedRecord:
        """Return what must be told of the frame when it is rendered."""
        due = len(self._sizes)
        extents = self.taken_extents()
        if not self.datagrams:
            return ExpectedRecord(0, 0, 0, ((0, due - 1),), *(None,) * 7, ())
        size = min(self.distinct_size if by_stamps else self.size, self._full_size)
        came = len(self.stamps) if by_stamps else self.datagrams
        distinct = due if size == self._full_size else min(came, due - 1)
        duplicate = self.again if by_stamps else self.datagrams - distinct
        return ExpectedRecord(
            distinct=distinct,
            distinct_size=size,
            duplicate=duplicate,
            missing=self.missing() if by_stamps else None,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            whole_ns=self._whole_ns if by_stamps else self._whole_by_size_ns,
            again_ns=self.again_told_ns(by_stamps),
            least_transit_ns=self._least_ns,
            greatest_transit_ns=self._greatest_ns,
            transit_ns=self.transit_ns,
            extents=extents if by_stamps else (),
        )
