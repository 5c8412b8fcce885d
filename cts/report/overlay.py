"""Pictures of several runs laid over each other, each from its own beginning."""

from __future__ import annotations

from collections.abc import Sequence

from cts.protocol.roles import Role
from cts.report.picture import RunPicture
from cts.report.plot import Curve, Plot, Table, TimeAxis
from cts.report.readings import LOSS, RATES
from cts.report.shape_plots import distribution_plot, nines, percentile_values, playout_plot, playout_values
from cts.report.time_plots import rate_values
from cts.report.windows import windows_of
from cts.units import SECOND

__all__ = ["COLOURS", "overlay_plots"]

COLOURS = 8
"""Runs that have colours of their own: ``run-1`` to ``run-8``."""


def overlay_plots(runs: Sequence[RunPicture], key: str) -> tuple[list[Plot], list[Plot]]:
    """Return the pictures over time, which are one group, and those of runs as a whole."""
    named = [(run, f"run-{place % COLOURS + 1}") for place, run in enumerate(runs)]
    axis = TimeAxis(key, (0.0, round(max((run.end_ns for run in runs), default=0) / SECOND, 4)))
    rates: list[Table] = []
    losses: list[Table] = []
    spreads: list[Table] = []
    playouts: list[Table] = []
    for run, colour in named:
        if Role.RECEIVER in run.report.roles:
            windows = windows_of(run.total, run.header.plan.interval_ns)
            rates.append((windows.centres, [Curve(label=run.name, values=rate_values(windows), colour=colour)]))
            missing = Curve(label=run.name, values=windows.share("missing", "due"), colour=colour)
            losses.append((windows.centres, [missing]))
        if (totals := run.metrics) is not None:
            xs = nines((totals.drift.pdv,))
            spreads.append((xs, [Curve(label=run.name, values=percentile_values(totals.drift.pdv, xs), colour=colour)]))
        if (playout := run.playout) is not None and playout.frames:
            depths, shares = playout_values(playout)
            playouts.append((depths, [Curve(label=run.name, values=shares, draw="step", colour=colour)]))
    over_time = [
        axis.plot("rate", "Rate in time", RATES, "Mbit/s", *rates, top=0.1),
        axis.plot("loss", "Datagrams missing", LOSS, "%", *losses, top=0.1, whole=100.0),
    ]
    shapes = [
        distribution_plot(key, "Distribution of delay variation (PDV)", spreads),
        playout_plot(key, playouts),
    ]
    return [plot for plot in over_time if not plot.is_empty], [plot for plot in shapes if not plot.is_empty]
