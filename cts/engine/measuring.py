"""Which of one side's streams are measured beyond their verdicts, and what all of them come to.

To follow each datagram costs some microseconds a frame and 20 KiB a stream. Of very many streams at once some are enough to
know the network by, and all would make the host a part of what is measured.
"""

from __future__ import annotations

from attrs import define, evolve, field

from cts.api import Role, StreamPlan, StreamResult
from cts.metrics.counters import sum_of_known
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import Playout, PlayoutSum
from cts.metrics.recent_delays import DelayTally, DelayTotals
from cts.records.measures import StreamMeasures

__all__ = ["Measuring"]


@define(eq=False)
class Measuring:
    """Follows streams.

    Args:
        at_once: how many of those that run at the same time are measured.
        counts_delays: whether somebody wants to know, while they run, how their delays vary.

    Attributes:
        metrics: what those that have ended come to; None where nothing is known of any.
        notes: what a person should hear of the streams that were left out.
    """

    _at_once: int
    _counts_delays: bool = field(default=False, kw_only=True)
    _playout: PlayoutSum = field(factory=PlayoutSum, init=False)
    metrics: MediaTotals | None = field(default=None, init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
    _open: dict[StreamMeasures, None] = field(factory=dict, init=False)
    _delays: DelayTally = field(factory=DelayTally, init=False)

    @property
    def playout(self) -> Playout | None:
        """What those that have ended come to; None where nothing is known of any, or they are of several plans."""
        return self._playout.playout

    def begin(self, plan: StreamPlan) -> StreamMeasures | None:
        """Return what measures a stream of that arithmetic; None where as many as may be are measured already."""
        if len(self._open) >= self._at_once:
            limit = f"run.measured_streams = {self._at_once}"
            self.notes = (f"more streams ran at once than {limit}: those beyond have verdicts and no media metrics",)
            return None
        measures = StreamMeasures(plan, self._delays if self._counts_delays else None)
        self._open[measures] = None
        return measures

    def delays(self) -> DelayTotals:
        """Return how the delays of all frames varied so far, those of streams that run among them; zeros if nobody counts."""
        for measures in self._open:
            measures.look()
        return self._delays.totals()

    def conclude(self, measures: StreamMeasures | None, result: StreamResult) -> StreamResult:
        """Return the result of a stream that has ended with what was measured; another one may take its place."""
        if measures is None:
            return evolve(result, measured=result.role is not Role.RECEIVER)
        self._open.pop(measures, None)
        return measures.concluded(result)

    def give_up(self, measures: StreamMeasures | None) -> None:
        """Let another stream take the place of one that could not be made."""
        if measures is not None:
            self._open.pop(measures, None)

    def add(self, result: StreamResult) -> None:
        """Take in a result that counts."""
        self._playout.add(result.playout)
        self.metrics = sum_of_known((self.metrics, result.metrics))
