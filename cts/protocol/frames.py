"""The receiver's frame buffer: which bytes of which frame came on time, and the verdict when its render time passes.

Time decides, not scheduling: a datagram counts for a frame only if its receive time is not later than the frame's render
time. Frames are therefore rendered lazily, whenever a later instant is known to have passed, and verdicts do not depend on
when the code runs. An instant has passed when something *strictly later* is seen, so a datagram that arrives in the very
nanosecond of a render time still counts, in whatever order the two are looked at.

Where nobody wants to hear of each frame, several are rendered together: until ``look_ns`` a datagram of a frame from
``open_from`` to the end of the window counts for it whatever has been rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import define, frozen

from cts.metrics.counters import Became, FrameCounts
from cts.metrics.loss import DueBytes
from cts.protocol.plan import StreamPlan
from cts.protocol.shortfall import Shortfall

__all__ = ["FrameBuffer", "RenderedFrame", "Verdict"]


class Verdict(Enum):
    """What became of a frame, by the bytes that were there at its render time."""

    COMPLETED = "completed"
    DROPPED = "dropped"
    REPEATED = "repeated"


# Named once, as in the pattern: every frame comes by here.
_COMPLETED, _DROPPED, _REPEATED = Verdict.COMPLETED, Verdict.DROPPED, Verdict.REPEATED


@frozen
class RenderedFrame:
    """A frame and its verdict.

    Attributes:
        sequence: its number, from 1.
        verdict: completed, dropped or repeated.
        size: bytes that came on time.
        sender_qpc: ticks of the sender's clock in the last datagram that came on time; 0 if none did.
        sender_qpf: the sender's ticks per second in that datagram; 0 if none came.
        received_ns: receive time of that datagram, in the driver's clock; 0 if none came.
        due_ns: render time.
    """

    sequence: int
    verdict: Verdict
    size: int
    sender_qpc: int
    sender_qpf: int
    received_ns: int
    due_ns: int


FrameObserver = Callable[[RenderedFrame], None]


@define(eq=False)
class _Arrived:
    """What has come of one frame so far."""

    size: int = 0
    qpc: int = 0
    qpf: int = 0
    received_ns: int = 0


_NOTHING = _Arrived()
_RENDERED_TOGETHER = 16
"""Frames that wait for their verdicts at most where nobody hears of each: one by one they cost as much as to read them."""

_SAMPLED_EVERY = 16
"""Frames of which one is looked at for when it left."""


class FrameBuffer:
    """Frames from the head (the next one to render) to the end of the window; holds no more than ``window_frames``.

    Args:
        plan: the stream's arithmetic.
        base_ns: see :meth:`anchor`.
        on_frame: told of each frame as it is rendered, in order.
        on_size: told of the bytes of each frame of which some came on time.

    Attributes:
        head: the next frame to render.
        beyond: the first frame after ``head`` that the buffer does not hold.
        next_render_ns: when that is.
        look_ns: render time of the frame ``open_from``; what arrives later must not be added before what is due is rendered.
        open_from: the first frame that cannot have been due until then.
        bytes_on_time: bytes of data that counted for its frame.
        bytes_missed: bytes of good data that came too late or too early, or was of no frame.
        bytes_of_no_frame: those of them that were of no frame, as of one past the end.
    """

    def __init__(
        self,
        plan: StreamPlan,
        base_ns: int,
        on_frame: FrameObserver | None = None,
        on_size: Callable[[int], None] | None = None,
    ) -> None:
        self._plan = plan
        self._on_frame = on_frame
        self._on_size = on_size
        self._arrived: dict[int, _Arrived] = {}
        self._final = plan.final_frame
        self._window = plan.window_frames
        self._together = 1 if on_frame is not None else _RENDERED_TOGETHER
        self.head = 1
        self.counts = FrameCounts()
        self.bytes_on_time = 0
        self.bytes_missed = 0
        self.bytes_of_no_frame = 0
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

    def miss(self, sequence: int, size: int, qpc: int, qpf: int, received_ns: int) -> Became:
        """Return what becomes of good data of a frame that is not one of ``head`` to before ``beyond``."""
        self.bytes_missed += size
        if not 1 <= sequence <= self._final:
            self.bytes_of_no_frame += size
            return Became.NO_SUCH_FRAME
        if sequence >= self.head:
            self._shortfall.came_early(size)
            return Became.AHEAD
        late_ns = received_ns - self.base_ns - self._plan.render_offset_ns(sequence)
        self._shortfall.came_late(sequence, size, qpc, qpf, late_ns)
        return Became.LATE

    def add(self, sequence: int, size: int, qpc: int, qpf: int, received_ns: int) -> None:
        """Credit ``size`` bytes to a frame from ``head`` to before ``beyond``."""
        arrived = self._arrived.get(sequence)
        if arrived is None:
            arrived = self._arrived[sequence] = _Arrived()
        arrived.size += size
        arrived.qpc = qpc
        arrived.qpf = qpf
        arrived.received_ns = received_ns
        self.bytes_on_time += size

    def render_before(self, now_ns: int) -> None:
        """Give their verdicts to all frames whose render time is earlier than ``now_ns``."""
        if now_ns <= self.next_render_ns or self.head > self._final:
            return
        last = min(self._plan.rendered_before(now_ns - self.base_ns), self._final)
        if self.head >= self._sampled_from and (arrived := self._arrived.get(self.head)) is not None:
            self._shortfall.left(self.head, arrived.qpc, arrived.qpf)
            self._sampled_from = self.head + _SAMPLED_EVERY
        while self.head <= last and (self._arrived or self._on_frame is not None):
            self._render(self.head)
            self.head += 1
        if self.head <= last:
            self.counts.dropped += last + 1 - self.head
            self._shortfall.lacks_all(self.head, last)
            self.head = last + 1
        self._look_ahead()

    def is_open(self, sequence: int) -> bool:
        """Tell whether a datagram of this frame that arrives until ``look_ns`` is on time and not ahead of the window."""
        return self.open_from <= sequence < self.beyond

    def _look_ahead(self) -> None:
        self.beyond = min(self.head + self._window, self._final + 1)
        self.open_from = min(self.head + self._together - 1, max(self.head, self._final))
        self.next_render_ns = self.base_ns + self._plan.render_offset_ns(self.head)
        self.look_ns = self.base_ns + self._plan.render_offset_ns(self.open_from)

    def drop_the_rest(self) -> None:
        """Count every frame that has no verdict yet as dropped, without a report for each."""
        self.counts.dropped += self._final + 1 - self.head
        self._shortfall.lacks_all(self.head, self._final)
        self.head = self._final + 1
        self._arrived.clear()

    def _render(self, sequence: int) -> None:
        arrived = self._arrived.pop(sequence, None) or _NOTHING
        frame_size = self._plan.size_of(sequence)
        if self._on_size is not None and arrived.size:
            self._on_size(arrived.size)
        if arrived.size < frame_size:
            verdict = _DROPPED
            self.counts.dropped += 1
            self._shortfall.lacks(sequence, frame_size - arrived.size)
        elif arrived.size == frame_size:
            verdict = _COMPLETED
            self.counts.completed += 1
        else:
            verdict = _REPEATED
            self.counts.repeated += 1
        if self._on_frame is not None:
            due_ns = self.base_ns + self._plan.render_offset_ns(sequence)
            self._on_frame(
                RenderedFrame(sequence, verdict, arrived.size, arrived.qpc, arrived.qpf, arrived.received_ns, due_ns)
            )
