"""All that is computed from the datagrams of a stream's frames: live as they come, and the same way from its events later."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.protocol.plan import StreamPlan
from cts.records.media import media_totals, metrics_of
from cts.records.playout import playout_of, sweep_of
from cts.records.results import StreamResult

__all__ = ["StreamMeasures"]


class StreamMeasures:
    """The media metrics and the playout sweep of one stream.

    Args:
        plan: the stream's arithmetic.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._metrics = metrics_of(plan)
        self._sweep = sweep_of(plan)

    def frame(self, record: FrameRecord) -> None:
        """Take in a frame; they come in order."""
        self._metrics.frame(record)
        self._sweep.frame(record)

    def missed(self, record: MissedRecord) -> None:
        """Take in data that came after its frame had been rendered."""
        self._metrics.missed(record)
        self._sweep.missed(record)

    def missed_beside(self, hears: Callable[[MissedRecord], None] | None) -> Callable[[MissedRecord], None]:
        """Return what takes in data that came too late and tells ``hears``, too."""
        if hears is None:
            return self.missed

        def both(record: MissedRecord) -> None:
            self.missed(record)
            hears(record)

        return both

    def concluded(self, result: StreamResult) -> StreamResult:
        """Return the stream's result with what was found; this object is no more to be used."""
        playout = playout_of(self._sweep, result.counts)
        return evolve(result, playout=playout, metrics=media_totals(self._metrics, self._plan, result))
