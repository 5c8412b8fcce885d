"""What happened in equal windows of time, and how delay varied: the arithmetic of the pictures over time."""

from __future__ import annotations

from attrs import frozen

from cts.records.stream_results import StreamResult
from cts.report.timeline import Timeline
from cts.units import MILLISECOND, SECOND

__all__ = ["Variation", "Windows", "variation_of", "windows_of"]

_WINDOWS = 240
_LEAST_WINDOW_NS = 200 * MILLISECOND
_FRAMES_A_WINDOW = 10
_COUNTS = ("completed", "repeated", "dropped", "bytes_on_time", "due", "missing", "late")


@frozen
class Windows:
    """Counts of equal windows of time.

    Attributes:
        begins_ns: of the windows, nanoseconds since the run began.
        centres: of the windows, seconds since the run began.
        lengths_ns: how long each is; the first begins with the frames, the last ends with them.
        counts: for each column of counts, one number a window.
    """

    begins_ns: list[int]
    centres: list[float]
    lengths_ns: list[int]
    counts: dict[str, list[int]]

    @property
    def edges(self) -> list[float]:
        """Return where each begins, and the last one ends, seconds since the run began."""
        if not self.begins_ns:
            return []
        ends_ns = self.begins_ns[-1] + self.lengths_ns[-1]
        return [round(edge_ns / SECOND, 4) for edge_ns in (*self.begins_ns, ends_ns)]

    def share(self, part: str, *whole: str) -> list[float | None]:
        """Return a column over the sum of others, in percent; None where that is 0."""
        wholes = [sum(counts) for counts in zip(*(self.counts[name] for name in whole), strict=True)]
        return [
            round(100 * min(value, of) / of, 3) if of else None
            for value, of in zip(self.counts[part], wholes, strict=True)
        ]


def windows_of(timeline: Timeline, interval_ns: int) -> Windows:
    """Return a timeline in windows, each of which has several frames."""
    width_ns, buckets = timeline.width_ns, len(timeline)
    least_ns = max(_LEAST_WINDOW_NS, _FRAMES_A_WINDOW * interval_ns)
    together = max(-(-buckets // _WINDOWS), -(-least_ns // width_ns))
    # As long as each other, to a bucket: one that is left over, with a frame or two in it, would say nothing.
    windows = max(buckets // together, 1) if buckets else 0
    begins = [place * buckets // windows for place in range(windows)]
    ends = [*begins[1:], buckets][:windows]
    columns = {name: timeline.counts(name) for name in _COUNTS}
    limits = []
    for begin, end in zip(begins, ends, strict=True):
        since_ns, until_ns = (timeline.first + begin) * width_ns, (timeline.first + end) * width_ns
        inside = range(since_ns, until_ns)
        limits.append(
            tuple(
                own if own in inside else other
                for own, other in zip(timeline.span_ns, (since_ns, until_ns), strict=True)
            )
        )
    return Windows(
        [since for since, _ in limits],
        [round((since + until) / 2 / SECOND, 4) for since, until in limits],
        [max(until - since, 1) for since, until in limits],
        {
            name: [sum(column[begin:end]) for begin, end in zip(begins, ends, strict=True)]
            for name, column in columns.items()
        },
    )


@frozen
class Variation:
    """Delay variation over time: the least and the greatest of each moment, nanoseconds; None where nothing came.

    Attributes:
        times: seconds since the run began.
        least, greatest: over the least transit of the stream, without the clocks' drift where there is one.
    """

    times: list[float]
    least: list[int | None]
    greatest: list[int | None]

    def thinned(self, most: int) -> Variation:
        """Return it with no more moments than that, the extremes kept."""
        every = -(-len(self.times) // most)
        if every <= 1:
            return self
        begins = range(0, len(self.times), every)
        return Variation(
            [self.times[begin] for begin in begins],
            [min(_known(self.least[begin : begin + every]), default=None) for begin in begins],
            [max(_known(self.greatest[begin : begin + every]), default=None) for begin in begins],
        )


def variation_of(timeline: Timeline, result: StreamResult | None) -> Variation:
    """Return how the delay of a stream varied; ``result`` says whether the clocks of its ends drifted apart."""
    slope = 0.0
    if result is not None and result.metrics is not None and result.metrics.drift.drifting:
        slope = (result.metrics.drift.ppm.least or 0.0) / 1e6
    centres_ns = [start_ns + timeline.width_ns // 2 for start_ns in timeline.starts_ns()]
    first_ns = centres_ns[0] if centres_ns else 0

    def level(name: str) -> list[int | None]:
        values = zip(centres_ns, timeline.column(name), strict=True)
        return [None if value is None else value - round((at_ns - first_ns) * slope) for at_ns, value in values]

    # The line may rise within a bucket: nothing varies by less than nothing.
    least, greatest, floor = (
        level("least_transit"),
        level("greatest_transit"),
        min(_known(level("base_transit")), default=0),
    )
    return Variation(
        [round(at_ns / SECOND, 4) for at_ns in centres_ns],
        [None if value is None else max(value - floor, 0) for value in least],
        [None if value is None else max(value - floor, 0) for value in greatest],
    )


def _known(values: list[int | None]) -> list[int]:
    return [value for value in values if value is not None]
