"""How times are spread: percentiles within their bound, merging in any order, little memory."""

from __future__ import annotations

import pickle
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.distribution import Distribution, FineDistribution, Lengths

NEAR = st.integers(-200_000, 200_000)
VALUES = st.one_of(NEAR, st.integers(-(1 << 41), 1 << 41))
LISTS = st.lists(VALUES, max_size=50)


def exact(values: list[int], percent: int) -> int:
    """Return the least value that at least ``percent`` of the values do not exceed."""
    return sorted(values)[max(ceil(Fraction(len(values) * percent, 100)), 1) - 1]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=50), st.integers(0, 100))
def test_a_percentile_is_above_the_exact_one_by_at_most_a_microsecond_and_one_part_in_32(
    values: list[int], percent: int
) -> None:
    true, told = exact(values, percent), Distribution(values).percentile(percent)
    assert told is not None
    assert true <= told <= true + 1024 + Fraction(abs(true), 32)


@settings(deadline=None)
@given(LISTS, LISTS, LISTS)
def test_merging_in_any_order_counts_the_same(one: list[int], two: list[int], three: list[int]) -> None:
    a, b, c = Distribution(one), Distribution(two), Distribution(three)
    assert (a + b) + c == a + (c + b) == Distribution(three + one + two)
    assert ((a + b) + c).count == len(one + two + three)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1))
def test_the_extremes_are_exact(values: list[int]) -> None:
    spread = Distribution(values)
    assert (spread.least, spread.greatest) == (min(values), max(values))


def test_nothing_counted_has_no_figures() -> None:
    assert (Distribution().percentile(50), Distribution().least, Distribution().greatest) == (None, None, None)
    assert Distribution().shifted(3) == Distribution()


@pytest.mark.parametrize("far", [1 << 62, -(1 << 62), (1 << 42) - 1])
def test_what_is_far_beyond_any_network_counts_at_the_end_and_takes_no_more_memory(far: int) -> None:
    spread = Distribution([0, far])
    assert {spread.least, spread.greatest} == {0, far}
    assert spread.percentile(100) == max(0, far)
    assert len(spread.buckets()) == 2
    assert max(map(abs, spread.buckets())) <= 865


def test_equal_values_are_told_exactly() -> None:
    assert {Distribution([123_456_789] * 9).percentile(percent) for percent in (0, 50, 99.9, 100)} == {123_456_789}


def test_counts_go_on_beyond_what_two_bytes_hold() -> None:
    spread = Distribution([5, -5])
    spread.record_times(5, 70_000)
    spread.record([5])
    assert spread.count == sum(spread.buckets().values()) == 70_003
    assert (spread + spread).count == 140_006


@settings(deadline=None)
@given(LISTS)
def test_its_buckets_and_extremes_make_an_equal_one_and_it_pickles(values: list[int]) -> None:
    spread = Distribution(values)
    assert Distribution.of_buckets(spread.buckets(), spread.least, spread.greatest) == spread
    assert pickle.loads(pickle.dumps(spread)) == spread


@settings(deadline=None)
@given(st.lists(st.integers(-(1 << 30), 1 << 30), min_size=1, max_size=50), st.integers(-(1 << 30), 1 << 30))
def test_taken_from_another_origin_no_value_falls_and_none_rises_by_more_than_its_bucket(
    values: list[int], origin: int
) -> None:
    moved = Distribution(values).shifted(origin)
    assert (moved.least, moved.greatest, moved.count) == (min(values) - origin, max(values) - origin, len(values))
    true, told = exact(values, 50), moved.percentile(50)
    assert told is not None
    assert true - origin <= told <= true - origin + 2 * 1024 + Fraction(abs(true) + abs(told), 32)


def test_different_counts_are_not_equal() -> None:
    assert Distribution([1]) != Distribution([1, 1])
    assert Distribution([1]) != Distribution([2])
    assert Distribution([1]) != 1


def test_values_by_their_count_are_those_values() -> None:
    spread = Distribution()
    spread.record_times(-7_000_000, 3)
    spread.record_times(9, 0)
    assert spread == Distribution([-7_000_000] * 3)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=50), st.integers(0, 100))
def test_lengths_are_exact_up_to_32_and_then_to_one_part_in_32(values: list[int], percent: int) -> None:
    true, told = exact(values, percent), Lengths(values).percentile(percent)
    assert told is not None
    assert true <= told <= true + max(true - 32, 0) / 32 + (true > 32)
    assert Lengths(values) + Lengths(values) == Lengths(values * 2)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=50), st.integers(0, 100))
def test_a_fine_one_s_percentile_is_above_the_exact_one_by_at_most_a_microsecond_and_one_part_in_256(
    values: list[int], percent: int
) -> None:
    true, told = exact(values, percent), FineDistribution(values).percentile(percent)
    assert told is not None
    assert true <= told <= true + 1024 + Fraction(abs(true), 256)
    assert FineDistribution(values) + FineDistribution(values) == FineDistribution(values * 2)
    assert max(map(abs, FineDistribution(values).buckets())) <= 6145


@settings(deadline=None)
@given(LISTS)
def test_taken_from_where_it_is_it_stays_what_it_was(values: list[int]) -> None:
    assert Distribution(values).shifted(0) == Distribution(values)


def test_lengths_are_no_times() -> None:
    assert Lengths([1]) != Distribution([1])
