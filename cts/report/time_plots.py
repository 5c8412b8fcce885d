"""Pictures of a run over time, on one axis: rate, loss, verdicts, delay variation, frames, streams."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cts.protocol.roles import Role
from cts.report.picture import RunPicture, StreamPicture
from cts.report.plot import Curve, Plot, scaled
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

Table = tuple[Sequence[float], Sequence[Curve]]


def time_plots(run: RunPicture, key: str) -> list[Plot]:
    """Return the pictures of one run over time; ``key`` begins the keys of all, and they are one group of that name."""
    windows = windows_of(run.total, run.header.plan.interval_ns)
    limits = (0.0, round(run.end_ns / SECOND, 4))
    worst = sorted(run.streams, key=lambda stream: -_dropped_share(stream.timeline))
    plots = [
        *_rates(run, windows, key, limits),
        _loss(windows, key, limits),
        _verdicts(windows, key, limits),
        _delay(run, worst[:_LINES], key, limits),
        _frames(run.streams[0].timeline, key, limits)
        if len(run.streams) == 1
        else _rows(run, worst[:_ROWS], key, limits),
    ]
    return [plot for plot in plots if not plot.is_empty]


def rate_values(windows: Windows) -> list[float | None]:
    """Return what came in time in each window, Mbit/s."""
    sizes = zip(windows.counts["bytes_on_time"], windows.lengths_ns, strict=True)
    return [round(size * 8 * SECOND / length_ns / _MEGABIT, 3) for size, length_ns in sizes]


def _rates(run: RunPicture, windows: Windows, key: str, limits: tuple[float, float]) -> Iterator[Plot]:
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
        yield _rate(f"{key}-rate", "Rate", RATE, (windows.centres, curves), key, limits)
    if roles == {Role.SENDER} or run.report.served_both:
        spans = [(one, other) for one, other in pairwise(((0, 0, 0), *run.samples)) if other[0] > one[0]]
        sent = [round((other[2] - one[2]) * 8 * SECOND / (other[0] - one[0]) / _MEGABIT, 3) for one, other in spans]
        centres = [round((one[0] + other[0]) / 2 / SECOND, 4) for one, other in spans]
        table = (centres, [Curve(label="sent", values=sent, colour="completed")])
        apart = ("sent", "Rate sent") if Role.RECEIVER in roles else ("rate", "Rate")
        yield _rate(f"{key}-{apart[0]}", apart[1], SENT, table, key, limits)


def _rate(key: str, title: str, reading: str, table: Table, group: str, limits: tuple[float, float]) -> Plot:
    return Plot(
        key=key,
        title=title,
        reading=reading,
        x="time",
        unit="Mbit/s",
        tables=[table],
        group=group,
        limits=limits,
        top=0.1,
    )


def _loss(windows: Windows, key: str, limits: tuple[float, float]) -> Plot:
    curves = [
        Curve(label="missing", values=windows.share("missing", "due"), colour="dropped"),
        Curve(label="of these too late", values=windows.share("late", "due"), colour="late"),
    ]
    return Plot(
        key=f"{key}-loss",
        title="Datagrams missing",
        reading=LOSS,
        x="time",
        unit="%",
        tables=[(windows.centres, curves)],
        group=key,
        limits=limits,
        top=0.1,
        whole=100.0,
    )


def _verdicts(windows: Windows, key: str, limits: tuple[float, float]) -> Plot:
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
    return Plot(
        key=f"{key}-verdicts",
        title="Frames by verdict",
        reading=VERDICTS,
        x="time",
        unit="%",
        tables=[(windows.centres, curves)],
        group=key,
        limits=limits,
        top=100.0,
        whole=100.0,
    )


def _delay(run: RunPicture, streams: Sequence[StreamPicture], key: str, limits: tuple[float, float]) -> Plot:
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
    return Plot(
        key=f"{key}-delay",
        title="Delay variation",
        reading=DELAY + more,
        x="time",
        unit="ms",
        tables=tables,
        group=key,
        limits=limits,
        top=0.1,
    )


def _frames(timeline: Timeline, key: str, limits: tuple[float, float]) -> Plot:
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
    return Plot(
        key=f"{key}-frames",
        title="Every frame, and the time it had left",
        reading=FRAMES,
        x="time",
        unit="ms",
        tables=[(centres, curves)],
        group=key,
        limits=limits,
    )


def _rows(run: RunPicture, streams: Sequence[StreamPicture], key: str, limits: tuple[float, float]) -> Plot:
    """Return a row for each stream, on the windows of all together."""
    interval_ns = run.header.plan.interval_ns
    total = windows_of(run.total, interval_ns)
    rows: dict[str, list[float | None]] = {}
    for stream in streams:
        timeline = stream.timeline
        counts = [[0, 0] for _ in total.centres]
        columns = zip(timeline.starts_ns(), *(timeline.counts(name) for name in _VERDICTS), strict=True)
        for start_ns, completed, repeated, dropped in columns:
            place = max(bisect_right(total.begins_ns, start_ns + timeline.width_ns // 2) - 1, 0)
            counts[place][0] += completed + repeated + dropped
            counts[place][1] += dropped
        rows[f"stream {stream.info.number}"] = [round(lost / frames, 3) if frames else None for frames, lost in counts]
    shown = f" Shown are {len(streams)} of {len(run.streams)}." if len(streams) < len(run.streams) else ""
    return Plot(
        key=f"{key}-streams",
        title="Streams",
        reading=STREAMS + shown,
        x="time",
        unit="",
        tables=[(total.centres, [])],
        group=key,
        limits=limits,
        rows=rows,
    )


def _dropped_share(timeline: Timeline) -> float:
    frames, dropped = (sum(sum(timeline.counts(name)) for name in names) for names in (_VERDICTS, ("dropped",)))
    return dropped / frames if frames else 0.0
