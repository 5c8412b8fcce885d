"""Relative time in flight and jitter, from two clocks that need not agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.jitter import ABSURD_MS, InFlight, InFlightTimes

QPF = 10_000_000
MS = QPF // 1000


def test_times_are_relative_to_the_first_frame_and_jitter_is_the_step_from_the_one_before() -> None:
    times = InFlightTimes()
    # Sent every 10 ms by a clock an hour ahead; in flight 5, 8, 2 and 2 ms.
    hour = 3600 * QPF
    sent_and_received = [(0, 5), (10, 18), (20, 22), (30, 32)]
    measured = [times.add(hour + sent * MS, QPF, received * MS, QPF) for sent, received in sent_and_received]
    assert measured == [InFlight(0.0, 0.0), InFlight(3.0, 3.0), InFlight(-3.0, 6.0), InFlight(-3.0, 0.0)]
    assert times.unusable == 0


@pytest.mark.parametrize(("sender_qpf", "receiver_qpf"), [(0, QPF), (-1, QPF), (QPF, 0), (QPF, -1)])
def test_a_clock_that_does_not_tick_measures_nothing_and_every_such_frame_counts(
    sender_qpf: int, receiver_qpf: int
) -> None:
    times = InFlightTimes()
    assert [times.add(1, sender_qpf, 1, receiver_qpf) for _ in range(2)] == [None, None]
    assert times.unusable == 2


def test_one_tick_per_second_is_a_clock() -> None:
    times = InFlightTimes()
    assert times.add(7, 1, 9, 1) == InFlight(0.0, 0.0)
    assert times.add(8, 1, 12, 1) == InFlight(2000.0, 2000.0)


@pytest.mark.parametrize("late_ms", [ABSURD_MS, -ABSURD_MS])
def test_a_frame_may_be_a_day_off_and_no_millisecond_more(late_ms: float) -> None:
    times = InFlightTimes()
    times.add(0, 1000, 0, 1000)
    assert times.add(0, 1000, int(late_ms), 1000) == InFlight(late_ms, ABSURD_MS)
    further = 1 if late_ms > 0 else -1
    assert [times.add(0, 1000, int(late_ms) + further, 1000) for _ in range(2)] == [None, None]
    assert times.unusable == 2


def test_a_frame_a_day_off_is_counted_and_moves_neither_base_nor_jitter() -> None:
    times = InFlightTimes()
    assert times.add(0, QPF, 0, QPF) is not None
    day = int(ABSURD_MS) * QPF // 1000
    assert times.add(2 * day, QPF, 10_000, QPF) is None
    after = times.add(0, QPF, 20_000, QPF)
    assert after is not None
    assert (after.relative_ms, after.jitter_ms) == (2.0, 2.0)
    assert times.unusable == 1


def test_each_side_is_measured_in_its_own_ticks() -> None:
    times = InFlightTimes()
    times.add(0, 1_000, 0, 10_000_000)
    measured = times.add(1_000, 1_000, 10_050_000, 10_000_000)
    assert measured is not None
    assert measured.relative_ms == 5.0


INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(st.lists(st.tuples(INT64, INT64, st.integers(0, 2**62)), max_size=20))
def test_no_stamp_of_a_peer_raises_and_every_figure_is_finite(stamps: list[tuple[int, int, int]]) -> None:
    times = InFlightTimes()
    measured = [times.add(qpc, qpf, received, QPF) for qpc, qpf, received in stamps]
    usable = [each for each in measured if each is not None]
    assert len(usable) + times.unusable == len(stamps)
    assert all(abs(each.relative_ms) <= ABSURD_MS and 0 <= each.jitter_ms <= 2 * ABSURD_MS for each in usable)
