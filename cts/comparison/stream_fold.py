"""What one stream adds to the cells of its run."""

from __future__ import annotations

from cts.comparison.cells import Cells, Sum, Times
from cts.comparison.stream_delays import StreamDelays
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.viewing import FREEZE_NS, Viewing, ViewingTotals
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan

__all__ = ["StreamFold"]

_LOOKED_AT = 256
"""Rendered frames of which freezes are looked for together."""


class StreamFold:
    """The fold over one stream's frames, in order, and what came late as it came.

    Args:
        cells: where it adds to.
        plan: the stream's arithmetic.
        began_ns: when the run began, in the clock of the frames' times.
        delays: whether it has delay variation and jitter.
    """

    def __init__(self, cells: Cells, plan: StreamPlan, began_ns: int, *, delays: bool) -> None:
        self._cells, self._plan, self._began_ns = cells, plan, began_ns
        self._delays = StreamDelays(plan) if delays else None
        self._buffer_ns = plan.render_offset_ns(1)
        self._datagrams = len(plan.datagram_sizes)
        self._viewing = Viewing(plan.interval_ns)
        self._frames = 0
        self._first_due = self._last_due = self._seen_to = 0

    def frame(self, frame: RenderedFrame) -> None:
        """Take the next frame."""
        record = frame.record
        due_ns = frame.due_ns - self._began_ns
        self._frames += 1
        if self._frames == 1:
            self._first_due = self._seen_to = due_ns
        self._last_due = due_ns
        cell = self._cells.at(due_ns)
        sums = cell.sums
        sums[Sum.FRAMES] += 1
        sums[Sum.COMPLETED] += frame.verdict is Verdict.COMPLETED
        sums[Sum.WATCHED_NS] += self._plan.interval_ns
        sums[Sum.BYTES] += frame.size if record is None else record.distinct_size
        if record is None:
            whole = frame.verdict is not Verdict.DROPPED
        else:
            whole = record.distinct >= record.due
            self._datagrams_of(sums, record)
            if record.whole_ns is not None:
                cell.times[Times.BUFFER].record(self._buffer_ns + record.whole_ns - frame.due_ns)
            if self._delays is not None:
                self._delays.frame(due_ns, record)
        if whole:
            sums[Sum.PLAYED] += 1
            self._rendered(due_ns)

    def missed(self, record: MissedRecord) -> None:
        """Take what came of a frame after its render time."""
        due_ns = record.received_ns - record.late_ns - self._began_ns
        fresh = record.datagrams if record.fresh is None else record.fresh
        cell = self._cells.at(due_ns)
        cell.sums[Sum.CAME] += fresh
        cell.sums[Sum.LATE] += fresh
        cell.sums[Sum.DUPLICATE] += record.datagrams - fresh
        cell.sums[Sum.REORDERED] += len(record.extents)
        if record.whole:
            cell.times[Times.BUFFER].record(self._buffer_ns + record.late_ns)
        if self._delays is not None and fresh:
            self._delays.missed(due_ns, record)

    def finish(self, rendered: int, started_ns: int) -> None:
        """Take note that it has ended, and no more is to be used.

        Args:
            rendered: frames that got a verdict; of those that it was not told of nothing came.
            started_ns: when the stream started, in the clock of the frames' times.
        """
        if not self._frames:
            self._first_due = self._seen_to = started_ns - self._began_ns + self._buffer_ns
            self._last_due = self._first_due - self._plan.interval_ns
        self._nothing_more(min(rendered, self._plan.final_frame) - self._frames)
        if self._last_due > self._seen_to:
            self._viewing.look()
            before = self._viewing.totals(0, self._first_due, self._seen_to)
            after = self._viewing.totals(0, self._first_due, self._last_due)
            self._stood_still(before, after, self._last_due)
        if self._delays is not None:
            self._delays.finish(self._cells)

    def _datagrams_of(self, sums: list[int], record: FrameRecord) -> None:
        sums[Sum.DUE] += record.due
        sums[Sum.CAME] += min(record.distinct, record.due)
        sums[Sum.DUPLICATE] += record.duplicate
        sums[Sum.REORDERED] += len(record.extents)

    def _rendered(self, due_ns: int) -> None:
        """Take note that the picture changed, and find out whether it had stood still."""
        viewing = self._viewing
        if due_ns - self._seen_to < FREEZE_NS:
            viewing.rendered.append(due_ns)
            if len(viewing.rendered) > _LOOKED_AT:
                viewing.look()
        else:
            viewing.look()
            before = viewing.totals(0, self._first_due, self._seen_to)
            viewing.rendered.append(due_ns)
            viewing.look()
            after = viewing.totals(0, self._first_due, due_ns)
            self._stood_still(before, after, due_ns)
        self._seen_to = due_ns

    def _stood_still(self, before: ViewingTotals, after: ViewingTotals, until_ns: int) -> None:
        """Take note of what was seen from the last time that the picture changed until then."""
        if after.freezes > before.freezes:
            self._cells.at(until_ns).sums[Sum.FREEZES] += after.freezes - before.freezes
            self._cells.spread(Sum.FROZEN_NS, self._seen_to, until_ns)

    def _nothing_more(self, frames: int) -> None:
        """Take frames of which nothing came, and nobody told."""
        if frames <= 0:
            return
        interval_ns, cells = self._plan.interval_ns, self._cells
        due_ns = self._last_due + interval_ns
        self._last_due += frames * interval_ns
        cells.at(self._last_due)
        while frames:
            together = min(frames, -(-(cells.end_of(due_ns) - due_ns) // interval_ns))
            sums = cells.at(due_ns).sums
            sums[Sum.FRAMES] += together
            sums[Sum.WATCHED_NS] += together * interval_ns
            sums[Sum.DUE] += together * self._datagrams
            due_ns += together * interval_ns
            frames -= together
