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
    from cts.expectations.definitions import Metric

__all__ = ["explain"]

_STREAMS_LISTED = 20
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


@click.command(short_help="Say how a metric comes about.")
@click.argument("metric")
@click.argument("run", type=click.Path(path_type=Path))
def explain(metric: str, run: Path) -> None:
    """Print how METRIC is defined, where, by which formula, and the very numbers that RUN put into it.

    METRIC is a short name such as completed or pdv_p99, a key of --json such as metrics.datagrams.loss_share, an object of it
    such as metrics.viewing, or a row of the summary; RUN is a run's events file, which may be gzip.

    \b
    Example:
      cts run client.toml --set output.events_file=run.jsonl.gz
      cts explain pdv_p99 run.jsonl.gz
    """
    from cts.output.summary import summary_json
    from cts.runs.replay import replay

    metrics = _metrics(metric)
    replayed = replay(run, {})
    for text in (*replayed.notes, *(f"{run}: {text}" for text in replayed.missing)):
        say(text)
    figures = summary_json(replayed.report)
    # What an object has as a whole is told once.
    told = {each.name for each in metrics} if len(metrics) > 1 else set()
    print_text("\n\n".join("\n".join(_lines(each, figures, told)) for each in metrics))


def _metrics(name: str) -> tuple[Metric, ...]:
    from cts.expectations.definitions import group_of, metric_named, summary_rows, unknown_metric

    name = summary_rows().get(name.strip().lower(), name.strip())
    found = metric_named(name)
    metrics = group_of(name) if found is None else (found,)
    if not metrics:
        raise UserError(f"METRIC {name[:100]!r}: {unknown_metric(name)}")
    return metrics


def _lines(metric: Metric, figures: Mapping[str, object], told: set[str]) -> Iterator[str]:
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
                exact = f" ({value!r})" if isinstance(value, float) else ""
                yield f"{each.name} = {shown_value(value, each.unit)}{exact}"
