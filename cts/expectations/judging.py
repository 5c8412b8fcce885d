"""Whether what was expected of a run came true: met, missed, or undecided, with what would decide.

A share that has limits of 95 % is judged by them: a bound between them is undecided, unless it is 0 or 1, of which no run is
long enough to tell more than what it saw. A percentile is judged where there are enough values for it to be more than the
greatest, or where of few so many are above the bound that chance hardly does it (binomial test, one side, 2.5 %, as beyond one
of the limits). All else is judged by its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from math import ceil, comb, floor, log10
from typing import cast

from attrs import evolve, frozen

from cts.expectations.definitions import Metric, metric_named
from cts.expectations.expectation import Expectation, Value
from cts.expectations.json_keys import figure_at, json_keys
from cts.expectations.peers_word import as_peers_told

__all__ = ["Doubt", "Judgement", "Measured", "Outcome", "exit_status_of", "judge", "measure"]

MISSED_STATUS, UNDECIDED_STATUS = 3, 4
_LEAST_VALUES = {"p50": 2, "p95": 20, "p99": 100, "p999": 1000}
"""Values of which a percentile must be taken: of fewer it is their greatest."""
_BEYOND = {"p50": Fraction(1, 2), "p95": Fraction(1, 20), "p99": Fraction(1, 100), "p999": Fraction(1, 1000)}
"""Share of the values that may be above a percentile."""
_LEVEL = 0.025
_BUCKET = 2.05e-6
"""Seconds by which a percentile that is told may be above the exact one at most, and beside that by 1/32 of it."""


class Outcome(Enum):
    """What became of an expectation."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


class Doubt(Enum):
    """Why an expectation is undecided."""

    UNKNOWN = "it was not measured"
    FEW = "there are too few values for this percentile"
    LIMITS = "the bound is within the limits"


@frozen
class Measured:
    """What a run has of a metric.

    Attributes:
        value: it; None if it was not measured.
        low, high: limits of 95 %; None where there are none.
        values: how many values a percentile is of; None for anything else.
        least_values: how many it takes.
        beyond: share of the values that may be above a percentile.
        reached: values, each with how many of all are that or more; of a percentile that is of too few.
        by_peer: whether it is what the receiving ends told, whose word it is: this end sends.
    """

    value: Value | None
    low: float | None = None
    high: float | None = None
    values: int | None = None
    least_values: int = 0
    beyond: Fraction = Fraction(0)
    reached: tuple[tuple[float, int], ...] = ()
    by_peer: bool = False


@frozen
class Judgement:
    """An expectation and what became of it.

    Attributes:
        expectation: it.
        outcome: whether it was met.
        measured: what was measured.
        doubt: why it is undecided; None where it is decided.
        needs_seconds: how long a run would decide, if it went on like this one; None where it is decided, or nobody knows.
    """

    expectation: Expectation
    outcome: Outcome
    measured: Measured
    doubt: Doubt | None = None
    needs_seconds: float | None = None


def judge(expectations: Iterable[Expectation], figures: Mapping[str, object]) -> tuple[Judgement, ...]:
    """Return what became of each expectation.

    Args:
        expectations: of metrics that there are.
        figures: what ``--json`` prints of the run.
    """
    return tuple(_judge(each, figures) for each in expectations)


def exit_status_of(status: int, outcomes: Iterable[Outcome]) -> int:
    """Return the exit status of a command: its own unless that is 0; else 3 if anything was missed, 4 if undecided."""
    found = set(outcomes)
    if status or not found & {Outcome.MISSED, Outcome.UNDECIDED}:
        return status
    return MISSED_STATUS if Outcome.MISSED in found else UNDECIDED_STATUS


def measure(metric: Metric, figures: Mapping[str, object]) -> Measured:
    """Return what a run has of a metric.

    Args:
        metric: which one.
        figures: what ``--json`` prints of the run.
    """
    if (told := as_peers_told((*metric.first, *metric.part, *metric.whole), figures)) is not None:
        measured = _measure(metric, told)
        return evolve(measured, by_peer=measured.value is not None)
    return _measure(metric, figures)


def _measure(metric: Metric, figures: Mapping[str, object]) -> Measured:
    if metric.equals is not None:
        found = figure_at(figures, metric.equals[0])
        return Measured(None if found is None else found == metric.equals[1])
    if metric.least is not None:
        streams = cast(Sequence[Mapping[str, float]], figures.get("streams", ()))
        return Measured(min((stream[metric.least] for stream in streams), default=None))
    if metric.part:
        return _share_or_sum(metric, figures)
    for path in metric.first:
        if (value := figure_at(figures, path)) is not None:
            return _measured_at(path, value, figures)
        if path.startswith("refused.") and "refused" in figures:
            return Measured(0)  # a reason is there only where it occurred
    return Measured(None)


