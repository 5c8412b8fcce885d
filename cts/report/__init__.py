"""A run, or several, as one HTML file: what a run was is kept as a :class:`RunPicture`, drawn as :class:`Plot`, told on a page.

Whoever wants another page makes sections of their own and hands them to :func:`page`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cts.report.page import Section, page
from cts.report.picture import PictureObserver, RunPicture
from cts.report.plot import Curve, Mark, Plot, plot_figure
from cts.report.run_section import overlay_section, run_section

__all__ = [
    "Curve",
    "Mark",
    "PictureObserver",
    "Plot",
    "RunPicture",
    "Section",
    "overlay_section",
    "page",
    "plot_figure",
    "report_page",
    "run_section",
]


def report_page(runs: Sequence[RunPicture]) -> str:
    """Return the page of some runs: a section each, and before them one where they are laid over each other."""
    sections = [run_section(run, f"run{place}") for place, run in enumerate(runs, 1)]
    if len(runs) == 1:
        return page(f"cts report: {runs[0].name}", sections)
    return page(f"cts report: {len(runs)} runs", [overlay_section(runs, "all"), *sections])
