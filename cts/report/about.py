"""What stands at the head of a run's part: whom it measured, when and on what, and what became of what was expected of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from cts.expectations.judging import Judgement, Outcome
from cts.output.expectation_text import deciding_text, measured_text
from cts.output.figures import seconds
from cts.output.peer_text import path_texts
from cts.output.plan_words import plan_words
from cts.output.summary_json import judgements_of
from cts.protocol.roles import Direction, Role
from cts.records.provenance import Provenance
from cts.records.results import RunReport
from cts.report.facts import rows_table
from cts.report.markup import Markup, element
from cts.report.picture import RunPicture
from cts.report.readings import EXPECTED
from cts.units import SECOND, counted, format_duration

__all__ = ["about", "expectations"]

_NAMED_AT_MOST = 5
_KINDS = {Outcome.MET: "good", Outcome.MISSED: "bad", Outcome.UNDECIDED: "fair"}


def about(run: RunPicture) -> Markup:
    """Return whom the run measured, when, and on what, as rows; what is not known has none."""
    return element("div", rows_table(_rows(run)), class_="about")


def expectations(report: RunReport) -> Markup:
    """Return a row for each expectation, with what was measured and what became of it; nothing where there were none."""
    judgements = judgements_of(report)
    if not judgements:
        return Markup("")
    heads = element("tr", *(element("th", text, scope="col") for text in ("expected", "outcome", "measured")))
    table = element("table", element("thead", heads), element("tbody", *map(_judged, judgements)), class_="expected")
    return element(
        "figure",
        element("h3", "What was expected"),
        element("div", table, class_="wide"),
        element("figcaption", EXPECTED),
    )


def _judged(judgement: Judgement) -> Markup:
    deciding = deciding_text(judgement)
    return element(
        "tr",
        element("th", str(judgement.expectation), scope="row"),
        element("td", judgement.outcome.value, class_=_KINDS[judgement.outcome]),
        element("td", measured_text(judgement), "" if deciding is None else element("small", deciding)),
    )


def _rows(run: RunPicture) -> Iterator[tuple[str, str]]:
    report = run.report
    provenance = report.provenance
    if provenance is not None:
        words = {"title": provenance.title or "", "tags": ", ".join(provenance.tags)}
        yield from ((name, text) for name, text in words.items() if text)
    yield "role", _role(report)
    yield from _ends(run)
    yield "stream", f"{_plans(run)}; {counted(len(report.streams) + report.streams_omitted, 'stream')}"
    yield "when", f"{_when(run)}, for {seconds(report.elapsed_ns)} s"
    if provenance is not None:
        yield "host", _host(provenance)
    yield from ((name, text.replace(" ± ", "\u00a0±\u00a0")) for name, text in path_texts(report))


def _role(report: RunReport) -> str:
    if report.role == "loopback":
        sender = "server" if report.direction.server_role is Role.SENDER else "client"
        return f"both ends in one process, of which the {sender} sends ({report.direction.value})"
    if report.served_both:
        return f"{report.role}, which sends and receives, as it was asked to"
    verb = "receives" if Role.RECEIVER in report.roles else "sends"
    way = Direction.PULL if (verb == "receives") == (report.role == "client") else Direction.PUSH
    return f"{report.role}, which {verb} ({way.value})"


def _ends(run: RunPicture) -> Iterator[tuple[str, str]]:
    report, here = run.report, run.header.here
    if run.simulated:
        yield "network", "simulated"
        return
    remote, local = [each.remote for each in report.results], [each.local for each in report.results]
    if here is None:
        yield from _named("addresses", [each.host for each in (*remote, *local)])
    elif report.role == "server":
        # A client's port is as good as any other; that of a server is where it can be found.
        yield from _named("peer", [each.host for each in remote])
        yield from _named("own address", map(str, local))
    else:
        yield from _named("asked for", _targets(report.provenance, {str(each) for each in remote}))
        yield from _named("peer", map(str, remote))
        yield from _named("own address", [each.host for each in local])


def _plans(run: RunPicture) -> str:
    """Return what streams were made of: a client may ask for its own; of a run without streams what was configured."""
    plans = [end.plan or run.header.plan for end in run.report.results] or [run.header.plan]
    texts = (f"{plan_words(plan)}, {format_duration(plan.buffer_depth_ns)} buffer" for plan in plans)
    return _each_once(texts, "; ")


def _named(name: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a row that has each text once; none of nothing."""
    if told := _each_once(texts, ", "):
        yield name, told


def _each_once(texts: Iterable[str], between: str) -> str:
    different = list(dict.fromkeys(texts))
    left_out = len(different) - _NAMED_AT_MOST
    more = f" and {left_out:,} more" if left_out > 0 else ""
    return between.join(different[:_NAMED_AT_MOST]) + more


def _targets(provenance: Provenance | None, reached: set[str]) -> list[str]:
    """Return the servers as the user named them, but for those whose names are their addresses."""
    client = None if provenance is None or provenance.configuration is None else provenance.configuration.get("client")
    told = client.get("target") if isinstance(client, Mapping) else None
    texts = told if isinstance(told, list) else [told]
    return [text for text in texts if isinstance(text, str) and text not in reached]


def _when(run: RunPicture) -> str:
    if run.simulated:
        return "in virtual time"
    return datetime.fromtimestamp(run.header.began_unix_ns // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _host(provenance: Provenance) -> str:
    """Return what ran it: no name of a host is ever kept."""
    processors = None if provenance.cpus is None else counted(provenance.cpus, "processor")
    known = [provenance.kernel or "none: time was virtual", processors, provenance.python, f"cts {provenance.cts}"]
    return ", ".join(each for each in known if each is not None)
