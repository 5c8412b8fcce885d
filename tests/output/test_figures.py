from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.output.figures import (
    about_rate,
    about_time,
    outcome_counts,
    percentage,
    rate_of,
    seconds,
    significant,
    two_columns,
)
from cts.records.snapshots import Outcome


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0.000"),
        (499_999, "0.000"),
        (500_000, "0.001"),
        (5_966_666_667, "5.967"),
        (10**15 + 1, "1000000.000"),
        (-1_500_000_000, "-1.500"),
    ],
)
def test_seconds_are_rounded_to_the_nearest_millisecond(duration_ns: int, text: str) -> None:
    assert seconds(duration_ns) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (1000, "1.000 kbit/s"),
        (24_999_840, "24.999 Mbit/s"),
        (999_999_999, "999.999 Mbit/s"),
        (60_000_000_000, "60.000 Gbit/s"),
        (2_000_000_000_000, "2.000 Tbit/s"),
    ],
)
def test_a_rate_has_three_decimals_and_is_never_rounded_up(rate: int, text: str) -> None:
    assert about_rate(rate) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "-"),
        (0, 5, "0.00 %"),
        (5, 5, "100.00 %"),
        (1, 3, "33.33 %"),
        (2, 3, "66.67 %"),
        (1, 10**6, "<0.01 %"),
        (10**6 - 1, 10**6, ">99.99 %"),
    ],
)
def test_a_share_has_two_decimals(part: int, whole: int, text: str) -> None:
    assert percentage(part, whole) == text


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_only_nothing_is_0_and_only_everything_is_100_percent(part: int, rest: int) -> None:
    whole = part + rest
    assert (percentage(part, whole) == "0.00 %") == (part == 0)
    assert (percentage(part, whole) == "100.00 %") == (part == whole)


def test_texts_begin_behind_the_longest_name() -> None:
    assert two_columns([("seed", "1"), ("clients", "2"), ("", "more")]) == ["seed     1", "clients  2", "         more"]


def test_outcomes_that_occurred_are_counted_in_a_fixed_order() -> None:
    outcomes = {Outcome.CANCELLED: 0, Outcome.PROTOCOL_ERROR: 1, Outcome.SUCCESSFUL: 3}
    assert outcome_counts(outcomes) == ["3 successful", "1 protocol error"]


def test_an_outcome_that_is_always_told_is_told_of_nothing_too() -> None:
    assert outcome_counts({Outcome.NETWORK_ERROR: 2}, Outcome.SUCCESSFUL) == ["0 successful", "2 network errors"]


def test_a_part_of_a_rate_is_written_in_the_unit_of_the_whole() -> None:
    assert rate_of(19_399_000, 24_999_840) == "19.4 of 25 Mbit/s"
    assert rate_of(900_000, 1_000_000) == "0.9 of 1 Mbit/s"
    assert rate_of(7, 900) == "7 of 900 bit/s"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.2345, "1.23"), (970.4, "970"), (1564.2, "1,564"), (3.2512e-05, "0.0000325"), (-1560.0, "-1,560"), (0.0, "0")],
)
def test_a_number_for_people_is_no_power_of_ten(number: float, text: str) -> None:
    assert significant(number) == text


@pytest.mark.parametrize(
    ("duration_ns", "text"), [(999_700_000, "1,000 ms"), (12_345 * 10**9, "12,345 s"), (5, "5 ns")]
)
def test_a_time_for_people_is_no_power_of_ten(duration_ns: int, text: str) -> None:
    assert about_time(duration_ns) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 6))
def test_no_number_for_people_has_an_exponent(number: float, digits: int) -> None:
    assert "e" not in significant(number, digits)
