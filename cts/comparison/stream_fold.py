"""What one stream adds to the cells of its run."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from cts.comparison.cells import Cells, Sum, Times
from cts.metrics.clock_drift import LIFE_POINTS, LINES_EVERY, WINDOW_NS, line_under
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.usable_transits import UsableTransits
from cts.metrics.viewing import FREEZE_NS, Viewing, ViewingTotals
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan

__all__ = ["StreamFold"]

_LOOKED_AT = 256
"""Rendered frames of which freezes are looked for together."""
_SETTLING = 64
"""First transits by which it is known where the others may lie."""


class StreamFold:
    """The fold over one stream's frames, in order, and what came late as it came.

    It keeps 16 bytes a frame where it has delays: which transit is the least is known at the end only.

    Args:
        cells: where it adds to.
        plan: the stream's arithmetic.
        began_ns: when the run began, in the clock of the frames' times.
        delays: whether it has delay variation and jitter.
    """

    def __init__(self, cells: Cells, plan: StreamPlan, began_ns: int, *, delays: bool) -> None:
        self._cells, self._plan, self._began_ns, self._delays = cells, plan, began_ns, delays
        self._buffer_ns = plan.render_offset_ns(1)
        self._datagrams = len(plan.datagram_sizes)
        self._viewing = Viewing(plan.interval_ns)
        self._frames = 0
        self._first_due = self._last_due = self._seen_to = 0
        self._dues, self._transits = array("q"), array("q")
        self._late_dues, self._late_transits = array("q"), array("q")

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
            if self._delays and record.transit_ns is not None:
                self._dues.append(due_ns)
                self._transits.append(record.transit_ns)
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
        if self._delays and fresh:
            self._late_dues.append(due_ns)
            self._late_transits.append(record.transit_ns)

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
        self._take_delays()

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

    def _take_delays(self) -> None:
        """Count delay variation and jitter, unless transits make no sense."""
        first = self._transits or self._late_transits
        if not first:
            return
        usable = UsableTransits(self._plan.end_offset_ns, self._buffer_ns)
        usable.settle(first[:_SETTLING])
        in_time, late = (
            [
                (due, transit)
                for due, transit in zip(dues, transits, strict=True)
                if usable.low <= transit <= usable.high
            ]
            for dues, transits in ((self._dues, self._transits), (self._late_dues, self._late_transits))
        )
        if in_time:
            usable.take([due for due, _ in in_time], [transit for _, transit in in_time])
        if usable.are_nonsense(len(self._transits) - len(in_time)):
            return
        both = in_time + late
        for (due, _), over in zip(both, _over_the_least(both), strict=True):
            self._cells.at(due).times[Times.PDV].record(over)
        for due, jitter in _jitters(in_time):
            self._cells.at(due).times[Times.JITTER].record(jitter)


def _over_the_least(points: Sequence[tuple[int, int]]) -> list[int]:
    """Return by how much transits exceed the least one, or the line of the clocks where these drifted apart."""
    least = min(transit for _, transit in points)
    over = [transit - least for _, transit in points]
    first, last = min(points)[0], max(points)[0]
    window_ns = max(WINDOW_NS, -(-(last + 1 - first) // LIFE_POINTS))
    lowest: dict[int, tuple[int, int]] = {}
    for due, transit in points:
        window = (due - first) // window_ns
        lowest[window] = min(lowest.get(window, (transit, due)), (transit, due))
    if len(lowest) < LINES_EVERY:
        return over
    drawn = [lowest[window] for window in sorted(lowest)]
    line = line_under([due for _, due in drawn], [transit for transit, _ in drawn])
    if not line.significant:
        return over
    return [max(transit - line.y - round((due - line.x) * line.slope), 0) for due, transit in points]


def _jitters(points: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield interarrival jitter (RFC 3550, section 6.4.1 and A.8) after each difference, and when that was."""
    jitter = 0
    for count in range(1, len(points)):
        amount = abs(points[count][1] - points[count - 1][1])
        jitter += amount - (jitter + 8 >> 4)
        yield points[count][0], jitter >> 4
