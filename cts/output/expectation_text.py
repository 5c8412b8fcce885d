"""What became of a run's expectations, as JSON and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cts.expectations.definitions import metric_named
from cts.expectations.expectation import Value
from cts.expectations.judging import Doubt, Judgement, Outcome
from cts.output.figures import about_rate, about_time, significant
from cts.units import MILLISECOND, SECOND, format_duration

__all__ = [
    "deciding_text",
    "expectation_rows",
    "expectations_json",
    "judged_text",
    "measured_text",
    "shown_value",
    "verdict_sentence",
]

_NAMED_AT_MOST = 3


def expectations_json(judgements: Sequence[Judgement]) -> list[Mapping[str, object]]:
    """Return each with what was measured, in the unit of its key of ``--json``."""
    return [
        {
            "expected": str(each.expectation),
            "metric": each.expectation.metric,
            "outcome": each.outcome.value,
            "measured": each.measured.value,
            "low": each.measured.low,
            "high": each.measured.high,
            "reason": None if each.doubt is None else each.doubt.value,
            "needs_seconds": each.needs_seconds,
            "by_peer": each.measured.by_peer,
        }
        for each in judgements
    ]


def expectation_rows(judgements: Sequence[Judgement]) -> list[tuple[str, str]]:
    """Return a row for each."""
    return [("expected", judged_text(each)) for each in judgements]


def verdict_sentence(judgements: Sequence[Judgement]) -> str | None:
    """Return in a sentence how many were met, and which were not; None where nothing was expected."""
    if not judgements:
        return None
    by_outcome = {outcome: [each for each in judgements if each.outcome is outcome] for outcome in Outcome}
    if len(by_outcome[Outcome.MET]) == len(judgements):
        return "what was expected is met"
    parts = []
    for outcome in (Outcome.MISSED, Outcome.UNDECIDED):
        if found := by_outcome[outcome]:
            names = [str(each.expectation) for each in found[:_NAMED_AT_MOST]]
            more = f" and {len(found) - len(names)} more" if len(found) > len(names) else ""
            parts.append(f"{len(found)} {outcome.value} ({', '.join(names)}{more})")
    return f"of {len(judgements)} expected: {', '.join(parts)}"


def judged_text(judgement: Judgement) -> str:
    """Write what became of an expectation, what was measured, and what would decide."""
    measured = "" if judgement.measured.value is None else "measured "
    texts = [f"{judgement.outcome.value}: {judgement.expectation}", f"{measured}{measured_text(judgement)}"]
    return "; ".join([*texts, *([deciding] if (deciding := deciding_text(judgement)) is not None else [])])


def measured_text(judgement: Judgement) -> str:
    """Write what was measured of what was expected, with its limits where there are any."""
    measured, metric = judgement.measured, metric_named(judgement.expectation.metric)
    assert metric is not None
    if measured.value is None:
        return Doubt.UNKNOWN.value
    text = shown_value(measured.value, metric.unit)
    text += " by the receiving end, whose word this is" if measured.by_peer else ""
    if measured.low is not None and measured.high is not None:
        low, high = (shown_value(each, metric.unit) for each in (measured.low, measured.high))
        text += f" (95 % limits: {low} to {high})"
    if judgement.doubt is Doubt.FEW:
        text += f", of {measured.values} values, of which {measured.least_values} are needed"
    return text


def deciding_text(judgement: Judgement) -> str | None:
    """Write what would decide, where something was measured and did not; None elsewhere."""
    if judgement.doubt is None or judgement.measured.value is None:
        return None
    if judgement.needs_seconds is None:
        return "no run length is known that would decide"
    return f"a run of about {_length(judgement.needs_seconds)} would decide"


def shown_value(value: Value, unit: str) -> str:
    """Write a value of a metric with its unit.

    Args:
        value: it.
        unit: its unit, by the schema's names.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if unit == "share":
        return f"{significant(value * 100, 6)} %"
    if unit in ("seconds", "signed_seconds"):
        return f"{'-' if value < 0 else ''}{about_time(round(abs(value) * SECOND))}" if value else "0 s"
    if unit == "bits_per_second":
        return about_rate(int(value))
    if unit in ("count", "datagrams", "bytes"):
        return f"{value:,}{'' if unit == 'count' else f' {unit}'}"
    suffix = {"ppm": " ppm", "square_seconds": " s²", "percent": " %"}.get(unit, "")
    return f"{significant(value, 6)}{suffix}"


def _length(seconds: float) -> str:
    return format_duration(round(seconds * 1000) * MILLISECOND)
