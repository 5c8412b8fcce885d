"""Token buckets against a model that counts tokens, and their table against more keys than it has room for."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cts.engine.token_buckets import TokenBuckets
from cts.units import SECOND


@given(
    st.integers(1, 1000),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, SECOND // 10)), max_size=60),
)
def test_tokens_are_given_as_buckets_of_that_rate_and_size_have_them(
    per_second: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    buckets = TokenBuckets(per_second, burst, at_most=3)
    tokens = dict.fromkeys(range(3), Fraction(burst))
    now_ns = 0
    for key, passed_ns in steps:
        now_ns += passed_ns
        for each in tokens:
            tokens[each] = min(Fraction(burst), tokens[each] + Fraction(passed_ns * per_second, SECOND))
        assert buckets.take(key, now_ns) == (tokens[key] >= 1)
        tokens[key] -= tokens[key] >= 1


def test_time_that_goes_back_gains_nothing() -> None:
    buckets = TokenBuckets(1, 1, at_most=1)
    assert [buckets.take(0, at_ns) for at_ns in (5 * SECOND, 0, 5 * SECOND, 6 * SECOND)] == [True, False, False, True]


def test_the_table_has_room_for_so_many_whoever_asks() -> None:
    buckets = TokenBuckets(1, 1, at_most=100)
    for key in range(65_000):
        buckets.take(key, 0)
    assert len(buckets) == 100


def test_who_never_asked_is_let_in_however_many_others_have_used_theirs_up() -> None:
    buckets = TokenBuckets(1, 1, at_most=100)
    for key in range(1000):
        buckets.take(key, 0)
    assert buckets.take(5000, 0)


def test_who_goes_on_asking_keeps_an_empty_bucket_among_others_that_come_and_go() -> None:
    buckets = TokenBuckets(1, 2, at_most=10)
    given_out = 0
    for key in range(1, 1000):
        buckets.take(key, 0)
        given_out += buckets.take(0, 0)
    assert given_out == 2
