"""Watches a replay, and keeps of it what runs are compared by."""

from __future__ import annotations

from cts.comparison.cells import Cells
from cts.comparison.stream_fold import StreamFold
from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.observer import Observer
from cts.records.snapshots import StreamInfo
from cts.records.stream_results import StreamResult

__all__ = ["CellObserver"]

_FRAMES_AT_ONCE = 1 << 22
"""Frames of which streams that run at once may keep the delay together: 64 MiB."""


class CellObserver(Observer):
    """Fills the cells of a run.

    Of so many streams at once that their frames come to more than four million, the later ones have no delay variation and no
    jitter; everything else counts.

    Args:
        plan: the arithmetic of streams that have none of their own.

    Attributes:
        cells: what was seen.
        without_delays: streams whose delay does not count.
    """

    wants_frames = True

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._began_ns = 0
        self._folds: dict[StreamInfo, StreamFold] = {}
        self._with_delays: set[StreamInfo] = set()
        self.cells = Cells()
        self.without_delays = 0

    def run_began(self, began_ns: int) -> None:
        """Times count from here."""
        self._began_ns = began_ns

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Take it."""
        self._fold(stream).frame(frame)

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Take it."""
        self._fold(stream).missed(record)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Take what is known at its end."""
        rendered = result.counts.frames.rendered
        if result.role is Role.RECEIVER and (rendered or stream in self._folds):
            self._fold(stream).finish(rendered, result.started_ns)
            del self._folds[stream]
            self._with_delays.discard(stream)

    def _fold(self, stream: StreamInfo) -> StreamFold:
        fold = self._folds.get(stream)
        if fold is None:
            plan = stream.plan or self._plan
            room = (len(self._with_delays) + 1) * plan.final_frame <= _FRAMES_AT_ONCE
            if room or not self._with_delays:
                self._with_delays.add(stream)
            else:
                self.without_delays += 1
            delays = stream in self._with_delays
            fold = self._folds[stream] = StreamFold(self.cells, plan, self._began_ns, delays=delays)
        return fold
