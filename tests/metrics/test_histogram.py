"""The histogram: percentiles to one part in 128, merging, the exact greatest value."""

from __future__ import annotations

import pickle
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.histogram import Histogram, Percentiles

VALUES = st.one_of(st.integers(0, 2_000), st.integers(0, 1 << 50))
LISTS = st.lists(VALUES, max_size=60)


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def exact(values: list[int], percent: int) -> int:
    """Return the least value that at least ``percent`` of the values do not exceed."""
    return sorted(values)[max(ceil(Fraction(len(values) * percent, 100)), 1) - 1]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=60), st.integers(0, 100))
def test_a_percentile_is_within_one_part_in_128_above_the_exact_one(values: list[int], percent: int) -> None:
    true = exact(values, percent)
    assert true <= histogram_of(values).percentile(percent) <= true + Fraction(true, 128)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=60), st.integers(0, 100))
def test_a_percentile_of_small_values_is_exact(values: list[int], percent: int) -> None:
    assert histogram_of(values).percentile(percent) == exact(values, percent)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=60))
def test_no_percentile_exceeds_the_greatest_value_and_they_rise(values: list[int]) -> None:
    figures = histogram_of(values).percentiles()
    assert figures.p50 <= figures.p99 <= figures.p999 <= figures.greatest == max(values)


def test_the_figures_are_the_median_and_the_990th_and_999th_permille() -> None:
    # Up to 255 a percentile is exact.
    assert histogram_of(list(range(1, 201))).percentiles() == Percentiles(200, p50=100, p99=198, p999=200, greatest=200)


@pytest.mark.parametrize("thousands", [1, 3, 7, 55, 1001])
def test_a_permille_of_great_values_does_not_show_in_the_999th(thousands: int) -> None:
    # Exactly 99.9 % are 1: with one rank more, the greatest would be given.
    histogram = Histogram()
    for _ in range(thousands):
        histogram.record(100)
    part = histogram_of([1] * 999)
    for _ in range(thousands):
        histogram.add(part)
    assert histogram.count == thousands * 1000
    assert histogram.percentiles().p999 == 1


@settings(deadline=None)
@given(LISTS, LISTS)
def test_merging_equals_recording_all(left: list[int], right: list[int]) -> None:
    merged = histogram_of(left)
    merged.add(histogram_of(right))
    assert merged == histogram_of(left + right)
    assert merged.percentiles() == histogram_of(left + right).percentiles()


@settings(deadline=None)
@given(st.lists(LISTS, max_size=5))
def test_one_of_many_counts_what_all_of_them_have_and_leaves_them_alone(lists: list[list[int]]) -> None:
    parts = [histogram_of(values) for values in lists]
    assert Histogram.of(parts) == histogram_of([value for values in lists for value in values])
    assert parts == [histogram_of(values) for values in lists]


@settings(deadline=None)
@given(LISTS)
def test_the_greatest_value_and_the_count_are_exact(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert (histogram.greatest, histogram.count) == (max(values, default=0), len(values))


@settings(deadline=None)
@given(st.lists(st.integers(max_value=-1), min_size=1, max_size=10))
def test_a_negative_value_counts_as_0(values: list[int]) -> None:
    assert histogram_of(values) == histogram_of([0] * len(values))
    assert histogram_of(values).percentiles() == Percentiles(len(values), 0, 0, 0, 0)


def test_an_empty_one_has_nothing_but_zeros() -> None:
    assert Histogram().percentiles() == Percentiles(0, 0, 0, 0, 0)


@settings(deadline=None)
@given(LISTS)
def test_it_pickles(values: list[int]) -> None:
    histogram = histogram_of(values)
    copy = pickle.loads(pickle.dumps(histogram, pickle.HIGHEST_PROTOCOL))
    assert copy == histogram
    assert copy.percentiles() == histogram.percentiles()


def test_its_buckets_and_its_greatest_value_make_an_equal_one() -> None:
    histogram = histogram_of([0, 3, 3, 255, 256, 257, 1 << 40])
    copy = Histogram.of_buckets(histogram.buckets(), histogram.greatest)
    assert copy == histogram
    assert copy.percentiles() == histogram.percentiles()


def test_the_buckets_of_one_histogram_are_not_those_of_its_copy() -> None:
    histogram = histogram_of([1])
    copy = Histogram.of_buckets(histogram.buckets(), histogram.greatest)
    copy.record(2)
    assert (histogram.count, copy.count) == (1, 2)


@pytest.mark.parametrize("other", [[1], [1, 2, 2], [1, 3], []])
def test_different_counts_are_not_equal(other: list[int]) -> None:
    assert histogram_of([1, 2]) != histogram_of(other)
    assert histogram_of([1, 2]) != "a histogram"
