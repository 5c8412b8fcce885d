"""Pictures of a run over time, on one axis: rate, loss, verdicts, delay variation, frames, streams."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cts.protocol.roles import Role
from cts.report.picture import RunPicture, StreamPicture
from cts.report.plot import Curve, Plot, Table, TimeAxis, scaled
from cts.report.readings import DELAY, FRAMES, LOSS, RATE, SENT, STREAMS, VERDICTS
from cts.report.timeline import Timeline
from cts.report.windows import Windows, variation_of, windows_of
from cts.units import MILLISECOND, SECOND, counted

__all__ = ["rate_values", "time_plots"]

_LINES = 5
"""Streams drawn each with a line of its own: those that did worst."""
_POINTS_OF_MANY = 600
_ROWS = 24
_MEGABIT = 1_000_000
_VERDICTS = ("completed", "repeated", "dropped")


def time_plots(run: RunPicture, key: str) -> list[Plot]:
    """Return the pictures of one run over time; ``key`` begins the keys of all, and they are one group of that name."""
    windows = windows_of(run.total, run.header.plan.interval_ns)
    axis = TimeAxis(key, (0.0, round(run.end_ns / SECOND, 4)))
    worst = sorted(run.streams, key=lambda stream: -_dropped_share(stream.timeline))
    plots = [
        *_rates(run, windows, axis),
        _loss(windows, axis),
        _verdicts(windows, axis),
        _delay(run, worst[:_LINES], axis),
        _frames(run.streams[0].timeline, axis) if len(run.streams) == 1 else _rows(run, windows, worst[:_ROWS], axis),
    ]
    return [plot for plot in plots if not plot.is_empty]


def rate_values(windows: Windows) -> list[float | None]:
    """Return what came in time in each window, Mbit/s."""
    sizes = zip(windows.counts["bytes_on_time"], windows.lengths_ns, strict=True)
    return [round(size * 8 * SECOND / length_ns / _MEGABIT, 3) for size, length_ns in sizes]


def _rates(run: RunPicture, windows: Windows, axis: TimeAxis) -> Iterator[Plot]:
    """Yield the picture of what came, and that of what was sent where both sides are not here."""
    roles = run.report.roles
    if Role.RECEIVER in roles:
        curves = [Curve(label="in time", values=rate_values(windows), colour="completed")]
        # Of streams of several plans nothing says of which a frame is.
        plans = {end.plan or run.header.plan for end in run.report.received} or {run.header.plan}
        if len(plans) == 1:
            size = next(iter(plans)).frame_size
            frames = [sum(each) for each in zip(*(windows.counts[name] for name in _VERDICTS), strict=True)]
            due = [
                round(count * size * 8 * SECOND / length_ns / _MEGABIT, 3)
                for count, length_ns in zip(frames, windows.lengths_ns, strict=True)
            ]
            curves.insert(0, Curve(label="due", values=due, colour="quiet", dashed=True))
        yield axis.plot("rate", "Rate", RATE, "Mbit/s", (windows.centres, curves), top=0.1)
    if roles == {Role.SENDER} or run.report.served_both:
        spans = [(one, other) for one, other in pairwise(((0, 0, 0), *run.samples)) if other[0] > one[0]]
        sent = [round((other[2] - one[2]) * 8 * SECOND / (other[0] - one[0]) / _MEGABIT, 3) for one, other in spans]
        centres = [round((one[0] + other[0]) / 2 / SECOND, 4) for one, other in spans]
        table: Table = (centres, [Curve(label="sent", values=sent, colour="completed")])
        name, title = ("sent", "Rate sent") if Role.RECEIVER in roles else ("rate", "Rate")
        yield axis.plot(name, title, SENT, "Mbit/s", table, top=0.1)


def _loss(windows: Windows, axis: TimeAxis) -> Plot:
    curves = [
        Curve(label="missing", values=windows.share("missing", "due"), colour="dropped"),
        Curve(label="of these too late", values=windows.share("late", "due"), colour="late"),
    ]
    return axis.plot("loss", "Datagrams missing", LOSS, "%", (windows.centres, curves), top=0.1, whole=100.0)


def _verdicts(windows: Windows, axis: TimeAxis) -> Plot:
    completed, repeated, dropped = (windows.share(name, *_VERDICTS) for name in _VERDICTS)
    twice = [
        None if one is None or other is None else one + other for one, other in zip(repeated, dropped, strict=True)
    ]
    whole = [None if value is None else 100.0 for value in dropped]
    # Painted one over the other, what is highest first.
    curves = [
        Curve(label="completed", values=whole, told=completed, draw="bars", colour="completed"),
        Curve(label="duplicated", values=twice, told=repeated, draw="bars", colour="repeated"),
        Curve(label="dropped", values=dropped, draw="bars", colour="dropped"),
    ]
    table, edges = (windows.centres, curves), windows.edges
    return axis.plot("verdicts", "Frames by verdict", VERDICTS, "%", table, top=100.0, whole=100.0, edges=edges)


def _delay(run: RunPicture, streams: Sequence[StreamPicture], axis: TimeAxis) -> Plot:
    tables = []
    for place, stream in enumerate(streams, 1):
        variation = variation_of(stream.timeline, run.result_of(stream.info))
        if len(streams) > 1:
            variation = variation.thinned(_POINTS_OF_MANY)
        curve = Curve(
            label=f"stream {stream.info.number}" if len(streams) > 1 else "delay variation",
            values=scaled(variation.greatest, MILLISECOND),
            low=scaled(variation.least, MILLISECOND) if len(streams) == 1 else None,
            draw="band" if len(streams) == 1 else "line",
            colour=f"run-{place}",
        )
        tables.append((variation.times, [curve]))
    more = f" Of {counted(len(run.streams), 'stream')}, these dropped most." if len(run.streams) > len(streams) else ""
    return axis.plot("delay", "Delay variation", DELAY + more, "ms", *tables, top=0.1)


def _frames(timeline: Timeline, axis: TimeAxis) -> Plot:
    least, greatest = timeline.column("least_slack"), timeline.column("greatest_slack")
    twice, dropped = timeline.counts("repeated"), timeline.counts("dropped")

    def spans(label: str, colour: str, shown: Sequence[bool]) -> Curve:
        low, high = (
            [value if yes else None for value, yes in zip(values, shown, strict=True)] for values in (least, greatest)
        )
        return Curve(
            label=label, values=scaled(high, MILLISECOND), low=scaled(low, MILLISECOND), draw="span", colour=colour
        )

    def below(name: str) -> list[float | None]:
        return [None if value is None else -value for value in scaled(timeline.column(name), MILLISECOND)]

    curves = [
        spans("completed", "completed", [not count for count in twice]),
        spans("duplicated", "repeated", [bool(count) for count in twice]),
        Curve(
            label="whole too late", values=below("least_late"), low=below("greatest_late"), draw="span", colour="late"
        ),
        Curve(label="dropped", values=[count or None for count in dropped], draw="rug", colour="dropped"),
    ]
    centres = [round((start_ns + timeline.width_ns // 2) / SECOND, 4) for start_ns in timeline.starts_ns()]
    return axis.plot("frames", "Every frame, and the time it had left", FRAMES, "ms", (centres, curves))


def _rows(run: RunPicture, windows: Windows, streams: Sequence[StreamPicture], axis: TimeAxis) -> Plot:
    """Return a row for each stream, on the windows of all together."""
    rows: dict[str, list[float | None]] = {}
    for stream in streams:
        timeline = stream.timeline
        counts = [[0, 0] for _ in windows.centres]
        columns = zip(timeline.starts_ns(), *(timeline.counts(name) for name in _VERDICTS), strict=True)
        for start_ns, completed, repeated, dropped in columns:
            place = max(bisect_right(windows.begins_ns, start_ns + timeline.width_ns // 2) - 1, 0)
            counts[place][0] += completed + repeated + dropped
            counts[place][1] += dropped
        rows[f"stream {stream.info.number}"] = [round(lost / frames, 3) if frames else None for frames, lost in counts]
    shown = f" Shown are {len(streams)} of {len(run.streams)}." if len(streams) < len(run.streams) else ""
    table: Table = (windows.centres, [])
    return axis.plot("streams", "Streams", STREAMS + shown, "", table, edges=windows.edges, rows=rows)


def _dropped_share(timeline: Timeline) -> float:
    frames, dropped = (sum(sum(timeline.counts(name)) for name in names) for names in (_VERDICTS, ("dropped",)))
    return dropped / frames if frames else 0.0
