"""Delay variation by hand, and how exact it stays when the least transit comes late."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.delay_variation import DelayVariation
from cts.metrics.distribution import Distribution, FineDistribution

MS = 1_000_000


def variation_of(*portions: list[int], breaks: list[int] | None = None) -> DelayVariation:
    variation = DelayVariation()
    for portion in portions:
        variation.fold(portion, breaks or [], min(portion))
    return variation


def test_it_is_the_transit_over_the_least_one_and_over_the_one_before() -> None:
    totals = variation_of([70 * MS, 75 * MS], [60 * MS, 61 * MS]).totals()
    assert totals.ipdv == Distribution([5 * MS, -15 * MS, MS])
    assert (totals.pdv.least, totals.pdv.greatest, totals.pdv.count) == (0, 15 * MS, 4)


def test_clocks_that_do_not_agree_make_no_difference() -> None:
    ahead = [transit - 10**18 for transit in (70 * MS, 75 * MS, 60 * MS)]
    assert variation_of(ahead).totals() == variation_of([70 * MS, 75 * MS, 60 * MS]).totals()


def test_a_frame_behind_one_that_did_not_come_has_no_neighbour_but_its_jitter() -> None:
    variation = variation_of([0, 16 * MS], breaks=[1])
    assert variation.totals().ipdv.count == 0
    variation.fold([16 * MS] * 15, [], 16 * MS)
    # J = 1 ms after the first, and 15/16 of it after each of 15 more.
    (jitter,) = {variation.totals().jitter.least, variation.totals().jitter.greatest}
    assert jitter is not None
    assert abs(jitter - MS * (15 / 16) ** 15) < 2


def test_a_frame_at_the_beginning_of_a_portion_may_be_without_a_neighbour_too() -> None:
    variation = variation_of([1, 2])
    variation.fold([9, 10], [0], 9)
    assert variation.totals().ipdv == Distribution([1, 1])


def test_the_least_of_any_datagram_counts_even_if_it_was_not_the_last_of_its_frame() -> None:
    variation = DelayVariation()
    variation.fold([5 * MS], [], 3 * MS)
    assert variation.totals().pdv == FineDistribution([2 * MS])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1 << 36), min_size=1, max_size=8), min_size=1, max_size=12))
def test_variation_is_exact_to_2_us_a_128th_of_itself_and_a_1024th_of_the_greatest(portions: list[list[int]]) -> None:
    values = sorted(transit for portion in portions for transit in portion)
    exact = [value - values[0] for value in values]
    told = variation_of(*portions).totals().pdv
    for percent in (1, 25, 50, 75, 100):
        true = exact[max(-(-len(exact) * percent // 100), 1) - 1]
        figure = told.percentile(percent)
        assert figure is not None
        assert true <= figure <= true + 2048 + Fraction(true, 128) + Fraction(exact[-1], 1024)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 5_000_000))
def test_a_transit_that_falls_all_the_time_stays_as_exact(frames: int, step: int) -> None:
    portions = [[10**10 - step * frame] for frame in range(frames)]
    told, exact = variation_of(*portions).totals().pdv, [step * frame for frame in range(frames)]
    true, figure = exact[-(-frames // 2) - 1], told.percentile(50)
    assert figure is not None
    assert true <= figure <= true + 2048 + Fraction(true, 128) + Fraction(exact[-1], 1024)


def assert_exact(told: Distribution, transits: list[int]) -> None:
    least = min(transits)
    exact = sorted(transit - least for transit in transits)
    for percent in (1, 5, 10, 25, 50, 75, 90, 95, 99, 100):
        true, figure = exact[max(-(-len(exact) * percent // 100), 1) - 1], told.percentile(percent)
        assert figure is not None
        assert true <= figure <= true + 2048 + Fraction(true, 128) + Fraction(exact[-1], 1024), percent


def in_portions(transits: list[int], length: int) -> list[list[int]]:
    return [transits[at : at + length] for at in range(0, len(transits), length)]


@pytest.mark.parametrize("ppm", [0.5, 5, 20, 100, 1000])
def test_thousands_of_portions_between_clocks_that_drift_apart_stay_as_exact(ppm: float) -> None:
    transits = [-round(frame * 33_333_333 * ppm / 1e6) for frame in range(24_000)]
    assert_exact(variation_of(*in_portions(transits, 8)).totals().pdv, transits)


@pytest.mark.parametrize("factor", [1.01, 1.12, 1.15, 1.2, 1.3, 1.5, 1.51, 2.0, 5.0])
def test_a_least_transit_that_falls_by_ever_more_stays_as_exact(factor: float) -> None:
    depth, transits = 33_000.0, [0] * 8
    while depth < 1e12:
        transits += [-int(depth)] * 8
        depth *= factor
    assert_exact(variation_of(*in_portions(transits, 8)).totals().pdv, transits)


@pytest.mark.parametrize("seed", range(10))
def test_a_fall_among_spikes_stays_as_exact(seed: int) -> None:
    chance, level, transits = random.Random(seed), 0, []
    step, spike = chance.choice([200, 1000, 5000, 20_000]), chance.choice([1, 10_000, 10**6, 10**8])
    for _ in range(10_000):
        level -= chance.randrange(2 * step)
        transits.append(level + (chance.randrange(spike) if chance.random() < 0.3 else 0))
    assert_exact(variation_of(*in_portions(transits, 16)).totals().pdv, transits)


def test_a_fall_without_end_takes_a_bounded_number_of_parts() -> None:
    variation, depth = DelayVariation(), 1.0
    while depth < 1 << 62:
        variation.fold([-int(depth)], [], -int(depth))
        depth *= 1.6
        assert len(variation._parts) <= 12


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), min_size=1, max_size=8))
def test_percentiles_found_cheaply_are_no_farther_off_than_those_of_the_distribution(portions: list[list[int]]) -> None:
    variation = variation_of(*portions)
    transits = sorted(transit for portion in portions for transit in portion)
    cheap = variation.percentiles((95, 99))
    for percent, found in zip((95, 99), cheap, strict=True):
        exact = transits[-(-len(transits) * percent // 100) - 1] - transits[0]
        of_distribution = variation.pdv().percentile(percent)
        assert of_distribution is not None
        assert exact <= found <= max(exact, of_distribution)


def test_of_nothing_there_are_percentiles_of_0() -> None:
    assert DelayVariation().percentiles((95, 99)) == [0, 0]
    assert DelayVariation().jitter_ns == 0


def test_a_frame_that_more_may_come_of_counts_once_it_is_whole_and_until_then_by_what_has_come() -> None:
    variation = DelayVariation()
    variation.fold([5 * MS, 6 * MS], [], 5 * MS, whole=[5 * MS])
    assert variation.percentiles((100,), lacking=[6 * MS]) == [MS]
    assert variation.totals().pdv.count == 1
    variation.late(90 * MS)
    totals = variation.totals()
    assert (totals.pdv.count, totals.pdv.greatest, totals.ipdv.count) == (2, 85 * MS, 1)


def test_of_frames_that_all_lack_something_the_delay_is_known_on_the_way() -> None:
    variation = DelayVariation()
    variation.fold([5 * MS, 6 * MS], [], 5 * MS, whole=[])
    assert variation.percentiles((50, 100), lacking=[5 * MS, 6 * MS]) == [0, MS]
    assert variation.totals().pdv.count == 0
