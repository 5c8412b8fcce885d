"""Frames over time, thinned: no more buckets than there is room for, in which counts add up and extremes stay.

A bucket begins as long as a frame interval, so that of a short run nothing is lost. Where they would become too many, every two
become one that is twice as long. Widths of timelines of one plan therefore fit into each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame, Verdict
from cts.units import SECOND

__all__ = ["COLUMNS", "Timeline"]

_FAR = 1 << 62
"""Farther from 0 than any value that is kept; sums stay there."""


def _sum(one: int, other: int) -> int:
    return max(-_FAR, min(one + other, _FAR))


_FOLDS: Final[dict[str, tuple[Callable[[int, int], int], int]]] = {
    "completed": (_sum, 0),
    "repeated": (_sum, 0),
    "dropped": (_sum, 0),
    "bytes_on_time": (_sum, 0),
    "due": (_sum, 0),
    "missing": (_sum, 0),
    "late": (_sum, 0),
    "least_slack": (min, _FAR),
    "greatest_slack": (max, -_FAR),
    "least_late": (min, _FAR),
    "greatest_late": (max, -_FAR),
    "least_transit": (min, _FAR),
    "greatest_transit": (max, -_FAR),
    "base_transit": (min, _FAR),
}
"""How two values become one, and what stands for none."""
COLUMNS = tuple(_FOLDS)
"""What a bucket holds: frames by verdict; their bytes that came in time; datagrams due, missing at the render time, and what
of those came late; nanoseconds: how long before its render time a frame that played was whole, how long after it one was that
did not, transits of frames, whose origin is unknown, and the least of any datagram."""
_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}
_FOLD: Final = tuple(fold for fold, _ in _FOLDS.values())
_EMPTY: Final = array("q", [nothing for _, nothing in _FOLDS.values()])
_VERDICTS: Final = {Verdict.COMPLETED: "completed", Verdict.REPEATED: "repeated", Verdict.DROPPED: "dropped"}


class Timeline:
    """Takes frames as they are rendered and what comes late, and keeps the extremes of each bucket of time.

    It takes 200 bytes a bucket.

    Args:
        width_ns: length of a bucket to begin with, nanoseconds: a frame interval.
        most: how many buckets there may be.

    Attributes:
        width_ns: their length now.
        first: number of the first bucket, which begins at ``first * width_ns`` of the run.
        span_ns: from when the first frame was due until an interval after the last one was, nanoseconds since the run began.
    """

    __slots__ = ("_interval_ns", "_most", "_rows", "first", "span_ns", "width_ns")

    def __init__(self, width_ns: int, most: int) -> None:
        self.width_ns = self._interval_ns = max(width_ns, 1)
        self.first = 0
        self.span_ns = (_FAR, -_FAR)
        self._most = most
        self._rows: list[array[int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[int, array[int]]]:
        """Yield when each bucket begins, nanoseconds since the run did, and its values in the order of :data:`COLUMNS`."""
        return zip(self.starts_ns(), self._rows, strict=True)

    def frame(self, frame: RenderedFrame, began_ns: int) -> None:
        """Take a frame; ``began_ns`` is when the run began, in the clock that its times are in."""
        due_ns = frame.due_ns - began_ns
        row = self._row(due_ns)
        self.span_ns = min(self.span_ns[0], due_ns), max(self.span_ns[1], due_ns + self._interval_ns)
        record = frame.record
        _put(row, _VERDICTS[frame.verdict], 1)
        _put(row, "bytes_on_time", frame.size)
        whole_ns = frame.received_ns if frame.size > 0 else None
        transit = least = None
        if record is not None:
            _put(row, "due", record.due)
            if record.distinct < record.due:
                _put(row, "missing", record.due - record.distinct)
            whole_ns = record.whole_ns if record.whole_ns is not None else whole_ns
            transit, least = record.transit_ns, record.least_transit_ns
        elif frame.size > 0 and frame.sender_qpf > 0:
            transit = least = frame.received_ns - frame.sender_qpc * SECOND // frame.sender_qpf
        if frame.verdict is not Verdict.DROPPED and whole_ns is not None:
            _put_both(row, "least_slack", "greatest_slack", frame.due_ns - whole_ns)
        _put_transit(row, transit, least)

    def missed(self, record: MissedRecord, began_ns: int) -> None:
        """Take what came of a frame after its render time."""
        row = self._row(record.received_ns - record.late_ns - began_ns)
        _put(row, "late", record.datagrams if record.fresh is None else record.fresh)
        if record.whole:
            _put_both(row, "least_late", "greatest_late", record.late_ns)
        _put_transit(row, record.transit_ns, record.transit_ns)

    def column(self, name: str) -> list[int | None]:
        """Return a column of :data:`COLUMNS`; None for an extreme of nothing."""
        nothing = _FOLDS[name][1]
        return [value if value != nothing or not nothing else None for value in self.counts(name)]

    def counts(self, name: str) -> list[int]:
        """Return a column of counts; in one of extremes, that of nothing is a number that no other exceeds."""
        place = _PLACES[name]
        return [row[place] for row in self._rows]

    def starts_ns(self) -> list[int]:
        """Return when each bucket begins, nanoseconds since the run did."""
        return [(self.first + index) * self.width_ns for index in range(len(self))]

    @classmethod
    def of(cls, parts: Iterable[Timeline], most: int) -> Timeline:
        """Return all of several of one plan together; no transits, which of different streams have nothing in common."""
        parts = [part for part in parts if len(part)]
        total = cls(max((part.width_ns for part in parts), default=1), most)
        for part in parts:
            total.span_ns = min(total.span_ns[0], part.span_ns[0]), max(total.span_ns[1], part.span_ns[1])
            for start_ns, row in part:
                into = total._row(start_ns)
                for place, name in enumerate(COLUMNS):
                    if not name.endswith("transit"):
                        into[place] = _FOLD[place](into[place], row[place])
        return total

    def _row(self, time_ns: int) -> array[int]:
        """Return the bucket of a time, made if there was none."""
        rows = self._rows
        at = time_ns // self.width_ns - self.first
        if 0 <= at < len(rows):
            return rows[at]
        if not rows:
            self.first += at
            at = 0
        while max(at + 1, len(rows), len(rows) - at) > self._most:
            self._halve()
            rows = self._rows
            at = time_ns // self.width_ns - self.first
        if at < 0:
            rows[:0] = [_EMPTY[:] for _ in range(-at)]
            self.first += at
            at = 0
        rows.extend(_EMPTY[:] for _ in range(at + 1 - len(rows)))
        return rows[at]

    def _halve(self) -> None:
        odd = [_EMPTY[:]] if self.first % 2 else []
        rows = odd + self._rows
        if len(rows) % 2:
            rows.append(_EMPTY[:])
        self._rows = [
            array("q", [fold(one, other) for fold, one, other in zip(_FOLD, *pair, strict=True)])
            for pair in zip(rows[::2], rows[1::2], strict=True)
        ]
        self.first //= 2
        self.width_ns *= 2


def _put(row: array[int], name: str, value: int) -> None:
    place = _PLACES[name]
    row[place] = _FOLD[place](row[place], max(-_FAR, min(value, _FAR)))


def _put_both(row: array[int], least: str, greatest: str, value: int) -> None:
    if -_FAR < value < _FAR:
        _put(row, least, value)
        _put(row, greatest, value)


def _put_transit(row: array[int], transit: int | None, least: int | None) -> None:
    if transit is not None and least is not None and -_FAR < least < _FAR:
        _put_both(row, "least_transit", "greatest_transit", transit)
        _put(row, "base_transit", least)
