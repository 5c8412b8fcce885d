"""Two sides compared, metric by metric. A pure function of what was read, and of a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from random import Random
from typing import Final

from attrs import evolve, frozen

from cts.chance import stream_random
from cts.comparison.blocks import Choice, SideBlocks, Values
from cts.comparison.bootstrap import Resampled, cliffs_delta, simultaneous
from cts.comparison.cells import Cells
from cts.comparison.compared_metrics import METRICS, ComparedMetric, Percentile
from cts.comparison.settings import SettingDifference, differing_settings, settings_of
from cts.comparison.weight import Weights
from cts.output.figures import about_time
from cts.records.events_header import RunHeader
from cts.records.results import RunReport
from cts.units import MICROSECOND, SECOND

__all__ = ["LEAST_SECONDS", "RESAMPLES", "ComparedRun", "Comparison", "Outcome", "Row", "compare"]

RESAMPLES: Final = 1000
LEAST_SECONDS: Final = 8
"""How long each run must be for its blocks to be of half a second."""
_BEYOND: Final = 5
"""Values that must lie beyond a percentile."""
_FINENESS: Final = 128
"""Times are counted in buckets that are no wider than this part of them, so a lesser difference of percentiles is none."""
_ROUNDING: Final = 1e-9


class Outcome(Enum):
    """What can be said of the second side against the first."""

    BETTER = "better"
    WORSE = "worse"
    SLIGHT = "no difference that matters"
    SAME = "no difference that can be told"
    FEW = "too little data"
    UNLIKE = "not compared"
    UNKNOWN = "not measured"


@frozen(kw_only=True, eq=False)
class ComparedRun:
    """A run of one side.

    Attributes:
        name: what it is called.
        header: what it was told.
        report: what it reported.
        missing: what its events lack, each in words that go on from their name.
        cells: what happened when.
        without_delays: streams that have no part in delay variation and jitter.
    """

    name: str
    header: RunHeader
    report: RunReport
    missing: tuple[str, ...]
    cells: Cells
    without_delays: int = 0

    @property
    def settings(self) -> Mapping[str, str]:
        """What it was told, by key, as far as that bears on what is measured."""
        return settings_of(self.header, self.report)


@frozen(kw_only=True)
class Row:
    """A metric, compared.

    Attributes:
        metric: which.
        outcome: what can be said.
        a, b: its value on each side, in its unit; None for none.
        difference, low, high: b - a, and the limits that hold for all metrics at once; None where they are not compared.
        weight: what a difference must be to matter, in the metric's unit; None where they are not compared.
        delta: Cliff's delta over blocks, from -1 (each block of b has less) to 1; None where they are not compared.
        reason: why they are not compared, or too little is known; None where they are.
    """

    metric: ComparedMetric
    outcome: Outcome
    a: float | None = None
    b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    weight: float | None = None
    delta: float | None = None
    reason: str | None = None


@frozen(kw_only=True)
class Comparison:
    """All that a comparison came to.

    Attributes:
        a, b: the runs of each side.
        settings: in which settings the sides differ.
        rows: each metric.
        seed: what resamples were drawn by.
        errors: by how many standard errors a difference had to exceed 0 at least; None where nothing was compared.
    """

    a: tuple[ComparedRun, ...]
    b: tuple[ComparedRun, ...]
    settings: tuple[SettingDifference, ...]
    rows: tuple[Row, ...]
    seed: int
    errors: float | None

    @property
    def outcome(self) -> Outcome | None:
        """The whole of it; None where something is better and something worse."""
        found = {row.outcome for row in self.rows}
        if Outcome.BETTER in found and Outcome.WORSE in found:
            return None
        order = (
            Outcome.BETTER,
            Outcome.WORSE,
            Outcome.SLIGHT,
            Outcome.SAME,
            Outcome.FEW,
            Outcome.UNLIKE,
            Outcome.UNKNOWN,
        )
        return next(outcome for outcome in order if outcome in found)


def compare(a: Sequence[ComparedRun], b: Sequence[ComparedRun], seed: int, resamples: int = RESAMPLES) -> Comparison:
    """Compare two sides, of a run each at least.

    Whichever is first, and in whatever order a side's runs are, the same is found: what one way is better is worse the other.

    Args:
        a, b: the sides; runs of one side have the same settings.
        seed: what resamples are drawn by.
        resamples: how many.
    """
    settings = differing_settings(a[0].settings, b[0].settings)
    keys = [sorted(map(_key, side)) for side in (a, b)]
    turned = keys[1] < keys[0]
    sides = [SideBlocks.of([run.cells for run in sorted(side, key=_key)]) for side in (a, b)]
    if turned:
        sides.reverse()
    draws = [_Draws.of(side, stream_random(seed, number), resamples) for number, side in enumerate(sides, 1)]
    short = _too_short((*a, *b))
    rows, pairs = [], []
    for metric in METRICS:
        row, pair = _looked_at(metric, sides, draws, short, {each.key for each in settings})
        rows.append(row)
        pairs.append(pair)
    weights = _weights((*a, *b))
    found = iter(simultaneous([pair for pair in pairs if pair is not None]))
    errors = []
    for place, pair in enumerate(pairs):
        if pair is None:
            continue
        difference, metric = next(found), rows[place].metric
        errors.append(difference.errors)
        low, high = max(difference.low, 0.0 - pair[0].most), min(difference.high, pair[1].most)
        weight = weights.of_metric(metric, max(abs(each.value) for each in pair))
        rows[place] = evolve(
            rows[place],
            outcome=_outcome(metric, pair, low, high, weight),
            difference=difference.value,
            low=low,
            high=high,
            weight=weight,
            delta=cliffs_delta(pair[0].all_blocks, pair[1].all_blocks),
        )
    return Comparison(
        a=tuple(a),
        b=tuple(b),
        settings=settings,
        rows=tuple(map(_turned, rows)) if turned else tuple(rows),
        seed=seed,
        errors=min(errors, default=None),
    )


@frozen
class _Draws:
    """Which blocks each resample of a side has: of ``again`` runs are drawn before, of ``kept`` each is there once.

    With one run both are the same, and ``kept`` is empty.
    """

    again: Sequence[Choice]
    kept: Sequence[Choice]

    @classmethod
    def of(cls, side: SideBlocks, chance: Random, resamples: int) -> _Draws:
        kept = [side.drawn(chance) for _ in range(resamples)]
        return cls(kept, ()) if len(side.runs) < 2 else cls([side.drawn_with_runs(chance) for _ in kept], kept)


def _key(run: ComparedRun) -> tuple[object, ...]:
    """Return what tells runs apart by what happened in them, in an order."""
    cells = run.cells
    counted = [(each.sums, [sorted(times.buckets().items()) for times in each.times]) for each in cells]
    return cells.width_ns, counted


def _too_short(runs: Iterable[ComparedRun]) -> str | None:
    for run in runs:
        lasted_ns = sum(1 for _ in run.cells) * run.cells.width_ns
        if lasted_ns < LEAST_SECONDS * SECOND:
            lasted = about_time(lasted_ns)
            return f"{run.name} has frames for {lasted}; it takes {LEAST_SECONDS} s to tell anything from chance"
    return None


def _looked_at(
    metric: ComparedMetric,
    sides: Sequence[SideBlocks],
    draws: Sequence[_Draws],
    short: str | None,
    differing: set[str],
) -> tuple[Row, tuple[Resampled, Resampled] | None]:
    """Return a metric's values, and both sides resampled if they can be compared."""
    values = [Values(metric, side) for side in sides]
    a, b = (each.of(side.whole()) for each, side in zip(values, sides, strict=True))
    row = Row(metric=metric, outcome=Outcome.UNKNOWN, a=a, b=b)
    if unlike := [key for key in metric.needs if key in differing]:
        return evolve(row, outcome=Outcome.UNLIKE, reason=f"depends on {', '.join(unlike)}"), None
    if a is None and b is None:
        return evolve(row, reason=_lacking(metric)), None
    if short is not None:
        return evolve(row, outcome=Outcome.FEW, reason=short), None
    if a is None or b is None:
        return evolve(row, outcome=Outcome.FEW, reason=_lacking(metric)), None
    if isinstance(metric.of, Percentile):
        least = min(each.count(side.whole()) for each, side in zip(values, sides, strict=True))
        needed = round(_BEYOND / (1 - metric.of.percent / 100))
        if least < needed:
            reason = f"one side has {least:,} values; this percentile takes {needed:,}"
            return evolve(row, outcome=Outcome.FEW, reason=reason), None
    first, second = (
        _resampled(each, side, value, draw)
        for each, side, value, draw in zip(values, sides, (a, b), draws, strict=True)
    )
    if first is None or second is None:
        return evolve(row, outcome=Outcome.FEW, reason=_lacking(metric)), None
    return row, (first, second)


