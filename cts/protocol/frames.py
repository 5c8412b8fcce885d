"""The receiver's frame buffer: which datagrams of which frame came on time, and the verdict when its render time passes.

Time decides, not scheduling: a datagram counts for a frame only if its receive time is not later than the frame's render
time. Frames are therefore rendered lazily, whenever a later instant is known to have passed, and verdicts do not depend on
when the code runs. An instant has passed when something *strictly later* is seen, so a datagram that arrives in the very
nanosecond of a render time still counts, in whatever order the two are looked at.

Several frames are rendered together, whether somebody hears of each or not: until ``look_ns`` a datagram of a frame from
``open_from`` to the end of the window counts for it whatever has been rendered.
"""

from __future__ import annotations

from collections.abc import Callable

from cts.metrics.counters import Became, FrameCounts
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.loss import DueBytes
from cts.protocol.distinct import Arrived, Identification, WholeAtOnce
from cts.protocol.frame_records import FrameRecorder, MissedObserver, RecordObserver
from cts.protocol.plan import StreamPlan
from cts.protocol.shortfall import Shortfall
from cts.protocol.verdicts import FrameObserver, RenderedFrame, Verdict, VerdictRule, verdict_by_bytes
from cts.units import SECOND

__all__ = ["FrameBuffer", "FrameObserver", "RenderedFrame", "Verdict", "VerdictRule"]


# Named once, as in the pattern: every frame comes by here.
_COMPLETED, _DROPPED, _REPEATED = Verdict.COMPLETED, Verdict.DROPPED, Verdict.REPEATED

_NOTHING = Arrived()
_RENDERED_TOGETHER = 16
"""Frames that wait for their verdicts at most, unless somebody looks: one by one they cost as much as to read them."""

_SAMPLED_EVERY = 16
"""Frames of which one is looked at for when it left."""


