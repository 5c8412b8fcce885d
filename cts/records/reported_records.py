"""What events tell of frames' datagrams and of late data, kept compactly: there is one for every frame."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attrs import define, field

from cts.metrics.frame_record import FrameRecord, MissedRecord, Ranges

__all__ = ["ReportedMissed", "ReportedMisses", "ReportedRecord", "ReportedRecords"]

_NOTHING = -(2**63)
_FITS = range(_NOTHING + 1, 2**63)

Row = Sequence[int | None]


class ReportedRecord(NamedTuple):
    """What the events say of a frame's datagrams, by the names of the keys; times and transits are in the truth's time."""

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
    extents: tuple[int, ...]


class ReportedMissed(NamedTuple):
    """What the events say of data that came too late; ``due_ns`` is when it came less how late it was."""

    sequence: int
    received_ns: int
    due_ns: int
    datagrams: int
    size: int
    fresh: int | None
    missing: Ranges | None
    whole: bool
    again: bool
    transit_ns: int
    extents: tuple[int, ...]


@define(eq=False)
class _Rows:
    """Rows of as many numbers, 8 bytes each; what does not fit is kept beside them."""

    _width: int
    _numbers: array[int] = field(factory=lambda: array("q"), init=False)
    _odd: dict[int, tuple[int | None, ...]] = field(factory=dict, init=False)
    _kept: dict[tuple[object, ...], int] = field(factory=dict, init=False)
    _by_number: list[tuple[object, ...]] = field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self._numbers) // self._width

    def number(self, values: tuple[object, ...] | None) -> int | None:
        """Return a number that stands for a tuple of which there are few different ones."""
        if values is None:
            return None
        at = self._kept.setdefault(values, len(self._by_number))
        if at == len(self._by_number):
            self._by_number.append(values)
        return at

    def of_number(self, number: int | None) -> tuple[object, ...] | None:
        """Return what a number stands for."""
        return None if number is None else self._by_number[number]

    def append(self, row: tuple[int | None, ...]) -> None:
        """Add a row."""
        if not all(each is None or each in _FITS for each in row):
            self._odd[len(self)] = row
            row = (None,) * self._width
        self._numbers.extend(_NOTHING if each is None else each for each in row)

    def row(self, index: int) -> Row:
        """Return a row."""
        if index in self._odd:
            return self._odd[index]
        at = index * self._width
        return [None if each == _NOTHING else each for each in self._numbers[at : at + self._width]]


class ReportedRecords:
    """The records of one stream's frames, in the order of their events; None for a frame without one."""

    def __init__(self) -> None:
        self._rows = _Rows(len(ReportedRecord._fields))
        self.told = 0
        """How many there are."""

    def __getitem__(self, index: int) -> ReportedRecord | None:
        row = self._rows.row(index)
        if row[11] is None:
            return None
        values: list[object] = list(row)
        values[3], values[11] = self._rows.of_number(row[3]), self._rows.of_number(row[11])
        return ReportedRecord(*values)  # type: ignore[arg-type]

    def append(self, record: FrameRecord | None, shift_ns: int) -> None:
        """Add the next frame's.

        Args:
            record: it, in the run's clock.
            shift_ns: what makes times of that times of the truth.
        """
        if record is None:
            self._rows.append((None,) * len(ReportedRecord._fields))
            return
        self.told += 1
        times = (
            record.first_ns,
            record.last_ns,
            record.whole_ns,
            record.again_ns,
            record.least_transit_ns,
            record.greatest_transit_ns,
            record.transit_ns,
        )
        self._rows.append(
            (
                record.distinct,
                record.distinct_size,
                record.duplicate,
                self._rows.number(record.missing),
                *(None if each is None else each + shift_ns for each in times),
                self._rows.number(record.extents),
            )
        )


class ReportedMisses:
    """What came late of one stream, in the order of its events."""

    def __init__(self) -> None:
        self._rows = _Rows(len(ReportedMissed._fields))

    def append(self, record: MissedRecord, shift_ns: int) -> None:
        """Add the next; its arguments are those of :meth:`ReportedRecords.append`."""
        received_ns = record.received_ns + shift_ns
        self._rows.append(
            (
                record.sequence,
                received_ns,
                received_ns - record.late_ns,
                record.datagrams,
                record.size,
                record.fresh,
                self._rows.number(record.missing),
                int(record.whole),
                int(record.again),
                record.transit_ns + shift_ns,
                self._rows.number(record.extents),
            )
        )

    def __iter__(self) -> Iterator[ReportedMissed]:
        for index in range(len(self._rows)):
            row = self._rows.row(index)
            values: list[object] = list(row)
            values[6], values[10] = self._rows.of_number(row[6]), self._rows.of_number(row[10])
            values[7], values[8] = bool(row[7]), bool(row[8])
            yield ReportedMissed(*values)  # type: ignore[arg-type]
