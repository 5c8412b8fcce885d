"""What is told of a run in words and numbers: its figures at a glance, its configuration, trust, streams."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from cts import __version__
from cts.metrics.host import Verdict
from cts.metrics.playout import Playout
from cts.output.figures import about_rate, about_time, percentage
from cts.output.media_text import longest_stall_text
from cts.output.trust_text import reason_of, trust_json
from cts.protocol.roles import Role
from cts.records.stream_results import StreamEnds
from cts.report.markup import Markup, element, foreign
from cts.report.picture import RunPicture
from cts.report.readings import TRUST
from cts.units import MILLISECOND, SECOND, format_duration, format_frame_rate, format_rate

__all__ = ["configuration", "glance", "rows_table", "streams_table", "trust_section"]

_STREAMS_LISTED = 50
_ENOUGH = Fraction(999, 10)
_TRUST_FIGURES = {
    "loop_lag_seconds": "how late the event loop woke",
    "read_delay_seconds": "longest time from the kernel's stamp to the reading",
    "send_lateness_p99_seconds": "99 % of frames left within",
    "overflowed": "drops that the kernel counted",
    "process_share": "of one processor, this process",
    "host_share": "of all processors, busy",
    "stolen_share": "of all processors, taken by the hypervisor",
    "preempted": "times that this process had to give way",
}
_PERCENTILES = {"p50": "median", "p99": "99 %", "p999": "99.9 %", "greatest": "at most"}


def glance(run: RunPicture) -> Markup:
    """Return the few figures that matter most, as tiles."""
    report = run.report.begun
    counts, trust = report.snapshot.counts, report.trust
    totals, playout = run.metrics, run.playout
    frames = counts.frames
    tiles: list[tuple[str, str, str]] = []
    if Role.RECEIVER in report.roles and run.judges:
        played = frames.completed + frames.repeated
        good = "good" if played == frames.rendered else "bad" if played * 100 < 95 * frames.rendered else "fair"
        tiles.append(("frames that played", percentage(played, frames.rendered), good if frames.rendered else ""))
        if (loss := report.loss).due:
            tiles.append(("bytes missing in time", percentage(loss.missing, loss.due), ""))
    if playout is not None and playout.frames:
        tiles.append(("buffer for 99.9 % of frames", _enough(playout), ""))
    if totals is not None:
        if (most := totals.drift.pdv.percentile(99)) is not None:
            tiles.append(("delay variation, 99 %", about_time(most), ""))
        if totals.viewing.watched_ns:
            tiles.append(("longest stall", longest_stall_text(totals.viewing), ""))
    if report.send_lateness.greatest:
        tiles.append(("99 % of frames left within", about_time(report.send_lateness.percentile(99)), ""))
    if trust is not None and trust.figures is not None:
        kinds = {Verdict.TRUSTED: "good", Verdict.DOUBTFUL: "fair", Verdict.WRONG: "bad"}
        tiles.append(("this host", trust.verdict.value, kinds[trust.verdict]))
    shown = [
        element("div", element("dt", name), element("dd", value, class_=kind or None)) for name, value, kind in tiles
    ]
    return element("dl", *shown, class_="glance") if shown else Markup("")


def configuration(run: RunPicture) -> Markup:
    """Return what the run was told."""
    header, plan = run.header, run.header.plan
    sizes = f"{plan.frame_size:,} bytes in {-(-plan.frame_size // plan.datagram_max_size):,} datagrams"
    rows = [
        ("run.role", header.role),
        ("stream.direction", header.direction.value),
        ("stream.bits_per_second", format_rate(plan.bits_per_second)),
        ("stream.frame_rate", f"{format_frame_rate(plan.frame_rate)} frames/s"),
        ("stream.stream_length", format_duration(plan.stream_length_ns)),
        ("stream.buffer_depth", format_duration(plan.buffer_depth_ns)),
        ("stream.datagram_max_size", f"{plan.datagram_max_size:,} bytes"),
        ("a frame", sizes),
        ("stream.verify", header.verify.value),
        ("stream.verdict", header.verdict.value),
        ("scored by profile", header.profile.name),
        ("streams expected", f"{header.expected_streams:,}" if header.expected_streams else "no end"),
        ("seed", "unknown" if header.seed is None else str(header.seed)),
        ("events", f"schema {header.schema}"),
        ("page made by", f"cts {__version__}"),
    ]
    return rows_table(rows)


def trust_section(run: RunPicture) -> Markup:
    """Return whether the host was good enough, and the figures behind that; nothing where nobody looked."""
    trust = run.report.trust
    told = trust_json(trust)
    if trust is None or told is None:
        return Markup("")
    verdict = element("p", element("strong", f"{trust.verdict.value}: "), foreign(reason_of(trust)))
    rows = []
    figures = told["figures"]
    if isinstance(figures, dict):
        rows = [(name, _figure(key, figures[key])) for key, name in _TRUST_FIGURES.items() if figures[key] is not None]
    table = rows_table(rows) if rows else Markup("")
    return element("figure", element("h3", "Trust"), verdict, table, element("figcaption", TRUST))


def streams_table(run: RunPicture) -> Markup:
    """Return a row for each stream, those that dropped most first; nothing of a single one."""
    report = run.report
    if len(report.streams) < 2:
        return Markup("")
    listed = sorted(report.streams, key=_dropped_share, reverse=True)[:_STREAMS_LISTED]
    heads = [element("th", text, scope="col") for text in ("ends", "result")]
    numbers = ("frames", "played", "dropped", "delay variation, 99 %", "buffer for 99.9 %", "rate")
    heads += [element("th", text, scope="col", class_="number") for text in numbers]
    rows = [element("tr", *_stream_cells(stream)) for stream in listed]
    left_out = len(report.streams) - len(listed) + report.streams_omitted
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
    )
    said = (
        f"Those that dropped most come first. {left_out:,} more are not shown."
        if left_out
        else "Those that dropped most come first."
    )
    return element(
        "figure", element("h3", "Each stream"), element("div", table, class_="wide"), element("figcaption", said)
    )


def rows_table(rows: Iterable[tuple[str, str]]) -> Markup:
    """Return names and values as a table."""
    made = [element("tr", element("th", name, scope="row"), element("td", foreign(value))) for name, value in rows]
    return element("div", element("table", element("tbody", *made), class_="facts"), class_="wide")


def _stream_cells(stream: StreamEnds) -> Iterable[Markup]:
    end = stream.end
    frames = end.counts.frames
    variation = None if end.metrics is None else end.metrics.drift.pdv.percentile(99)
    yield element("th", foreign(f"{end.local} - {end.remote}"), scope="row")
    yield element("td", foreign(end.result))
    figures: tuple[str, ...] = (
        f"{frames.rendered:,}",
        percentage(frames.completed + frames.repeated, frames.rendered),
        percentage(frames.dropped, frames.rendered),
        "-" if variation is None else about_time(variation),
        "-" if end.playout is None or not end.playout.frames else _enough(end.playout),
    )
    if end.settings_disagree:
        figures = ("-",) * len(figures)
    for number in (*figures, about_rate(end.bits_per_second)):
        yield element("td", number, class_="number")


def _dropped_share(stream: StreamEnds) -> tuple[bool, float]:
    frames = stream.end.counts.frames
    return stream.end.failed, frames.dropped / frames.rendered if frames.rendered else 0.0


def _enough(playout: Playout) -> str:
    depth = playout.smallest(_ENOUGH)
    if depth is None:
        return "none"
    return format_duration(-(-playout.depth_ns(depth) // MILLISECOND) * MILLISECOND)


def _figure(key: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_PERCENTILES[name]} {about_time(round(each * SECOND))}" for name, each in value.items())
    if key.endswith("_share") and isinstance(value, float):
        return f"{value * 100:.1f} %"
    if key.endswith("_seconds") and isinstance(value, int | float):
        return about_time(round(value * SECOND))
    return f"{value:,}" if isinstance(value, int) else str(value)
