"""Pictures of a run as a whole: how delay was spread, and what other buffers would have played."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from cts.metrics.distribution import Distribution
from cts.metrics.playout import Playout
from cts.report.picture import RunPicture
from cts.report.plot import Curve, Mark, Plot, Table, scaled
from cts.report.readings import DISTRIBUTION, PLAYOUT
from cts.units import MILLISECOND

__all__ = ["distribution_plot", "nines", "percentile_values", "playout_plot", "playout_values", "shape_plots"]

_STEPS_A_NINE = 20
_NINES_AT_MOST = 6
_DEPTHS = 500


def nines(distributions: Sequence[Distribution]) -> list[float]:
    """Return the percentiles that so many values can tell, as nines: -log10 of the share beyond."""
    count = max((each.count for each in distributions), default=0)
    if not count:
        return []
    last = min(_NINES_AT_MOST, log10(max(count, 10)))
    return [round(step / _STEPS_A_NINE, 4) for step in range(int(last * _STEPS_A_NINE) + 1)]


def percentile_values(distribution: Distribution, xs: Sequence[float]) -> list[float | None]:
    """Return a distribution of nanoseconds at these nines, milliseconds; None beyond what its number of values can tell."""
    count = distribution.count
    known = [distribution.percentile(100 * (1 - 10**-x)) if count and 10**x <= max(count, 10) else None for x in xs]
    return scaled(known, MILLISECOND)


def playout_values(playout: Playout) -> tuple[list[float], list[float | None]]:
    """Return depths, milliseconds, and what percentage of frames would have played at each."""
    table = playout.table()
    every = -(-len(table) // _DEPTHS)
    kept = [row for place, row in enumerate(table) if place % every == 0 or row.depth == playout.buffered_frames]
    kept += [table[-1]] if kept[-1] is not table[-1] else []
    shares: list[float | None] = [round(100 * (row.completed + row.repeated) / playout.frames, 4) for row in kept]
    return [round(row.depth_ns / MILLISECOND, 3) for row in kept], shares


def distribution_plot(key: str, title: str, tables: Sequence[Table]) -> Plot:
    """Return the picture of how something was spread: milliseconds over nines."""
    return Plot(
        key=f"{key}-distribution",
        title=title,
        reading=DISTRIBUTION,
        x="percentile",
        unit="ms",
        tables=tables,
        top=0.1,
    )


def playout_plot(
    key: str, tables: Sequence[Table], *, limits: tuple[float, float] | None = None, marks: Sequence[Mark] = ()
) -> Plot:
    """Return the picture of what other buffers would have played: percent over milliseconds."""
    return Plot(
        key=f"{key}-playout",
        title="Frames that play, by the depth of the buffer",
        reading=PLAYOUT,
        x="depth",
        unit="%",
        tables=tables,
        limits=limits,
        top=100.0,
        whole=100.0,
        marks=marks,
    )


def shape_plots(run: RunPicture, key: str) -> list[Plot]:
    """Return the pictures of one run as a whole; ``key`` begins the keys of all."""
    return [plot for plot in (_distribution(run, key), _playout(run, key)) if plot is not None and not plot.is_empty]


def _distribution(run: RunPicture, key: str) -> Plot | None:
    totals = run.metrics
    if totals is None:
        return None
    named = {
        "PDV": totals.drift.pdv,
        "jitter (RFC 3550)": totals.variation.jitter,
        "frame spread": totals.variation.spread,
    }
    xs = nines(tuple(named.values()))
    curves = [
        Curve(label=name, values=percentile_values(distribution, xs), colour=f"run-{place}")
        for place, (name, distribution) in enumerate(named.items(), 1)
        if distribution.count
    ]
    return distribution_plot(key, "Distribution of delay variation and jitter", [(xs, curves)])


def _playout(run: RunPicture, key: str) -> Plot | None:
    playout = run.playout
    if playout is None or not playout.frames:
        return None
    depths, shares = playout_values(playout)
    set_ms = round(playout.depth_ns(playout.buffered_frames) / MILLISECOND, 3)
    marks = [Mark(set_ms, "set")]
    if playout.known < playout.final_frame:
        marks.append(Mark(round(playout.depth_ns(playout.known) / MILLISECOND, 3), "known up to here"))
    greatest = max(depths[-1], *(mark.x for mark in marks)) * 1.05
    # What is so at the greatest depth that is looked at is so beyond.
    depths, shares = [*depths, greatest], [*shares, shares[-1]]
    curve = Curve(label="play", values=shares, draw="step", colour="completed")
    return playout_plot(key, [(depths, [curve])], limits=(0.0, greatest), marks=marks)
