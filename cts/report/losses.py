"""What was lost, as tables with bars: where, and in runs of which length."""

from __future__ import annotations

from collections import Counter

from cts.metrics.loss_runs import LossRunTotals
from cts.output.figures import percentage
from cts.output.loss_text import loss_json
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.report.markup import Markup, element, joined
from cts.report.readings import LOSS_BY_PLACE, LOSS_RUNS

__all__ = ["loss_by_place", "loss_runs"]

_PLACES = {
    "not_sent": ("not sent", "the sending host refused it, or its stream was cut off"),
    "sent_late": (
        "sent too late",
        "it came late, and would have been in time had it left as early as the stream's earliest frame",
    ),
    "on_the_way": ("lost on the way", "it was sent, and never came, or came altered"),
    "not_sent_or_on_the_way": (
        "not sent, or lost on the way",
        "what the sending end sent is not known here, so that these two cannot be told apart; its own report knows",
    ),
    "early": ("too early for the buffer", "it came before the buffer had room for it"),
    "late": ("too late", "it came after its frame's render time: a deeper buffer would have saved it"),
    "kernel_at_most": (
        "of all that at most: this host's kernel",
        "it counted drops for want of room in the receive buffer; whose they were it does not say",
    ),
}


def loss_by_place(report: RunReport) -> Markup:
    """Return the table; nothing where nothing was missing, or where it is not known."""
    figures, due = loss_json(report), report.loss.due
    missing = report.loss.missing
    if not missing or not due:
        return Markup("")
    rows = []
    for place, (name, meaning) in _PLACES.items():
        if size := figures.get(place):
            rows.append(
                element(
                    "tr",
                    element("th", name, element("small", meaning), scope="row"),
                    element("td", f"{size:,}", class_="number"),
                    element("td", percentage(size, due), class_="number"),
                    element("td", _bar(size / missing), class_="bar"),
                )
            )
    total = "of what was due" if Role.RECEIVER in report.roles else "of what was due here"
    heads = element(
        "tr",
        *(
            element("th", text, scope="col", class_=kind)
            for text, kind in (("where", None), ("bytes", "number"), (total, "number"), ("of what is missing", None))
        ),
    )
    return _table("Loss by place", heads, rows, LOSS_BY_PLACE)


def loss_runs(totals: LossRunTotals | None) -> Markup:
    """Return the table; nothing where nothing was lost, or where it is not known."""
    if totals is None or not totals.runs.count:
        return Markup("")
    counts: Counter[int] = Counter()
    for place, times in totals.runs.buckets().items():
        length = min(totals.runs.upper_end(place), totals.runs.greatest or 1)
        counts[max(length - 1, 0).bit_length()] += times
    share = totals.lost / totals.known if totals.known else 0.0
    rows = []
    for power in range(max(counts) + 1):
        low, high = (1 if power == 0 else 2 ** (power - 1) + 1), 2**power
        by_chance = totals.lost * (1 - share) * (share ** (low - 1) - share**high)
        rows.append(
            element(
                "tr",
                element("th", f"{low:,}" if low == high else f"{low:,} to {high:,}", scope="row"),
                element("td", f"{counts[power]:,}", class_="number"),
                element("td", _bar(counts[power] / totals.runs.count), class_="bar"),
                element("td", f"{by_chance:,.0f}" if by_chance >= 0.5 or not by_chance else "<1", class_="number"),
            )
        )
    heads = element(
        "tr",
        *(
            element("th", text, scope="col", class_=kind)
            for text, kind in (
                ("datagrams in a row", None),
                ("runs", "number"),
                ("share", None),
                ("by chance", "number"),
            )
        ),
    )
    return _table("Loss runs", heads, rows, LOSS_RUNS)


def _table(title: str, heads: Markup, rows: list[Markup], reading: str) -> Markup:
    table = element("div", element("table", element("thead", heads), element("tbody", *rows)), class_="wide")
    return element("figure", element("h3", title), table, element("figcaption", reading))


def _bar(share: float) -> Markup:
    """Return a bar; as SVG, since the page allows no style within elements."""
    width = max(0.0, min(share, 1.0)) * 100
    bar = element("rect", x="0", y="0", width=f"{width:.2f}%", height="100%", class_="filled")
    return element(
        "svg",
        joined(element("rect", x="0", y="0", width="100%", height="100%", class_="empty"), bar),
        aria_hidden="true",
    )
