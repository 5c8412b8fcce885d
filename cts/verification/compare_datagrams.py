"""Compares what the events say of each frame's datagrams, and of late data, with what they must say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from attrs import define, field

from cts.records.reported_records import ReportedMisses, ReportedRecord
from cts.verification.bounds import Bounds
from cts.verification.came import Ranges
from cts.verification.late import ExpectedMisses, Missed, grouped
from cts.verification.windows import ExpectedFrame

__all__ = ["DatagramComparison", "Differ"]

_COUNTS = ("distinct", "distinct_size", "duplicate")
_TIMES = ("first_ns", "last_ns", "whole_ns", "again_ns")
_TRANSITS = ("least_transit_ns", "greatest_transit_ns")

_STAND_FOR = {
    "distinct_size": ("size",),
    **dict.fromkeys(("first_ns", "last_ns"), ("received_ns",)),
    "whole_ns": ("received_ns", "last_ns", "missing"),
    "transit_ns": ("received_ns", "stamp"),
    **dict.fromkeys(_TRANSITS, ("received_ns", "stamp", "transit_ns")),
}
"""What is left out of an event is told by another key of it; if that is wrong, one difference is enough."""


Value = int | str | None
Differ = Callable[[str, Value, Value, int], None]
"""Takes note of a difference: what, what must be there, what is, and of which frame."""


@define(eq=False)
class DatagramComparison:
    """One stream's.

    Args:
        tolerance_ns: how far times may lie apart.
        same_instant: tells whether two times are one.
        differ: told of each difference.

    Attributes:
        frames: frames whose datagrams were compared.
        order_open: those of them of which something was not judged, since it rests on the order of arrivals that are too close.
        late: how many datagrams were compared that came too late.
    """

    _tolerance_ns: int
    _same_instant: Callable[[int | None, int | None], bool]
    _differ: Differ
    frames: int = field(default=0, init=False)
    order_open: int = field(default=0, init=False)
    late: int = field(default=0, init=False)

    def frame(self, expected: ExpectedFrame, told: ReportedRecord | None, others: int, wrong: Collection[str]) -> None:
        """Compare a frame.

        Args:
            expected: what must be told of it.
            told: what is.
            others: how many frames of the stream are told of so.
            wrong: what differs of what else is told of it: ``size``, ``received_ns``, ``stamp``.
        """
        record, sequence = expected.record, expected.sequence
        if told is None:
            if others:
                self._differ("due", expected.due, None, sequence)
            return
        if record is None:
            return
        self.frames += 1
        rests_on_order, found = False, set(wrong)
        if not self._same_instant(record.transit_ns, told.transit_ns):
            rests_on_order = expected.order_open
            if not rests_on_order:
                self._value("transit_ns", record.transit_ns, told.transit_ns, sequence, found)
                found.add("transit_ns")
        for key in _COUNTS:
            self._value(key, getattr(record, key), getattr(told, key), sequence, found)
        if record.missing != told.missing:
            self._value("missing", _ranges(record.missing), _ranges(told.missing), sequence, found)
            found.add("missing")
        for key in (*_TIMES, *_TRANSITS):
            must_ns, said_ns = getattr(record, key), getattr(told, key)
            if not self._same_instant(must_ns, said_ns):
                self._value(key, must_ns, said_ns, sequence, found)
                found.add(key)
        if not _within(record.extents, told.extents):
            if expected.order_open:
                rests_on_order = True
            else:
                self._differ("extents", _listed(record.extents), _listed(told.extents), sequence)
        self.order_open += rests_on_order

    def missed(self, expected: ExpectedMisses, told: ReportedMisses, ended_ns: int) -> None:
        """Compare what came too late to a stream that ended at an instant."""
        groups = grouped(told, self._tolerance_ns > 0)
        near_ns = ended_ns - self._tolerance_ns if self._tolerance_ns else ended_ns + 1
        for key in sorted(groups.keys() | expected.groups.keys()):
            must, said, sequence = expected.groups.get(key), groups.get(key), key[0]
            if sequence in expected.open or any(each is not None and each.is_open(near_ns) for each in (must, said)):
                continue
            if must is None or said is None:
                self._differ("missed", _instant_of(must), _instant_of(said), sequence)
            else:
                self._late(must, said, sequence)

    def _late(self, must: Missed, said: Missed, sequence: int) -> None:
        self.late += must.datagrams
        for key in ("datagrams", "size", "fresh", "whole", "again"):
            if key == "again" and must.fresh is None:
                continue
            self._value(f"{key} of missed", getattr(must, key), getattr(said, key), sequence)
        self._value("missing of missed", _ranges(must.missing), _ranges(said.missing), sequence)
        for key in ("first_ns", "last_ns"):
            self._instant("time_ns of missed", getattr(must, key), getattr(said, key), sequence)
        (due_ns,) = must.due_ns
        for said_ns in said.due_ns:
            if not self._same_instant(due_ns, said_ns):
                self._differ("late_ns of missed", must.last_ns - due_ns, said.last_ns - said_ns, sequence)
        if not must.order_open:
            self._instant("transit_ns of missed", must.transit_ns, said.transit_ns, sequence)
        if not self._tolerance_ns and must.fresh is not None:
            if not _within(must.extents, said.extents):
                self._differ("extents of missed", _listed(must.extents), _listed(said.extents), sequence)
            self._steps(must, said, sequence)

    def _steps(self, must: Missed, said: Missed, sequence: int) -> None:
        """Compare what is told along the way with how it was when as many had come."""
        steps = {step[0]: step for step in must.steps}
        for datagrams, missing, transit_ns in said.steps[:-1]:
            _, right, right_ns = steps.get(datagrams, (0, missing, transit_ns))
            self._value("missing of missed", _ranges(right), _ranges(missing), sequence)
            self._instant("transit_ns of missed", right_ns, transit_ns, sequence)

    def _value(self, what: str, truth: Value, told: Value, sequence: int, wrong: Collection[str] = ()) -> None:
        if truth != told and not any(each in wrong for each in _STAND_FOR.get(what, ())):
            self._differ(what, truth, told, sequence)

    def _instant(self, what: str, truth: int, told: int, sequence: int) -> None:
        if not self._same_instant(truth, told):
            self._differ(what, truth, told, sequence)


def _within(bounds: Sequence[Bounds], told: Sequence[int | Bounds]) -> bool:
    """Tell whether extents are those that must be told."""
    if len(bounds) != len(told):
        return False
    return all((each if isinstance(each, int) else each.low) in bound for bound, each in zip(bounds, told, strict=True))


def _ranges(ranges: Ranges | None) -> str | None:
    """Return positions in words, None where they are not known."""
    if ranges is None:
        return None
    return ", ".join(f"{first} to {last}" if first < last else str(first) for first, last in ranges) or "none"


def _listed(extents: Sequence[int | Bounds]) -> str:
    return ", ".join(map(str, extents)) or "none"


def _instant_of(missed: Missed | None) -> str | None:
    return None if missed is None else f"{missed.datagrams} at {missed.first_ns}"
