"""Drift of clocks: the line under the least transits, what it takes away, and when it is none."""

from __future__ import annotations

import random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.clock_drift import ClockDrift, DriftTotals, Extremes, line_under
from cts.metrics.distribution import Distribution, FineDistribution
from cts.metrics.frame_record import FrameRecord
from cts.metrics.media import MediaMetrics
from cts.metrics.media_totals import MediaTotals

S = 1_000_000_000
MS = 1_000_000


def stream(transits: list[int], interval_ns: int = 50 * MS) -> MediaTotals:
    metrics = MediaMetrics(interval_ns, 1)
    for sequence, transit in enumerate(transits, 1):
        due_ns = sequence * interval_ns
        metrics.frame(FrameRecord(sequence, due_ns, 1, 1, 9, 0, (), 0, 0, 0, None, transit, transit, transit))
    return metrics.totals()


def drifting(ppm: float, frames: int, seed: int = 1, queue_ns: int = 200_000) -> list[int]:
    """Return transits over a queue that is empty now and then, between clocks that drift."""
    chance = random.Random(seed)
    return [round(frame * 50 * MS * ppm / 1e6) + int(chance.expovariate(1 / queue_ns)) for frame in range(frames)]


def test_a_line_lies_under_all_points_by_hand() -> None:
    line = line_under([0, 1, 2, 3, 4], [5, 9, 7, 20, 9])
    assert (line.slope, line.x, line.y, line.span) == (1.0, 0, 5, 4)
    assert line.heights == (0, 3, 0, 12, 0)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=40))
def test_no_point_is_below_the_line_and_no_line_through_two_points_is_nearer(ys: list[int]) -> None:
    xs = range(0, len(ys) * 1000, 1000)
    line = line_under(xs, ys)
    assert all(y - line.y - (x - line.x) * line.slope >= -0.01 for x, y in zip(xs, ys, strict=True))
    ours = sum(y - line.y - (x - line.x) * line.slope for x, y in zip(xs, ys, strict=True))
    for at, one in enumerate(ys):
        for to in range(at + 1, len(ys)):
            slope = (ys[to] - one) / (xs[to] - xs[at])
            heights = [y - one - (x - xs[at]) * slope for x, y in zip(xs, ys, strict=True)]
            assert min(heights) < -0.01 or sum(heights) >= ours - 0.01 * len(ys)


@pytest.mark.parametrize("ppm", [50.0, -50.0, 3.0, 400.0])
def test_a_drift_is_found_to_within_a_fraction_of_a_ppm(ppm: float) -> None:
    drift = stream(drifting(ppm, 4000)).drift
    assert drift.drifting == 1
    assert drift.ppm.least == drift.ppm.greatest == pytest.approx(ppm, abs=0.2)


def test_with_the_drift_taken_away_the_variation_is_that_of_the_queue() -> None:
    totals = stream(drifting(100.0, 6000))
    steady = stream(drifting(0.0, 6000)).variation.pdv
    told, raw, true = (part.percentile(99) for part in (totals.drift.pdv, totals.variation.pdv, steady))
    assert told is not None
    assert raw is not None
    assert true is not None
    # 300 s at 100 ppm are 30 ms; the queue's 99th percentile is about 0.9 ms.
    assert raw > 25 * MS
    assert abs(told - true) <= 50_000


def test_clocks_that_change_their_pace_are_followed_piece_by_piece() -> None:
    one, other = drifting(60.0, 12_000, seed=2), drifting(30.0, 12_000, seed=3)
    totals = stream(one + [round(12_000 * 50 * MS * 60e-6) + transit for transit in other])
    told = totals.drift.pdv.percentile(95)
    assert told is not None
    # One line for all 20 minutes would be off by 9 ms in their middle.
    assert told < 2 * MS
    assert totals.drift.residual.count


def test_steady_clocks_have_no_drift_whatever_the_queue() -> None:
    found = [stream(drifting(0.0, 2000, seed=seed, queue_ns=5 * MS)).drift for seed in range(20)]
    assert sum(drift.drifting for drift in found) == 0
    assert all(abs(drift.ppm.least or 0) < 20 for drift in found)


def test_without_drift_the_variation_without_it_is_the_variation() -> None:
    totals = stream(drifting(0.0, 500))
    assert totals.drift.pdv == totals.variation.pdv


