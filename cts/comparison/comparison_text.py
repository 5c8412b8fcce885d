"""What a comparison came to, in a sentence, as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cts import __version__
from cts.comparison.bootstrap import CONFIDENCE
from cts.comparison.compare import RESAMPLES, ComparedRun, Comparison, Outcome, Row
from cts.metrics.host import Verdict
from cts.output.answer import answer_of
from cts.output.figures import significant
from cts.output.trust_text import reason_of
from cts.records.results import RunReport

__all__ = ["comparison_json", "comparison_text", "sentence_of", "signed", "unknown_of_runs", "value_text"]

_SCHEMA = 1
_NAMED_AT_MOST = 3
_WITHOUT = "so many ran at once that {:,} streams have no part in delay variation and jitter"
_UNITS = {
    "share": ((100.0, " %"),),
    "seconds": ((1.0, " s"), (1e3, " ms"), (1e6, " us"), (1e9, " ns")),
    "bits_per_second": ((1e-9, " Gbit/s"), (1e-6, " Mbit/s"), (1e-3, " kbit/s"), (1.0, " bit/s")),
    "per_minute": ((1.0, " a minute"),),
}
"""By unit, how values are written, each scale for those that are 1 or more in it."""


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """Return it as what ``json.dumps`` takes; ``cts/schemas/compare.json`` has every key."""
    outcome = comparison.outcome
    return {
        "schema": _SCHEMA,
        "cts": __version__,
        "answer": sentence_of(comparison),
        "outcome": "better and worse" if outcome is None else outcome.value,
        "a": [_run_json(run) for run in comparison.a],
        "b": [_run_json(run) for run in comparison.b],
        "settings": [{"key": each.key, "a": each.a, "b": each.b} for each in comparison.settings],
        "metrics": [
            {
                "metric": row.metric.name,
                "unit": row.metric.unit,
                "more_is_better": row.metric.better > 0,
                "a": row.a,
                "b": row.b,
                "difference": row.difference,
                "low": row.low,
                "high": row.high,
                "weight": row.weight,
                "delta": row.delta,
                "outcome": row.outcome.value,
                "reason": row.reason,
            }
            for row in comparison.rows
        ],
        "confidence": CONFIDENCE,
        "standard_errors": comparison.errors,
        "resamples": RESAMPLES,
        "seed": comparison.seed,
    }


def _run_json(run: ComparedRun) -> dict[str, object]:
    trust = run.report.trust
    return {
        "run": run.name,
        "answer": answer_of(run.report),
        "trust": None if trust is None else trust.verdict.value,
        "missing": list(run.missing),
        "streams_without_delays": run.without_delays,
    }


def comparison_text(comparison: Comparison) -> str:
    """Return it as lines for people: the answer, what was compared, the table, how to read it."""
    lines = [sentence_of(comparison), ""]
    for letter, runs in (("A", comparison.a), ("B", comparison.b)):
        lines += [f"{letter}  {run.name}: {answer_of(run.report)}" for run in runs]
        lines += [f"{letter}  {run.name} {text}" for run in runs for text in run.missing]
        lines += [f"{letter}  {run.name}: {_WITHOUT.format(run.without_delays)}" for run in runs if run.without_delays]
    lines += [f"differs  {each.key}: A {each.a}, B {each.b}" for each in comparison.settings]
    lines += ["", *_table(comparison.rows), ""]
    lines += _reasons(comparison)
    lines += [text] if (text := unknown_of_runs(comparison)) is not None else []
    lines.append(
        f"Limits of {CONFIDENCE * 100:.0f} % hold for all metrics at once; effect is Cliff's delta over blocks of time, "
        f"from -1 to 1. Seed {comparison.seed}."
    )
    return "\n".join(lines)


def _reasons(comparison: Comparison) -> Iterator[str]:
    """Yield why metrics have no verdict, those of one reason together; what the answer has said is not said again."""
    said = _why_few(comparison) if comparison.outcome is Outcome.FEW else None
    by_reason: dict[str, list[str]] = {}
    for row in comparison.rows:
        if row.reason is not None and row.reason != said:
            by_reason.setdefault(row.reason, []).append(row.metric.name)
    for reason, names in by_reason.items():
        yield f"{', '.join(names)}: {reason}"


def unknown_of_runs(comparison: Comparison) -> str | None:
    """Say that of a side with one run it is not known how much runs differ; None where each has several, or nothing is told."""
    single = _of_one_run(comparison)
    if not single:
        return None
    of = " and ".join(single)
    runs, are = ("one run", "is") if len(single) == 1 else ("one run each", "are")
    unknown = "how much runs of the same network differ from each other is unknown there, and not in the limits"
    return f"{of} {are} {runs}: {unknown}; several runs a side, taken in turn, would tell."


def _of_one_run(comparison: Comparison) -> list[str]:
    """Return the sides with one run, if limits were made at all."""
    sides = () if comparison.errors is None else (("A", comparison.a), ("B", comparison.b))
    return [letter for letter, runs in sides if len(runs) == 1]


def sentence_of(comparison: Comparison) -> str:
    """Return what can be said, and before it what speaks against the numbers."""
    return " ".join((*_distrust(comparison), _finding(comparison)))


def _distrust(comparison: Comparison) -> Iterator[str]:
    for letter, runs in (("A", comparison.a), ("B", comparison.b)):
        for run in runs:
            if (doubt := _doubt_of(run.report)) is not None:
                yield f"The numbers of {letter} ({run.name}) are {doubt}."


def _doubt_of(report: RunReport) -> str | None:
    trust = report.trust
    if trust is None or trust.verdict is Verdict.TRUSTED:
        return None
    kind = "not to be believed" if trust.verdict is Verdict.WRONG else "doubtful"
    return f"{kind}: {reason_of(trust).rstrip('.')}"


def _finding(comparison: Comparison) -> str:
    better, worse = (
        [row for row in comparison.rows if row.outcome is each] for each in (Outcome.BETTER, Outcome.WORSE)
    )
    slight = [row for row in comparison.rows if row.outcome is Outcome.SLIGHT]
    rest = "matters" if slight else "can be told"
    aside = _aside(comparison)
    if better and worse:
        return f"B is better than A{aside} in {_named(better)}, and worse in {_named(worse)}."
    if better:
        return f"B is better than A{aside}: {_named(better)}; nothing is worse that {rest}."
    if worse:
        return f"B is worse than A{aside}: {_named(worse)}; nothing is better that {rest}."
    if slight:
        return f"No difference between A and B matters: {_named(slight)}; nothing else can be told from chance."
    if comparison.outcome is Outcome.SAME:
        return "No difference between A and B can be told from chance."
    if comparison.outcome is Outcome.FEW:
        return f"Too little data to compare A and B: {_why_few(comparison)}."
    if comparison.outcome is Outcome.UNLIKE:
        return "A and B are of settings under which nothing can be compared."
    return "Nothing was measured that A and B could be compared by."


def _aside(comparison: Comparison) -> str:
    """Return what a difference is to be taken with; wider limits would not make one where there is none."""
    single = _of_one_run(comparison)
    if not single:
        return ""
    runs = "one run each" if len(single) == 2 else f"one run of {single[0]}"
    return f" as far as {runs} can tell (how much runs of one network differ is unknown, and not in the limits)"


def _why_few(comparison: Comparison) -> str:
    return next(row.reason for row in comparison.rows if row.outcome is Outcome.FEW and row.reason is not None)


def _named(rows: Sequence[Row]) -> str:
    """Name the metrics that differ most, by their effect."""
    first = sorted(rows, key=lambda row: -abs(row.delta or 0))[:_NAMED_AT_MOST]
    texts = [f"{row.metric.name} {_value(row.b, row)} instead of {_value(row.a, row)}" for row in first]
    more = f" and {len(rows) - len(first)} more" if len(rows) > len(first) else ""
    return ", ".join(texts) + more


def _table(rows: Sequence[Row]) -> Iterator[str]:
    cells = [("metric", "A", "B", "B - A", "limits", "effect", "B is")]
    for row in rows:
        told = row.difference is not None
        limits = f"{signed(row.low, row)} to {signed(row.high, row)}" if told else ""
        cells.append(
            (
                row.metric.name,
                _value(row.a, row),
                _value(row.b, row),
                signed(row.difference, row) if told else "",
                limits,
                f"{row.delta:+.2f}" if row.delta is not None else "",
                row.outcome.value,
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        name, *numbers, outcome = line
        right = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
        yield "  ".join((name.ljust(widths[0]), *right, outcome)).rstrip()


def value_text(value: float | None, unit: str) -> str:
    """Write a value with its unit; a dash for none."""
    if value is None:
        return "-"
    scale, suffix = _scale_of(value, unit)
    return f"{significant(value * scale, 4)}{suffix}"


def _scale_of(value: float, unit: str) -> tuple[float, str]:
    scales = _UNITS[unit]
    # Nothing is told in the middle one, as most of what there is.
    usual = scales[min(1, len(scales) - 1)]
    return next((each for each in scales if abs(value) * each[0] >= 1), scales[-1]) if value else usual


def _value(value: float | None, row: Row) -> str:
    return value_text(value, row.metric.unit)


def signed(value: float | None, row: Row) -> str:
    """Write a difference with its sign and, of a share, in percentage points."""
    if value is None:
        return "-"
    scale, suffix = _scale_of(value, row.metric.unit)
    return f"{significant(value * scale, sign='+')}{suffix.replace('%', 'pp')}"
