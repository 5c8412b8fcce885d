"""Bounds as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.expectations.definitions import short_names
from cts.expectations.expectation import Value, expectation_of, parse_expectation
from cts.expectations.json_keys import json_keys


@pytest.mark.parametrize(
    ("text", "comparison", "bound"),
    [
        ("completed >= 99.9 %", ">=", 0.999),
        ("completed>=.999", ">=", 0.999),
        ("pdv_p99 <= 5 ms", "<=", 0.005),
        ("pdv_p99 < 250us", "<", 0.00025),
        ("longest_freeze <= 0", "<=", 0),
        ("rate >= 7.9 Mbit/s", ">=", 7_900_000),
        ("bytes_received > 1 MiB", ">", 1 << 20),
        ("failed_streams = 0", "=", 0),
        ("metrics.datagrams.due >= 1,000", ">=", 1000),
        ("score >= 80", ">=", 80),
        ("metrics.delay_variation.ipdv.least_seconds >= -5 ms", ">=", -0.005),
        ("metrics.clock_drift.greatest_ppm <= 20 ppm", "<=", 20),
        ("metrics.viewing.inter_frame_delay_variance <= 1e-4", "<=", 0.0001),
        ("trusted", "=", True),
        ("interrupted == false", "=", False),
        ("trust.verdict = not to be trusted", "=", "not to be trusted"),
        ("playout.smallest.99.9 <= 200 ms", "<=", 0.2),
        ("refused.repeated START = 0", "=", 0),
    ],
)
def test_a_bound_has_a_comparison_and_a_unit(text: str, comparison: str, bound: Value) -> None:
    expectation = parse_expectation(text)
    assert (expectation.comparison, expectation.bound) == (comparison, bound)
    assert parse_expectation(str(expectation)) == expectation


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("complete >= 1", "unknown metric; did you mean 'completed'? allowed: completed, "),
        ("completed >= 99.9", "'99.9' is not a share; allowed: a number from 0 to 1, or with %"),
        ("completed >= 99.9", "did you mean '99.9 %'?"),
        ("loss <= 1", "'1' may be 1 % or all; allowed: a number from 0 to 1, or with %"),
        ("loss <= 1.0", "did you mean '1 %' or '100 %'?"),
        ("completed", "has no bound; allowed: <=, <, >=, > or = and a bound in share, for example \">= 99.9 %\""),
        ("pdv_p99 <= 20", "'20' has no unit; did you mean '20ms' or '20s'?"),
        ("buffer <= .5", "'.5' has no unit; did you mean '.5ms' or '.5s'?"),
        ("metrics.delay_variation.ipdv.least_seconds >= -5", "'5' has no unit; did you mean '5ms' or '5s'?"),
        ("pdv_p99 <= 1m", "did you mean '1min' or '1ms'?"),
        ("rate >= 8", "8 is so many bits in a second; did you mean '8 Mbit/s'?"),
        ("completed 99 %", "unknown metric"),
        ("pdv_p99 <= 5 furlongs", "is not a duration; allowed: "),
        ("pdv_p99 <= -5 ms", "negative"),
        ("pdv_p99 <=", "has no comparison; allowed: <=, <, >=, > or = and a bound in seconds, for example"),
        ("failed_streams <= 0.5", "is not a count"),
        ("score >= 101", "out of range; allowed: 0 to 100"),
        ("trusted >= 1", "compares what has no order; allowed: true or false"),
        ("trusted = yes", "'yes' is not allowed; allowed: true or false"),
        ("trust.verdict = fine", "allowed: \"= trusted\" or \"= doubtful\""),
        ("x" * 300, "too long"),
        ("", "unknown metric; allowed: completed"),
    ],
)  # fmt: skip
def test_what_is_no_bound_is_refused_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|negative|is not|did you mean") as refused:
        parse_expectation(text)
    assert told in str(refused.value)


def test_toml_may_have_switches_and_numbers() -> None:
    assert expectation_of("trusted", True).bound is True
    assert str(expectation_of("failed_streams", 0)) == "failed_streams = 0"
    wrong: object
    for wrong in ({}, None, []):
        with pytest.raises(ValueError, match="is no bound; allowed: "):
            expectation_of("completed", wrong)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rate >= 8000000", "rate >= 8000000 bit/s"),
        ("bytes_received > 100", "bytes_received > 100 B"),
        ("pdv_p99 <= 0", "pdv_p99 <= 0 s"),
        ("metrics.clock_drift.greatest_ppm <= 20", "metrics.clock_drift.greatest_ppm <= 20 ppm"),
        ("failed_streams = 0", "failed_streams = 0"),
    ],
)
def test_a_bound_is_shown_with_its_unit(text: str, shown: str) -> None:
    assert str(parse_expectation(text)) == shown


def test_a_time_without_unit_in_recorded_events_is_still_seconds() -> None:
    expectation = parse_expectation("pdv_p99 <= 20", recorded=True)
    assert (expectation.bound, str(expectation)) == (20, "pdv_p99 <= 20 s")


@given(
    st.one_of(
        st.text(max_size=40),
        st.tuples(st.sampled_from([*short_names(), *json_keys()]), st.text(max_size=20)).map("<= ".join),
        st.tuples(st.sampled_from(short_names()), st.floats().map(str)).map(" >= ".join),
    )
)
def test_any_text_is_a_bound_or_is_refused(text: str) -> None:
    try:
        expectation = parse_expectation(text)
    except ValueError:
        return
    assert parse_expectation(str(expectation)) == expectation