def _resampled(values: Values, side: SideBlocks, value: float, draws: _Draws) -> Resampled | None:
    """Return a metric of a side as resampled; None where some resample has no value."""
    again, kept = (
        [found for draw in each if (found := values.of(draw)) is not None] for each in (draws.again, draws.kept)
    )
    if len(again) < len(draws.again) or len(kept) < len(draws.kept):
        return None
    apart = side.apart()
    telling = sum(values.tells(block, value) for run in apart for block in run)
    blocks = [[values.of((block,)) for block in run] for run in apart]
    return Resampled(value, again, blocks, telling, kept, values.most())


def _lacking(metric: ComparedMetric) -> str:
    if isinstance(metric.of, Percentile) and metric.of.of_frames:
        return f"so much is lost, at least for a while, that no buffer would play {metric.of.percent:g} % of the frames"
    return "there are none, at least for a while"


def _weights(runs: Iterable[ComparedRun]) -> Weights:
    runs = tuple(runs)
    hosts = [host for run in runs for host in run.report.hosts or ()]
    return Weights.of(min(run.header.plan.interval_ns for run in runs), hosts)


def _outcome(
    metric: ComparedMetric, pair: tuple[Resampled, Resampled], low: float, high: float, weight: float
) -> Outcome:
    greatest = max(abs(each.value) for each in pair)
    finest = greatest * _ROUNDING
    if isinstance(metric.of, Percentile):
        finest = greatest / _FINENESS + MICROSECOND / SECOND
    if low <= 0 <= high or abs(pair[1].value - pair[0].value) <= finest:
        return Outcome.SAME
    if abs(pair[1].value - pair[0].value) < weight:
        return Outcome.SLIGHT
    return Outcome.BETTER if (low > 0) == (metric.better > 0) else Outcome.WORSE


def _turned(row: Row) -> Row:
    """Return a row with the sides the other way round."""
    other = {Outcome.BETTER: Outcome.WORSE, Outcome.WORSE: Outcome.BETTER}
    return evolve(
        row,
        outcome=other.get(row.outcome, row.outcome),
        a=row.b,
        b=row.a,
        difference=_less(row.difference),
        low=_less(row.high),
        high=_less(row.low),
        delta=_less(row.delta),
    )


def _less(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
