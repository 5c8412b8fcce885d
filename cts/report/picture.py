"""What a report is made of: what a run reported, and its frames over time."""

from __future__ import annotations

from functools import cached_property

from attrs import frozen

from cts.metrics.frame_record import MissedRecord
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import Playout
from cts.protocol.frames import RenderedFrame
from cts.records.events_header import RunHeader
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import Address, RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.report.timeline import Timeline

__all__ = ["PictureObserver", "RunPicture", "StreamPicture"]

_BUCKETS = 4096
_IN_FULL = 8
"""Streams whose timelines have that many buckets; those of others have fewer."""
_BUCKETS_OF_MANY = 1024
_STREAMS = 64
"""Streams that have a timeline of their own, at most; others share one."""
_SAMPLES = 4096


@frozen
class StreamPicture:
    """One stream: which, and its frames over time."""

    info: StreamInfo
    timeline: Timeline


@frozen(kw_only=True, slots=False)
class RunPicture:
    """One run.

    Attributes:
        name: by which a reader tells it from others.
        header: what it was told.
        report: what it reported; of one that was killed, what is known of it.
        missing: what its events lack, each in words that go on from their name.
        streams: with their timelines, in the order of opening; there may be fewer than there were, and none are where not
            ``judges``.
        total: the frames of all its streams over time; empty where not ``judges``.
        samples: (nanoseconds since its beginning, bytes received, bytes sent), all since then.
        end_ns: the latest that is told of, nanoseconds since its beginning.
    """

    name: str
    header: RunHeader
    report: RunReport
    missing: tuple[str, ...]
    streams: tuple[StreamPicture, ...]
    total: Timeline
    samples: tuple[tuple[int, int, int], ...]
    end_ns: int

    @property
    def simulated(self) -> bool:
        """Whether it was in virtual time."""
        return self.header.began_unix_ns == 0

    @property
    def judges(self) -> bool:
        """Whether its figures of frames say anything, as they do not of streams whose ends have other settings."""
        return not self.report.begun.settings_disagree

    @property
    def metrics(self) -> MediaTotals | None:
        """Media metrics of all its streams, where they say anything."""
        return self.report.metrics if self.judges else None

    @property
    def playout(self) -> Playout | None:
        """Verdicts of all its streams at other depths, where they say anything."""
        return self.report.playout if self.judges else None

    def result_of(self, info: StreamInfo) -> StreamResult | None:
        """Return what became of a stream; None where the report does not tell."""
        return self._results.get((self.report.began_ns + info.opened_ns, info.local, info.remote))

    @cached_property
    def _results(self) -> dict[tuple[int, Address, Address], StreamResult]:
        return {(each.started_ns, each.local, each.remote): each for each in self.report.results}


class PictureObserver(Observer):
    """Watches a run, or a replay of one, and keeps of its frames what pictures are made of.

    It holds 20 MiB at most, however long the run is and however many its streams are.

    Args:
        interval_ns: between the run's frames.
    """

    wants_frames = True

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._began_ns = 0
        self._streams: dict[StreamInfo, Timeline] = {}
        self._others = Timeline(interval_ns, _BUCKETS)
        self._samples: list[tuple[int, int, int]] = []
        self._latest_ns = 0

    def run_began(self, began_ns: int) -> None:
        """Times count from here."""
        self._began_ns = began_ns

    def stream_opened(self, stream: StreamInfo) -> None:
        """Give it a timeline, if there is room for one more."""
        if len(self._streams) < _STREAMS:
            most = _BUCKETS if len(self._streams) < _IN_FULL else _BUCKETS_OF_MANY
            self._streams[stream] = Timeline(self._interval_ns, most)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Take it."""
        self._streams.get(stream, self._others).frame(frame, self._began_ns)

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Take it."""
        self._streams.get(stream, self._others).missed(record, self._began_ns)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Take note of when."""
        self._latest_ns = max(self._latest_ns, result.ended_ns - self._began_ns)

    def status(self, snapshot: RunSnapshot) -> None:
        """Keep it; where there are too many, every other one."""
        counts = snapshot.counts
        self._latest_ns = max(self._latest_ns, snapshot.elapsed_ns)
        self._samples.append((snapshot.elapsed_ns, counts.bytes_received, counts.bytes_sent))
        if len(self._samples) > _SAMPLES:
            del self._samples[::2]

    def picture(self, name: str, header: RunHeader, report: RunReport, missing: tuple[str, ...]) -> RunPicture:
        """Return what was seen, beside what the run reported."""
        timelines = (*self._streams.values(), self._others)
        total = Timeline.of(timelines, _BUCKETS)
        frames_end_ns = (total.first + len(total)) * total.width_ns if len(total) else 0
        judges = not report.begun.settings_disagree
        return RunPicture(
            name=name,
            header=header,
            report=report,
            missing=missing,
            streams=tuple(
                StreamPicture(info, timeline) for info, timeline in self._streams.items() if judges and len(timeline)
            ),
            total=total if judges else Timeline(self._interval_ns, _BUCKETS),
            samples=tuple(self._samples),
            end_ns=max(self._latest_ns, frames_end_ns),
        )