def test_what_no_clock_would_do_is_a_queue_that_fills() -> None:
    drift = stream(drifting(5000.0, 1000)).drift
    assert drift.drifting == 0
    assert drift.residual.count == 0


def test_few_seconds_tell_nothing_of_a_drift() -> None:
    assert stream(drifting(100.0, 100)).drift.ppm == Extremes()


def test_what_rises_and_falls_again_is_a_queue_and_its_variation_is_told_whole() -> None:
    # A queue that fills at 500 ppm for 20 s, empties as slowly, and stays empty.
    chance = random.Random(1)
    queue = [min(frame, max(800 - frame, 0)) * 25_000 + chance.randrange(50_000) for frame in range(2400)]
    totals = stream(queue)
    told = totals.drift.pdv.percentile(99)
    assert told is not None
    assert told >= 9.5 * MS
    assert totals.drift == evolve(totals.drift, drifting=0, residual=Distribution(), pdv=totals.variation.pdv)


def test_a_queue_that_remembers_its_length_for_long_is_no_drift() -> None:
    for seed in range(20):
        chance, length, transits = random.Random(seed), 0.0, []
        for _ in range(6000):
            length = 0.999 * length + chance.gauss(0, 100_000)
            transits.append(int(abs(length)))
        totals = stream(transits)
        assert (totals.drift.drifting, totals.drift.residual.count) == (0, 0)
        assert totals.drift.pdv == totals.variation.pdv


def folded_windows(*windows: tuple[int, int]) -> ClockDrift:
    """Return a fold of windows of two frames, the least transit of which is that of the first."""
    drift = ClockDrift()
    for at_ns, transit in windows:
        drift.fold([at_ns, at_ns + 2 * S], [transit, transit + 1], FineDistribution)
    return drift


def test_windows_that_begin_at_one_time_or_go_back_are_passed_over() -> None:
    windows = [(number * 3 * S, number * 30_000) for number in range(40)]
    strange = [window for at, level in windows for window in ((at, level), (at, level - 40_000), (at - 5 * S, level))]
    assert (
        folded_windows(*strange).totals(FineDistribution()).ppm
        == folded_windows(*windows).totals(FineDistribution()).ppm
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(1 << 61), 1 << 61), st.integers(-(1 << 62), 1 << 62)), min_size=8, max_size=40))
def test_windows_in_any_order_are_taken(windows: list[tuple[int, int]]) -> None:
    assert folded_windows(*windows).totals(FineDistribution()).drifting <= 1


@settings(deadline=None)
@given(st.lists(st.sampled_from([7, S, 9 * S]), min_size=8, max_size=80))
def test_few_times_over_and_over_are_taken(times: list[int]) -> None:
    assert folded_windows(*[(at, at % 5) for at in times]).totals(FineDistribution()).drifting <= 1


def test_of_many_streams_the_extremes_are_left() -> None:
    one, two = DriftTotals(Extremes(3.0, 3.0), 1), DriftTotals(Extremes(-2.0, -2.0), 0)
    assert (one + two).ppm == Extremes(-2.0, 3.0)
    assert (one + DriftTotals()).ppm == Extremes(3.0, 3.0)
    assert (DriftTotals() + DriftTotals()).ppm == Extremes()
    assert (one + two).drifting == 1


def test_a_day_long_stream_keeps_a_bounded_number_of_points() -> None:
    drift = ClockDrift()
    for minute in range(24 * 60):
        drift.fold([minute * 60 * S], [minute * 60_000], FineDistribution)
    assert len(drift._life[0]) <= 32
    assert len(drift._recent[0]) <= 64 + 8
    totals = drift.totals(FineDistribution())
    assert totals.ppm.least == pytest.approx(1.0, rel=0.01)


@settings(deadline=None)
@given(st.lists(st.integers(-(1 << 62), 1 << 62), min_size=1, max_size=60))
def test_any_transits_at_all_are_taken(transits: list[int]) -> None:
    totals = stream(transits, 10 * S)
    assert totals.variation.pdv.count == len(transits)
    assert totals.drift.pdv.count == len(transits)
    assert (totals.drift.pdv.least or 0) >= 0
