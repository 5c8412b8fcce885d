"""Plots as values: what ``assets/report.js`` draws, and what a person needs to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from attrs import field, frozen

from cts.report.markup import Markup, element

__all__ = ["Curve", "Mark", "Plot", "Table", "TimeAxis", "plot_figure", "scaled"]

Values = Sequence[float | None]
Table = tuple[Sequence[float], Sequence["Curve"]]


def scaled(values: Sequence[int | None], unit: int, digits: int = 3) -> list[float | None]:
    """Return values in a unit of theirs, rounded; None stays."""
    return [None if value is None else round(value / unit, digits) for value in values]


@frozen(kw_only=True)
class Curve:
    """Something drawn over x.

    Attributes:
        label: its name in the legend.
        values: heights, one for each x of its table; None for nothing there.
        low: where each value is a span, its other end.
        told: what the legend tells in place of the value, as where values are stacked.
        draw: ``line``, ``step`` (holds until the next x), ``bars`` (from 0, as wide as its plot's windows), ``span`` (a mark
            from low to value), ``band`` (a line, and all between low and it), ``rug`` (a tick at the bottom unless the value
            is 0).
        colour: a name that ``assets/report.css`` gives a colour: ``--NAME``.
        dashed: whether its line is.
    """

    label: str
    values: Values
    low: Values | None = None
    told: Values | None = None
    draw: Literal["line", "step", "bars", "span", "band", "rug"] = "line"
    colour: str
    dashed: bool = False

    def as_json(self) -> dict[str, object]:
        """Return it as the page's script takes it."""
        fields: dict[str, object] = {
            "label": self.label,
            "values": self.values,
            "draw": self.draw,
            "colour": self.colour,
        }
        fields |= {name: values for name, values in (("low", self.low), ("told", self.told)) if values is not None}
        return fields | ({"dashed": True} if self.dashed else {})


@frozen
class Mark:
    """A line across a plot at one x, with a word to it."""

    x: float
    label: str


@frozen(kw_only=True)
class Plot:
    """A picture.

    Attributes:
        key: tells it from the page's other ones; letters, digits and hyphens.
        title: what it shows.
        reading: how to read it, in a few sentences.
        x: what x is: ``time`` in seconds, ``percentile`` as nines (-log10 of what is beyond), ``depth`` in milliseconds.
        unit: of y.
        tables: x and the curves over it; several where runs are laid over each other.
        group: plots of one group have one time axis: zoom and cursor move together.
        limits: the least and the greatest x; None for those of the data.
        top: y reaches at least so far.
        whole: the greatest y that there can be; None for no bound.
        marks: lines across it.
        edges: of windows of time, one more than there are x: where each begins, and the last one ends. Bars, and cells of
            rows, are as wide as that.
        rows: names of rows from the top, and the share that dropped in each of its cells, 0 to 1; None for an empty cell.
    """

    key: str
    title: str
    reading: str
    x: Literal["time", "percentile", "depth"]
    unit: str
    tables: Sequence[Table]
    group: str | None = None
    limits: tuple[float, float] | None = None
    top: float | None = None
    whole: float | None = None
    marks: Sequence[Mark] = ()
    edges: Sequence[float] = ()
    rows: Mapping[str, Values] = field(factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be drawn."""
        drawn = any(value is not None for _, curves in self.tables for curve in curves for value in curve.values)
        return not (drawn or any(value is not None for values in self.rows.values() for value in values))

    def as_json(self) -> dict[str, object]:
        """Return it as the page's script takes it."""
        return {
            "key": self.key,
            "x": self.x,
            "unit": self.unit,
            "tables": [{"x": xs, "curves": [curve.as_json() for curve in curves]} for xs, curves in self.tables],
            "group": self.group,
            "limits": self.limits,
            "top": self.top,
            "whole": self.whole,
            "edges": self.edges,
            "marks": [{"x": mark.x, "label": mark.label} for mark in self.marks],
            "rows": [{"label": label, "values": values} for label, values in self.rows.items()],
        }


@frozen
class TimeAxis:
    """What pictures over time have in common: one axis, along which they are zoomed together.

    Attributes:
        key: begins the keys of all; their group's name.
        limits: the least and the greatest time, seconds.
    """

    key: str
    limits: tuple[float, float]

    def plot(
        self,
        name: str,
        title: str,
        reading: str,
        unit: str,
        *tables: Table,
        top: float | None = None,
        whole: float | None = None,
        edges: Sequence[float] = (),
        rows: Mapping[str, Values] = MappingProxyType({}),
    ) -> Plot:
        """Return a picture over time; the arguments are those of :class:`Plot`, ``name`` ends its key."""
        return Plot(
            key=f"{self.key}-{name}",
            title=title,
            reading=reading,
            x="time",
            unit=unit,
            tables=tables,
            group=self.key,
            limits=self.limits,
            top=top,
            whole=whole,
            edges=edges,
            rows=rows,
        )


def plot_figure(plot: Plot) -> Markup:
    """Return the place on the page where a plot is drawn, with its title and how to read it."""
    unit = element("span", plot.unit, class_="unit") if plot.unit else ""
    title = element("h3", plot.title, " ", unit, id=f"{plot.key}-title")
    # Without its script there is nothing to save.
    about = f"{plot.key}-title"
    save = element("button", "Save as PNG", type="button", data_save=plot.key, hidden="hidden", aria_describedby=about)
    canvas = element(
        "div", class_="plot", id=f"plot-{plot.key}", data_plot=plot.key, role="img", aria_labelledby=f"{plot.key}-title"
    )
    reading = element("figcaption", plot.reading)
    return element("figure", element("div", title, save, class_="head"), canvas, reading)
