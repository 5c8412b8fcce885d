"""A page of a comparison: what can be said, the table, both sides' runs laid over each other, and each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cts.comparison.bootstrap import CONFIDENCE
from cts.comparison.compare import Comparison, Outcome, Row
from cts.comparison.comparison_text import sentence_of, signed, unknown_of_runs, value_text
from cts.report import RunPicture, Section, overlay_section, page, run_section
from cts.report.markup import Markup, element, foreign, joined

__all__ = ["comparison_page"]

_WORDS = ("metric", "B is")
_NUMBERS = ("A", "B", "B - A", "limits", "effect")
_KINDS = {Outcome.BETTER: "good", Outcome.WORSE: "bad"}
_READING = (
    f"Limits of {CONFIDENCE * 100:.0f} % hold for all metrics at once. Effect: Cliff's delta over blocks of time, from -1 "
    "(each block of B has less) to 1. How both come about: docs/compare.md."
)


def comparison_page(comparison: Comparison, pictures: Sequence[RunPicture]) -> str:
    """Return the page.

    Args:
        comparison: what was found.
        pictures: of A's runs and then B's, in their order.
    """
    letters = [letter for letter, side in (("A", comparison.a), ("B", comparison.b)) for _ in side]
    sections = [
        Section("comparison", "A and B", joined(*_body(comparison)), ()),
        overlay_section(pictures, "all"),
        *(run_section(run, f"run{place}") for place, run in enumerate(pictures, 1)),
    ]
    named = ", ".join(f"{letter}: {picture.name}" for letter, picture in zip(letters, pictures, strict=True))
    return page(f"cts compare: {named}", sections)


def _body(comparison: Comparison) -> Iterator[Markup]:
    yield element("p", foreign(sentence_of(comparison)), class_="answer")
    lacking = [
        element("li", f"{letter}: ", foreign(f"{run.name} {text}"))
        for letter, side in (("A", comparison.a), ("B", comparison.b))
        for run in side
        for text in run.missing
    ]
    differing = [
        element("li", f"{each.key}: A {each.a}, B {each.b}; what depends on it has no verdict")
        for each in comparison.settings
    ]
    if lacking or differing:
        yield element("div", element("ul", *lacking, *differing), class_="callout", role="note")
    heads = [element("th", text, scope="col") for text in _WORDS]
    heads += [element("th", text, scope="col", class_="number") for text in _NUMBERS]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *(element("tr", *_cells(row)) for row in comparison.rows)),
        class_="compared",
    )
    yield element(
        "figure",
        element("h3", "What differs"),
        element("div", table, class_="wide"),
        element("figcaption", " ".join(filter(None, (unknown_of_runs(comparison), _READING)))),
    )


def _cells(row: Row) -> Iterator[Markup]:
    unit, told = row.metric.unit, row.difference is not None
    yield element("th", row.metric.name, scope="row")
    # Next to what it is about: on a phone the numbers are out of sight.
    reason = "" if row.reason is None else element("small", foreign(row.reason))
    yield element("td", element("span", row.outcome.value, class_=_KINDS.get(row.outcome)), reason)
    numbers = (
        value_text(row.a, unit),
        value_text(row.b, unit),
        signed(row.difference, row) if told else "",
        f"{signed(row.low, row)} to {signed(row.high, row)}" if told else "",
        "" if row.delta is None else f"{row.delta:+.2f}",
    )
    for number in numbers:
        yield element("td", number, class_="number")
