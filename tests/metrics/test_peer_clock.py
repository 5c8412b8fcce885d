from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.peer_clock import ClockEstimate, PeerClock
from cts.units import MILLISECOND, SECOND
from tests.metrics.other_clock import PPM, OtherClock

ON_THE_WAY = st.integers(0, SECOND)
MS = MILLISECOND


@settings(deadline=None)
@given(st.integers(-(2**62), 2**62), ON_THE_WAY, ON_THE_WAY, ON_THE_WAY, st.integers(-(2**61), 2**61))
def test_the_offset_of_one_exchange_is_never_wrong_by_more_than_half_the_round_trip(
    sent_ns: int, there_ns: int, back_ns: int, held_ns: int, offset_ns: int
) -> None:
    sample = OtherClock(offset_ns).exchange(sent_ns, there_ns, back_ns, held_ns)
    assert sample.round_trip_ns == there_ns + back_ns
    assert abs(sample.offset_ns - offset_ns) <= sample.error_ns
    assert Fraction(there_ns + back_ns, 2) <= sample.error_ns <= Fraction(there_ns + back_ns, 2) + 2


@settings(deadline=None)
@given(
    st.integers(-(2**61), 2**61),
    st.integers(-50, 50),
    st.lists(st.tuples(st.integers(0, 5 * SECOND), ON_THE_WAY, ON_THE_WAY, ON_THE_WAY), min_size=1, max_size=40),
    st.integers(-5 * SECOND, 60 * SECOND),
    ON_THE_WAY,
)
def test_with_unequal_ways_and_drift_every_estimate_lies_within_its_bound(
    offset_ns: int, ppm: int, exchanges: list[tuple[int, int, int, int]], after_ns: int, way_ns: int
) -> None:
    truth, clock, now_ns = OtherClock(offset_ns, ppm * PPM), PeerClock(), 0
    for wait_ns, *ways in exchanges:
        now_ns += wait_ns
        clock.take(truth.exchange(now_ns, *ways))
        now_ns += sum(ways)
        drift = clock.drift()
        assert drift is None or abs(drift.value - ppm * 1000) <= drift.error
    assert clock.steps == 0
    at_ns = now_ns + after_ns
    offset = clock.offset(at_ns)
    assert offset is not None
    # The truth is a ratio; stamps are whole nanoseconds.
    assert abs(offset.value - truth.offset(at_ns)) <= offset.error + 1
    delay = clock.one_way(truth.shows(at_ns - way_ns), at_ns)
    assert delay is not None
    assert abs(delay.value - way_ns) <= delay.error + 2 + way_ns * 50 * PPM


def test_the_bound_is_half_the_least_round_trip_and_the_drift_since() -> None:
    truth, clock = OtherClock(5 * SECOND), PeerClock()
    clock.take(truth.exchange(0, 40 * MS, 60 * MS))
    clock.take(truth.exchange(SECOND, MS, 3 * MS))
    clock.take(truth.exchange(2 * SECOND, 400 * MS, 400 * MS))
    offset = clock.offset(SECOND)
    assert offset == ClockEstimate(5 * SECOND + MS * -1, 2 * MS + 4 * MS // 5000 + 1)
    later = clock.offset(11 * SECOND)
    assert later is not None
    assert later.error == 2 * MS + 10 * SECOND // 5000 + 1
    assert clock.least_round_trip_ns == 4 * MS
    assert clock.round_trips.count == 3


def test_before_the_first_exchange_nothing_is_known() -> None:
    clock = PeerClock()
    assert (clock.offset(0), clock.one_way(0, 0), clock.drift(), clock.least_round_trip_ns) == (None,) * 4


def test_the_drift_shows_after_a_while_and_ever_more_exactly() -> None:
    truth, clock = OtherClock(-7, 30 * PPM), PeerClock()
    errors = []
    for second in range(600):
        clock.take(truth.exchange(second * SECOND, (1 + second % 5) * MS, (3 + second % 7) * MS))
        drift = clock.drift()
        assert drift is None or second >= 10
        assert drift is not None or second < 20
        if drift is not None:
            errors.append(drift.error)
            assert abs(drift.value - 30_000) <= drift.error
    assert errors[-1] < 10_000 < errors[0]


def test_a_clock_that_is_set_is_begun_with_anew() -> None:
    clock = PeerClock()
    for second in range(30):
        clock.take(OtherClock(0 if second < 20 else SECOND).exchange(second * SECOND, MS, MS))
    offset = clock.offset(30 * SECOND)
    assert clock.steps == 1
    assert offset is not None
    assert abs(offset.value - SECOND) <= offset.error
    assert clock.drift() is None
