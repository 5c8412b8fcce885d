"""The part of a page that is about one run, and the part where several are laid over each other."""

from __future__ import annotations

from collections.abc import Sequence

from cts.output.answer import answer_of
from cts.output.summary import summary_text
from cts.records.results import RunReport
from cts.report.about import about, expectations
from cts.report.facts import configuration, glance, streams_table, trust_section
from cts.report.losses import loss_by_place, loss_runs
from cts.report.markup import Markup, element, foreign, joined
from cts.report.overlay import overlay_plots
from cts.report.page import Section
from cts.report.picture import RunPicture
from cts.report.plot import Plot, plot_figure
from cts.report.shape_plots import shape_plots
from cts.report.time_plots import time_plots

__all__ = ["overlay_section", "run_section"]

_NOTHING = "No frame was due and nothing was sent: there is nothing to draw over time."
_OTHER_SETTINGS = (
    "Nothing is drawn over time, for the other end has other settings: no picture of frames would say anything."
)
_ZOOM = "Drag across a picture to zoom all of them; double-click for the whole run."


def run_section(run: RunPicture, key: str) -> Section:
    """Return all that is told of one run; ``key`` tells it from the page's other sections."""
    over_time, shapes = time_plots(run, key), shape_plots(run, key)
    report = run.report
    totals = run.metrics
    body = joined(
        element("p", foreign(answer_of(report)), class_="answer"),
        _missing(run),
        about(run),
        glance(run),
        expectations(report),
        _over_time(over_time, key, _NOTHING if run.judges else _OTHER_SETTINGS),
        element("div", *map(plot_figure, shapes), class_="pair") if shapes else "",
        _pair(loss_runs(None if totals is None else totals.runs), loss_by_place(report) if run.judges else Markup("")),
        streams_table(run),
        trust_section(run),
        _said(report),
        element("figure", element("h3", "Configuration"), configuration(run)),
        element("details", element("summary", "The summary as it was printed"), element("pre", summary_text(report))),
    )
    return Section(key, run.name, body, (*over_time, *shapes))


def overlay_section(runs: Sequence[RunPicture], key: str) -> Section:
    """Return the same pictures of several runs laid over each other."""
    over_time, shapes = overlay_plots(runs, key)
    body = joined(
        _over_time(over_time, key, _NOTHING if all(run.judges for run in runs) else _OTHER_SETTINGS),
        element("div", *map(plot_figure, shapes), class_="pair") if shapes else "",
    )
    return Section(key, "All runs together", body, (*over_time, *shapes))


def _missing(run: RunPicture) -> Markup:
    """Return what is missing from the events, and what went wrong with the run."""
    failures = [text for text in run.report.failures if not any(text == f"events: {lack}" for lack in run.missing)]
    if not run.missing and not failures:
        return Markup("")
    lacks = [element("li", "This run's events file ", foreign(text), ".") for text in run.missing]
    return element(
        "div",
        element("strong", "Not all is here"),
        element("ul", *lacks, *(element("li", foreign(text)) for text in failures)),
        class_="callout",
        role="note",
    )


def _over_time(plots: Sequence[Plot], key: str, instead: str) -> Markup:
    if not plots:
        return element("p", instead)
    whole = element("button", "Whole run", type="button", data_whole=key, disabled="disabled")
    bar = element("div", element("span", _ZOOM), whole, class_="zoom")
    return joined(bar, *map(plot_figure, plots))


def _pair(*parts: Markup) -> Markup:
    shown = [part for part in parts if part]
    return element("div", *shown, class_="pair") if shown else Markup("")


def _said(report: RunReport) -> Markup:
    """Return the run's notes and the remarks to its streams."""
    remarks = dict.fromkeys(result.remark for result in report.results if result.remark)
    said = [element("li", foreign(text)) for text in (*report.notes, *list(remarks)[:20])]
    return element("figure", element("h3", "Notes"), element("ul", *said)) if said else Markup("")
