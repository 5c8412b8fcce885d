"""Makes the records of a stream's frames: what metrics, the events and the playout sweep are computed from."""

from __future__ import annotations

from collections.abc import Callable

from cts.metrics.frame_record import FrameRecord, MissedRecord, Ranges
from cts.protocol.distinct import Arrived, WholeAtOnce
from cts.protocol.frame_timing import FrameTiming
from cts.protocol.plan import StreamPlan
from cts.protocol.positions import missing_of
from cts.protocol.reordering import ReorderingExtents
from cts.units import SECOND

__all__ = ["FrameRecorder", "MissedObserver", "RecordObserver"]

RecordObserver = Callable[[FrameRecord], None]
MissedObserver = Callable[[MissedRecord], None]

_AGAIN_REMEMBERED = 1024
"""Frames of which it is remembered that something of them came again, at most."""


class FrameRecorder:
    """Follows the datagrams of one stream and what becomes of its frames.

    Args:
        plan: the stream's arithmetic.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._full_size = plan.frame_size
        self._due = len(plan.datagram_sizes)
        self._order = ReorderingExtents()
        self._again: dict[int, None] = {}

    def came_whole(self, sequence: int, stamp: int, qpf: int) -> bool:
        """Take note of a frame that came whole at once; tell whether nothing more needs to be kept of it than that."""
        return qpf > 0 and self._order.ahead(sequence, stamp, stamp + self._due - 1, self._due)

    def spelt_out(self, whole: WholeAtOnce) -> Arrived:
        """Return what has come of a frame that came whole at once, and of which something more comes."""
        stamp, qpf, at_ns = whole
        arrived = Arrived.spelt_out(whole, self._plan.datagram_sizes)
        timing = arrived.timing = FrameTiming(at_ns, whole_ns=at_ns, whole_by_size_ns=at_ns)
        timing.travelled(at_ns - stamp * SECOND // qpf, at_ns - arrived.last * SECOND // qpf)
        return arrived

    def came(
        self,
        arrived: Arrived,
        sequence: int,
        first: int,
        last: int,
        fresh: int,
        qpf: int,
        received_ns: int,
    ) -> None:
        """Take note of datagrams that ``arrived`` holds already: their first and last stamp, and how many were new."""
        timing = arrived.timing
        if timing is None:
            timing = arrived.timing = FrameTiming(received_ns)
        if qpf > 0:
            timing.travelled(received_ns - first * SECOND // qpf, received_ns - last * SECOND // qpf)
        if fresh:
            timing.extents += self._order.of(sequence, first, fresh)
        if timing.again_ns is None and arrived.duplicate:
            timing.again_ns = received_ns
        if timing.whole_ns is None and arrived.distinct_size >= self._full_size:
            timing.whole_ns = received_ns
        if timing.whole_by_size_ns is None and arrived.size >= self._full_size:
            timing.whole_by_size_ns = received_ns
        if timing.again_by_size_ns is None and arrived.size > self._full_size:
            timing.again_by_size_ns = received_ns

    def rendered_whole(self, sequence: int, due_ns: int, whole: WholeAtOnce) -> FrameRecord:
        """Return the record of a frame that came whole at once."""
        stamp, qpf, at_ns = whole
        due = self._due
        first_transit_ns = last_transit_ns = at_ns - stamp * SECOND // qpf
        if due > 1:
            last_transit_ns = at_ns - (stamp + due - 1) * SECOND // qpf
        came = at_ns, at_ns, at_ns, None, last_transit_ns, first_transit_ns, last_transit_ns, ()
        # Without the detour of a named tuple's constructor, for nearly every frame.
        return tuple.__new__(FrameRecord, (sequence, due_ns, due, due, self._full_size, 0, (), *came))

    def rendered(self, sequence: int, due_ns: int, arrived: Arrived, identified: bool) -> FrameRecord:
        """Return the record of a frame, by its stamps if it is ``identified``, else by its bytes."""
        due, full_size, timing = self._due, self._full_size, arrived.timing
        extents: tuple[int, ...]
        came = arrived.distinct + arrived.duplicate
        if timing is None or not came:
            return FrameRecord(sequence, due_ns, due, 0, 0, 0, ((0, due - 1),), *(None,) * 7)
        if not identified:
            whole_ns, again_ns = timing.whole_by_size_ns, timing.again_by_size_ns
            size, missing = min(arrived.size, full_size), None
            distinct = self._distinct(came, size)
            duplicate, extents = came - distinct, ()
        else:
            whole_ns, again_ns = timing.whole_ns, timing.again_ns
            size = min(arrived.distinct_size, full_size)
            missing = self._missing(arrived)
            distinct = self._distinct(arrived.distinct, size)
            duplicate, extents = arrived.duplicate, tuple(timing.extents)
        if again_ns is not None:
            self._came_again(sequence)
        timing.extents.clear()
        return FrameRecord(
            sequence,
            due_ns,
            due,
            distinct,
            size,
            duplicate,
            missing,
            timing.first_ns,
            arrived.received_ns,
            whole_ns,
            again_ns,
            timing.least_transit_ns,
            timing.greatest_transit_ns,
            timing.transit_ns,
            extents,
        )

    def missed_whole(self, record: MissedRecord) -> MissedRecord:
        """Complete the record of data of a frame that had come whole."""
        return record._replace(fresh=0, missing=(), again=self._came_again(record.sequence))

    def missed_of(self, record: MissedRecord, arrived: Arrived, fresh: int, whole: bool) -> MissedRecord:
        """Complete the record of data of a frame that had not come whole; ``arrived`` now holds it as well."""
        timing = arrived.timing
        assert timing is not None
        extents = tuple(timing.extents)
        timing.extents.clear()
        again = fresh < record.datagrams and self._came_again(record.sequence)
        # Of a peer whose datagrams are smaller more may be new than the frame lacks.
        fresh = min(fresh, self._due - min(arrived.distinct - fresh, self._due - 1))
        missing = () if whole else self._missing(arrived)
        return record._replace(fresh=fresh, missing=missing, whole=whole, again=again, extents=extents)

    def _distinct(self, came: int, size: int) -> int:
        """Return how many of a frame's datagrams ``came`` are worth: whatever their size, all of them only with all bytes."""
        return self._due if size == self._full_size else min(came, self._due - 1)

    def _missing(self, arrived: Arrived) -> Ranges | None:
        if arrived.distinct_size >= self._full_size:
            return ()
        return missing_of(arrived, self._plan.datagram_sizes)

    def _came_again(self, sequence: int) -> bool:
        """Take note that something of a frame came a second time; tell whether that is new."""
        again = self._again
        if sequence in again:
            return False
        again[sequence] = None
        if len(again) > _AGAIN_REMEMBERED:
            del again[next(iter(again))]
        return True