def _share_or_sum(metric: Metric, figures: Mapping[str, object]) -> Measured:
    parts, wholes = ([figure_at(figures, path) for path in paths] for paths in (metric.part, metric.whole))
    if None in parts or None in wholes:
        return Measured(None)
    part, whole = (sum(cast(list[int], values)) for values in (parts, wholes))
    if not metric.whole:
        return Measured(part)
    if not whole:
        return Measured(None)
    share = part / whole
    limits = _limits_at(metric.limits or metric.limits_of_rest or "", figures)
    if limits is not None:
        seen, low, high = limits if metric.limits else (1 - limits[0], 1 - limits[2], 1 - limits[1])
        # Limits of other frames say nothing of these.
        if abs(seen - share) < 1e-12:
            return Measured(share, low, high)
    return Measured(share)


def _measured_at(path: str, value: object, figures: Mapping[str, object]) -> Measured:
    if json_keys()[path].has_limits:
        limits = _limits_at(path, figures)
        return Measured(None) if limits is None else Measured(*limits)
    place, _, name = path.rpartition(".")
    which, suffix = (name.removesuffix("_seconds"), "_seconds") if name.endswith("_seconds") else (name, "")
    least = _LEAST_VALUES.get(which, 0)
    count = figure_at(figures, f"{place}.count")
    if not least or not isinstance(count, int):
        return Measured(cast(Value, value))
    reached = []
    for other, beyond in _BEYOND.items() if count < least else ():
        # Of so many values the percentile is the one behind which that share is, by its rank.
        reached.append((figure_at(figures, f"{place}.{other}{suffix}"), floor(count * beyond) + 1))
    known = tuple((value, values) for value, values in reached if isinstance(value, int | float))
    return Measured(cast(Value, value), values=count, least_values=least, beyond=_BEYOND[which], reached=known)


def _limits_at(path: str, figures: Mapping[str, object]) -> tuple[float, float, float] | None:
    limits = figure_at(figures, path)
    return (limits["share"], limits["low"], limits["high"]) if isinstance(limits, Mapping) else None


def _judge(expectation: Expectation, figures: Mapping[str, object]) -> Judgement:
    metric = metric_named(expectation.metric)
    assert metric is not None
    measured = measure(metric, figures)
    if measured.value is None:
        return Judgement(expectation, Outcome.UNDECIDED, measured, Doubt.UNKNOWN)
    elapsed = cast(float, figures.get("elapsed_seconds", 0.0))
    if measured.values is not None and measured.values < measured.least_values:
        if _is_surely_above(measured, cast(float, expectation.bound)):
            outcome = Outcome.MET if expectation.comparison in (">", ">=") else Outcome.MISSED
            return Judgement(expectation, outcome, measured)
        needs = _needed(elapsed, measured.least_values / measured.values) if measured.values else None
        return Judgement(expectation, Outcome.UNDECIDED, measured, Doubt.FEW, needs)
    if measured.low is not None and measured.high is not None and expectation.bound not in (0, 1):
        low, high, bound = measured.low, measured.high, cast(float, expectation.bound)
        if expectation.allows(low) != expectation.allows(high) or (
            expectation.comparison == "=" and low < bound < high
        ):
            needs = _needed(elapsed, _longer(cast(float, measured.value), low, high, bound))
            return Judgement(expectation, Outcome.UNDECIDED, measured, Doubt.LIMITS, needs)
    met = expectation.allows(measured.value)
    return Judgement(expectation, Outcome.MET if met else Outcome.MISSED, measured)


def _is_surely_above(measured: Measured, bound: float) -> bool:
    """Tell whether a percentile is above a bound although it is of few values: so many of these are."""
    total = measured.values or 0
    # What is told is the upper end of a bucket.
    above = max((values for value, values in measured.reached if (value - _BUCKET) * 32 / 33 > bound), default=0)
    share = float(measured.beyond)
    fewer = sum(comb(total, count) * share**count * (1 - share) ** (total - count) for count in range(above))
    return above > 0 and 1 - fewer <= _LEVEL


def _longer(share: float, low: float, high: float, bound: float) -> float | None:
    """Return how many times as long a run would have limits that leave the bound out, if the share stayed as it is.

    Limits come nearer with the root of the length; where all or nothing was counted, with the length itself.
    """
    distance = abs(bound - share)
    if not distance:
        return None
    reach = (high - share if bound > share else share - low) / distance
    return reach if share in (0, 1) else reach * reach


def _needed(elapsed: float, times: float | None) -> float | None:
    """Return so many times the length of a run, seconds, two digits, rounded up."""
    if times is None or not elapsed * times > 0:
        return None
    needed = elapsed * times
    unit = 10.0 ** (floor(log10(needed)) - 1)
    return round(ceil(needed / unit) * unit, 6)