class FrameBuffer:
    """Frames from the head (the next one to render) to the end of the window; holds no more than ``window_frames``.

    Args:
        plan: the stream's arithmetic.
        base_ns: see :meth:`anchor`.
        on_frame: told of each frame as it is rendered, in order.
        on_size: told of the bytes of each frame of which some came on time.
        on_record: told of each frame's datagrams as it is rendered, in order.
        on_missed: told of data that came when its frame had been rendered.
        rule: by what frames are judged.

    Attributes:
        head: the next frame to render.
        beyond: the first frame after ``head`` that the buffer does not hold.
        next_render_ns: when that is.
        look_ns: render time of the frame ``open_from``; what arrives later must not be added before what is due is rendered.
        open_from: the first frame that cannot have been due until then.
        bytes_on_time: bytes of data that counted for its frame.
        bytes_missed: bytes of good data that came too late or too early, or was of no frame.
        bytes_of_no_frame: those of them that were of no frame, as of one past the end.
        duplicates: datagrams that came on time and had come before, of frames that have their verdict.
    """

    def __init__(
        self,
        plan: StreamPlan,
        base_ns: int,
        on_frame: FrameObserver | None = None,
        on_size: Callable[[int], None] | None = None,
        *,
        on_record: RecordObserver | None = None,
        on_missed: MissedObserver | None = None,
        rule: VerdictRule = VerdictRule.DISTINCT,
    ) -> None:
        self._plan = plan
        self._full_size = plan.frame_size
        self._due = len(plan.datagram_sizes)
        self._on_frame = on_frame
        self._on_size = on_size
        self._on_record = on_record
        self._on_missed = on_missed
        self._by_bytes = rule is VerdictRule.BYTES
        self._tells = on_frame is not None or on_record is not None
        self._recorder = FrameRecorder(plan) if self._tells or on_missed is not None else None
        self._arrived: dict[int, Arrived | WholeAtOnce] = {}
        # What came of frames that the shortfall remembers to lack something, and the last one that it does not.
        self._unfinished: dict[int, Arrived] = {}
        self._forgotten = 0
        self._identification = Identification()
        self._final = self._last_sent = plan.final_frame
        self._window = plan.window_frames
        self.head = 1
        self.counts = FrameCounts()
        self.bytes_on_time = 0
        self.bytes_missed = 0
        self.bytes_of_no_frame = 0
        self.duplicates = 0
        self._shortfall = Shortfall(plan)
        self._sampled_from = 1
        self.anchor(base_ns)

    def anchor(self, base_ns: int) -> None:
        """Set the instant from which all render times are computed; only before the first datagram."""
        self.base_ns = base_ns
        self._look_ahead()

    @property
    def bytes_received(self) -> int:
        """Bytes of good data, as the original counts them: whatever became of its frame."""
        return self.bytes_on_time + self.bytes_missed

    @property
    def finished(self) -> bool:
        """Whether the final frame has its verdict."""
        return self.head > self._final

    @property
    def due(self) -> DueBytes:
        """What was due of the frames that have their verdict, and what of it was missing."""
        return self._shortfall.totals(self.head - 1)

    def miss(
        self, sequence: int, datagrams: int, size: int, each: int, stamp: int, step: int, qpf: int, received_ns: int
    ) -> Became:
        """Return what becomes of good data of a frame that is not one of ``head`` to before ``beyond``; see :meth:`add`."""
        self.bytes_missed += size
        if not 1 <= sequence <= self._final:
            self.bytes_of_no_frame += size
            return Became.NO_SUCH_FRAME
        if sequence >= self.head:
            self._shortfall.came_early(size)
            return Became.AHEAD
        late_ns = received_ns - self.base_ns - self._plan.render_offset_ns(sequence)
        last = stamp + (datagrams - 1) * step
        record: MissedRecord | None = None
        if self._on_missed is not None:
            transit_ns = received_ns - last * SECOND // qpf if qpf > 0 else 0
            record = MissedRecord(sequence, received_ns, late_ns, datagrams, size, None, None, False, False, transit_ns)
        if lacking := self._shortfall.lacking(sequence):
            arrived = self._unfinished.get(sequence)
            if arrived is None:
                arrived = self._unfinished[sequence] = Arrived()
            before = arrived.distinct_size
            fresh = self._take(arrived, sequence, datagrams, size, each, stamp, step, qpf, received_ns)
            identified = self._due == 1 or self._identification.holds is not False
            came = min(arrived.distinct_size - before if identified else size, lacking)
            self._shortfall.came_late(sequence, came, last, qpf, late_ns)
            if record is not None and self._recorder is not None and identified:
                record = self._recorder.missed_of(record, arrived, fresh, came == lacking)
            elif record is not None:
                record = record._replace(whole=came == lacking)
        elif record is not None and self._recorder is not None and sequence > self._forgotten:
            record = self._recorder.missed_whole(record)
        if record is not None and self._on_missed is not None:
            self._on_missed(record)
        return Became.LATE

    def add(
        self, sequence: int, datagrams: int, size: int, each: int, stamp: int, step: int, qpf: int, received_ns: int
    ) -> None:
        """Credit datagrams that arrived together to a frame from ``head`` to before ``beyond``.

        Args:
            sequence: the frame.
            datagrams, size: how many, and their bytes together.
            each: bytes of each but the last.
            stamp, step: the first one's QPC, and by how much each further one's is more: 0 or 1.
            qpf: the sender's ticks per second.
            received_ns: when they arrived.
        """
        self.bytes_on_time += size
        arrived = self._arrived.get(sequence)
        if arrived is None:
            if size == self._full_size and datagrams == self._due and (step or datagrams == 1):
                recorder = self._recorder
                if recorder is None or recorder.came_whole(sequence, stamp, qpf):
                    self._arrived[sequence] = stamp, qpf, received_ns
                    return
            arrived = self._arrived[sequence] = Arrived()
        elif isinstance(arrived, tuple):
            arrived = self._arrived[sequence] = self._spelt_out(arrived)
        if arrived.qpc == stamp and arrived.last_size != min(size, each) and arrived.size:
            arrived.alike = True
        arrived.size += size
        arrived.qpc = stamp + (datagrams - 1) * step
        arrived.qpf = qpf
        arrived.received_ns = received_ns
        arrived.last_size = size - (datagrams - 1) * each
        self._take(arrived, sequence, datagrams, size, each, stamp, step, qpf, received_ns)

    def _take(
        self,
        arrived: Arrived,
        sequence: int,
        datagrams: int,
        size: int,
        each: int,
        stamp: int,
        step: int,
        qpf: int,
        received_ns: int,
    ) -> int:
        """Take datagrams in by their stamps, together where all or none are new; return how many were."""
        last = stamp + (datagrams - 1) * step
        if datagrams > 1:
            if not step:
                arrived.alike = arrived.alike or size % each > 0
                fresh = self._take(arrived, sequence, 1, each, each, stamp, 1, qpf, received_ns)
                arrived.duplicate += datagrams - 1
                if self._recorder is not None:
                    self._recorder.came(arrived, sequence, stamp, stamp, 0, qpf, received_ns)
                return fresh
            if arrived.distinct_size + size > self._full_size or arrived.overlaps(stamp, last):
                return sum(
                    self._take(
                        arrived,
                        sequence,
                        1,
                        min(each, size - place * each),
                        each,
                        stamp + place,
                        1,
                        qpf,
                        received_ns,
                    )
                    for place in range(datagrams)
                )
        fresh = arrived.take(stamp, datagrams, size, self._full_size, self._due)
        if self._recorder is not None:
            self._recorder.came(arrived, sequence, stamp, last, fresh, qpf, received_ns)
        return fresh

    def render_before(self, now_ns: int) -> None:
        """Give their verdicts to all frames whose render time is earlier than ``now_ns``."""
        if now_ns <= self.next_render_ns or self.head > self._final:
            return
        last = min(self._plan.rendered_before(now_ns - self.base_ns), self._last_sent)
        if self.head >= self._sampled_from and (arrived := self._arrived.get(self.head)) is not None:
            qpc, qpf = arrived[:2] if isinstance(arrived, tuple) else (arrived.qpc, arrived.qpf)
            self._shortfall.left(self.head, qpc, qpf)
            self._sampled_from = self.head + _SAMPLED_EVERY
        while self.head <= last and (self._arrived or self._tells):
            self._render(self.head)
            self.head += 1
        if self.head <= last:
            self.counts.dropped += last + 1 - self.head
            self._lack_all(last)
        self._look_ahead()

    def none_sent_after(self, sequence: int) -> int:
        """Give no verdict to frames after this one, which nobody has sent; return the last that has one, has come, or will."""
        self._last_sent = min(self._last_sent, max(sequence, self.head - 1, *self._arrived))
        return self._last_sent

    def is_open(self, sequence: int) -> bool:
        """Tell whether a datagram of this frame that arrives until ``look_ns`` is on time and not ahead of the window."""
        return self.open_from <= sequence < self.beyond

    def _look_ahead(self) -> None:
        self.beyond = min(self.head + self._window, self._final + 1)
        self.open_from = min(self.head + _RENDERED_TOGETHER - 1, max(self.head, self._final))
        self.next_render_ns = self.base_ns + self._plan.render_offset_ns(self.head)
        self.look_ns = self.base_ns + self._plan.render_offset_ns(self.open_from)

    def drop_the_rest(self) -> None:
        """Count every frame that has no verdict yet as dropped, without a report for each."""
        self.counts.dropped += self._final + 1 - self.head
        self._lack_all(self._final)
        self._arrived.clear()

    def _lack_all(self, last: int) -> None:
        self._shortfall.lacks_all(self.head, last)
        self.head = last + 1
        self._forgotten = self._shortfall.forgotten
        for sequence in [each for each in self._unfinished if each <= self._forgotten]:
            del self._unfinished[sequence]

    def _spelt_out(self, whole: WholeAtOnce) -> Arrived:
        recorder = self._recorder
        return Arrived.spelt_out(whole, self._plan.datagram_sizes) if recorder is None else recorder.spelt_out(whole)

    def _render(self, sequence: int) -> None:
        arrived = self._arrived.pop(sequence, None) or _NOTHING
        if isinstance(arrived, tuple):
            self._render_whole(sequence, arrived)
            return
        full_size, size = self._full_size, arrived.distinct_size
        if self._on_size is not None and arrived.size:
            self._on_size(arrived.size)
        identified, duplicate = True, arrived.duplicate
        if self._due > 1 and (duplicate or arrived.alike or self._identification.holds is not True):
            identified = self._identification.of(arrived, full_size)
            if not identified:
                size = min(arrived.size, full_size)
                duplicate = max(0, arrived.distinct + duplicate - self._due)
        elif size == full_size:
            self._identification.against = 0
        if size < full_size:
            self._lacks(sequence, arrived, full_size - size)
            self.counts.hidden_losses += arrived.size >= full_size
        self.duplicates += duplicate
        if self._by_bytes or not identified:
            verdict = verdict_by_bytes(arrived.size, full_size)
        elif size < full_size:
            verdict = _DROPPED
        else:
            verdict = _REPEATED if duplicate or size > full_size else _COMPLETED
        if verdict is _COMPLETED:
            self.counts.completed += 1
        elif verdict is _DROPPED:
            self.counts.dropped += 1
        else:
            self.counts.repeated += 1
        if self._recorder is not None:
            due_ns = self.base_ns + self._plan.render_offset_ns(sequence)
            last = arrived.qpc, arrived.qpf, arrived.received_ns
            record = self._recorder.rendered(sequence, due_ns, arrived, identified)
            self._tell(verdict, arrived.size, last, record)

    def _render_whole(self, sequence: int, whole: WholeAtOnce) -> None:
        if self._on_size is not None:
            self._on_size(self._full_size)
        self._identification.shown()
        self.counts.completed += 1
        if self._recorder is not None and self._tells:
            due_ns = self.base_ns + self._plan.render_offset_ns(sequence)
            stamp, qpf, received_ns = whole
            last = stamp + self._due - 1, qpf, received_ns
            self._tell(_COMPLETED, self._full_size, last, self._recorder.rendered_whole(sequence, due_ns, whole))

    def _lacks(self, sequence: int, arrived: Arrived, size: int) -> None:
        self._shortfall.lacks(sequence, size)
        if arrived is not _NOTHING:
            self._unfinished[sequence] = arrived
        self._forgotten = self._shortfall.forgotten
        self._unfinished.pop(self._forgotten, None)

    def _tell(self, verdict: Verdict, size: int, last: tuple[int, int, int], record: FrameRecord) -> None:
        if self._on_record is not None:
            self._on_record(record)
        if self._on_frame is not None:
            qpc, qpf, received_ns = last
            told = record.sequence, verdict, size, qpc, qpf, received_ns, record.due_ns, record
            # Without the detour of a named tuple's constructor, for nearly every frame.
            self._on_frame(tuple.__new__(RenderedFrame, told))
