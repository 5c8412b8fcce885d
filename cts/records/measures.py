"""All that is computed from the datagrams of a stream's frames: live as they come, and the same way from its events later."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.glance import MediaGlance, glance_at
from cts.metrics.media import MediaMetrics
from cts.metrics.playout import Playout, PlayoutSweep
from cts.metrics.recent_delays import DelayTally, RecentDelays
from cts.metrics.usable_transits import UsableTransits
from cts.protocol.plan import StreamPlan
from cts.records.snapshots import StreamSnapshot
from cts.records.stream_results import StreamResult
from cts.units import SECOND

__all__ = ["StreamMeasures"]


class StreamMeasures:
    """The media metrics and the playout sweep of one stream.

    Args:
        plan: the stream's arithmetic.
        delays: takes what its frames' delays come to while it runs; None where nobody asks for that.
    """

    def __init__(self, plan: StreamPlan, delays: DelayTally | None = None) -> None:
        rate = plan.frame_rate
        self._plan = plan
        usable = UsableTransits(plan.end_offset_ns, plan.render_offset_ns(1))
        self._metrics = MediaMetrics(plan.interval_ns, len(plan.datagram_sizes), usable)
        self._sweep = PlayoutSweep(plan.buffered_frames, plan.final_frame, rate.numerator, SECOND * rate.denominator)
        self._recent = None if delays is None else RecentDelays(delays)

    def frame(self, record: FrameRecord) -> None:
        """Take in a frame; they come in order."""
        self._metrics.frame(record)
        self._sweep.frame(record)
        if self._recent is not None:
            self._recent.frame(record.transit_ns)

    def look(self) -> None:
        """Have counted what is known of delays by now; done at its end without that."""
        if self._recent is not None:
            self._recent.look()

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

    @property
    def jitter_ns(self) -> int:
        """Interarrival jitter now, nanoseconds."""
        return self._metrics.variation.jitter_ns

    @property
    def freezes(self) -> int:
        """Freezes so far, one that lasts still among them."""
        return self._metrics.seen().freezes

    def glance(self, counts: StreamSnapshot) -> tuple[MediaGlance, Playout | None]:
        """Return what is known while the stream, which has these counts, goes on; None where nothing is known of buffers."""
        frames = counts.frames
        untold = self._sweep.frames < frames.rendered and frames.completed + frames.repeated
        playout = None if untold else self._sweep.playout(frames.rendered, early=counts.arrivals.ahead > 0)
        return glance_at(self._metrics), playout

    def concluded(self, result: StreamResult) -> StreamResult:
        """Return the stream's result with what was found; this object is no more to be used.

        Nothing is found where frames played of which nobody told, as by a plugin's socket that hands out no records, and where
        there are more than the stream has, as in events that were made up.
        """
        self.look()
        frames = result.counts.frames
        untold = self._metrics.frames < frames.rendered and frames.completed + frames.repeated > 0
        if untold or frames.rendered > self._plan.final_frame:
            return result
        # What was given up has no record; a stream that never began would have begun with its life.
        self._metrics.nothing_until(frames.rendered, result.started_ns + self._plan.render_offset_ns(1))
        playout = self._sweep.playout(frames.rendered, early=result.counts.arrivals.ahead > 0)
        return evolve(result, playout=playout, metrics=self._metrics.finish())
