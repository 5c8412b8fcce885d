"""``cts explain``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cts.cli.printing import print_text, say
from cts.errors import UserError

if TYPE_CHECKING:
    from cts.expectations.definitions import Metric, ToldRow
    from cts.expectations.expectation import Value
    from cts.records.results import RunReport

__all__ = ["explain"]

_STREAMS_LISTED = 20
_FEW_BURSTS = 6
"""Stretches of time with a burst, of fewer of which limits are more than a quarter wider than those of many."""
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


@click.command(short_help="Say how a metric comes about.")
@click.argument("metric")
@click.argument("events", type=click.Path(path_type=Path))
def explain(metric: str, events: Path) -> None:
    """Print how METRIC is defined, where, by which formula, and the very numbers that a run put into it.

    METRIC is a short name such as completed or pdv_p99, a key of --json such as metrics.datagrams.loss_share, an object of it
    such as metrics.viewing, or a row of the summary; EVENTS is the run's events file, which may be gzip.

    \b
    Example:
      cts run client.toml --set output.events_file=run.jsonl.gz
      cts explain pdv_p99 run.jsonl.gz
    """
    from cts.expectations.definitions import told_row
    from cts.output.summary_json import summary_json
    from cts.runs.replay import replay

    row = told_row(metric.strip().lower())
    metrics = () if row is not None else _metrics(metric)
    replayed = replay(events, {})
    for text in (*replayed.notes, *(f"{events}: {text}" for text in replayed.missing)):
        say(text)
    figures = summary_json(replayed.report)
    if row is not None:
        name = metric.strip().lower()
        # That row has the role's own name.
        name = replayed.report.role if name == "role" else name
        print_text("\n".join(_row_lines(name, row, replayed.report, figures)))
        return
    # What an object has as a whole is told once.
    told = {each.name for each in metrics} if len(metrics) > 1 else set()
    print_text("\n\n".join("\n".join(_lines(each, figures, told, replayed.report)) for each in metrics))


def _metrics(name: str) -> tuple[Metric, ...]:
    from cts.expectations.definitions import group_of, metric_named, summary_rows, unknown_metric

    name = summary_rows().get(name.strip().lower(), name.strip())
    found = metric_named(name)
    metrics = group_of(name) if found is None else (found,)
    if not metrics:
        raise UserError(f"METRIC {name[:100]!r}: {unknown_metric(name)}")
    return metrics


def _row_lines(name: str, row: ToldRow, report: RunReport, figures: Mapping[str, object]) -> Iterator[str]:
    """Yield what a row of the summary is that is no metric, what it says, and the streams' numbers behind it."""
    from cts.expectations.json_keys import figure_at
    from cts.output.summary import summary_rows

    texts = [text for each, text in summary_rows(report) if each == name]
    yield f"{name}: {texts[0] if texts else 'this run has no such row'}"
    told = [("", text) for text in texts[1:]]
    told += [("is", row.definition), ("defined in", row.source), ("formula", row.formula)]
    streams = figures["streams"]
    assert isinstance(streams, list)
    for number, stream in enumerate(streams[:_STREAMS_LISTED]):
        for key in row.streams:
            told += [("from", f"streams[{number}].{text}") for text in _leaves(key, figure_at(stream, key))]
    if row.streams and len(streams) > _STREAMS_LISTED:
        told.append(("from", f"and {len(streams) - _STREAMS_LISTED:,} more streams"))
    yield from (f"  {each:<10}  {text}" for each, text in told)


def _leaves(path: str, value: object) -> Iterator[str]:
    from cts.expectations.json_keys import stream_keys

    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif value is not None:
        key = stream_keys().get(path)
        if key is None or not isinstance(value, int | float | str):
            yield f"{path} = {value}"
            return
        yield f"{path} = {_with_exact(value, key.unit)}"


def _with_exact(value: Value, unit: str) -> str:
    from cts.output.expectation_text import shown_value

    exact = f" ({value!r})" if isinstance(value, float) else ""
    return f"{shown_value(value, unit)}{exact}"


def _evidence(metric: Metric, report: RunReport) -> Iterator[str]:
    """Yield what limits rest on: by which method, and how many independent values."""
    from cts.metrics.confidence import evidence

    totals = report.begun.metrics
    place = metric.limits or metric.limits_of_rest or "".join(metric.first[:1])
    sums = {"metrics.frames.played_share": "frames", "metrics.datagrams.loss_share": "datagrams"}
    if totals is None or place not in sums:
        return
    what = sums[place]
    due, counted = totals.blocks.frames() if what == "frames" else totals.blocks.datagrams()
    if not 0 < sum(counted) < sum(due):
        yield f"Wilson's, of {sum(due):,} {what}; all are alike, so that nothing is known of bursts"
        return
    found = evidence(due, counted)
    rarer = "that were lost" if what == "datagrams" else "that did not play"
    if 2 * sum(counted) < sum(due) and what == "frames":
        rarer = "that played"
    elif 2 * sum(counted) > sum(due) and what == "datagrams":
        rarer = "that came"
    few = "; of few bursts their strength is hardly known" if found.bursts and found.telling < _FEW_BURSTS else ""
    vary = f"{found.total:,} {what} that vary as {found.independent:,.0f} independent ones would"
    yield f"Wilson's, of {vary}; those {rarer} lie in {found.telling} of {found.blocks} stretches of time{few}"


def _lines(metric: Metric, figures: Mapping[str, object], told: set[str], report: RunReport) -> Iterator[str]:
    from cts.expectations.judging import measure
    from cts.output.expectation_text import shown_value

    measured = measure(metric, figures)
    value = "not known" if measured.value is None else shown_value(measured.value, metric.unit)
    if measured.low is not None and measured.high is not None:
        low, high = (shown_value(each, metric.unit) for each in (measured.low, measured.high))
        value += f", within {low} and {high} (95 % limits)"
    if measured.by_peer:
        value += ", by the receiving end, whose word this is"
    rows = [
        ("is", _LINK.sub(r"\1", metric.definition)),
        ("defined in", metric.source),
        ("formula", metric.formula),
        ("unit", metric.unit.replace("_", " ")),
    ]
    if measured.low is not None:
        rows += [("limits", text) for text in _evidence(metric, report)]
    if metric.first and metric.first != (metric.name,):
        rows.append(("in --json", " or ".join(metric.first)))
    rows += [("from", text) for text in _inputs(metric, figures, told)]
    yield f"{metric.name}: {value}"
    yield from (f"  {name:<10}  {text}" for name, text in rows)


def _inputs(metric: Metric, figures: Mapping[str, object], told: set[str]) -> Iterator[str]:
    """Yield the numbers that a metric is computed from, each with its key, but for those in ``told``; put them there."""
    from cts.expectations.definitions import group_of, metric_named
    from cts.expectations.judging import measure
    from cts.output.expectation_text import shown_value

    if metric.least is not None:
        streams = figures["streams"]
        assert isinstance(streams, list)
        for number, stream in enumerate(streams[:_STREAMS_LISTED]):
            yield f"streams[{number}].{metric.least} = {shown_value(stream[metric.least], metric.unit)}"
        if len(streams) > _STREAMS_LISTED:
            yield f"and {len(streams) - _STREAMS_LISTED:,} more streams"
    for place in metric.inputs:
        for each in group_of(place) or (metric_named(place),):
            assert each is not None
            if each.name in told:
                continue
            told.add(each.name)
            value = measure(each, figures).value
            if value is not None:
                yield f"{each.name} = {_with_exact(value, each.unit)}"
