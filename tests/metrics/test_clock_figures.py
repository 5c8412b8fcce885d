from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.clock_figures import ClockMetrics, DelayFigures, Delays
from cts.metrics.peer_clock import ClockEstimate
from cts.units import MILLISECOND, SECOND
from tests.metrics.other_clock import PPM, OtherClock

MS = MILLISECOND
WAY = st.integers(0, SECOND)
EXCHANGES = st.lists(st.tuples(st.integers(0, 5 * SECOND), WAY, WAY, st.integers(0, SECOND)), min_size=1, max_size=40)


def of_a_hundred(values: Sequence[int], percent: int) -> int:
    """Return the least value that so many of a hundred do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def holds(estimate: ClockEstimate, truth: int) -> bool:
    # Stamps are whole nanoseconds.
    return abs(estimate.value - truth) <= estimate.error + 2


def all_hold(figures: DelayFigures | None, truths: Sequence[int]) -> bool:
    assert figures is not None
    assert figures.count == len(truths)
    return (
        holds(figures.least, min(truths))
        and holds(figures.p50, of_a_hundred(truths, 50))
        and holds(figures.p99, of_a_hundred(truths, 99))
    )


@settings(deadline=None)
@given(st.integers(-(2**61), 2**61), st.integers(-50, 50), EXCHANGES, st.lists(st.tuples(WAY, WAY), max_size=20))
def test_whatever_the_ways_and_the_drift_the_true_delays_lie_within_what_is_told(
    offset_ns: int, ppm: int, exchanges: list[tuple[int, int, int, int]], frames: list[tuple[int, int]]
) -> None:
    truth, metrics, now_ns = OtherClock(offset_ns, ppm * PPM), ClockMetrics(), 0
    for wait_ns, there_ns, back_ns, held_ns in exchanges:
        now_ns += wait_ns
        metrics.take(truth.exchange(now_ns, there_ns, back_ns, held_ns))
        now_ns += there_ns + held_ns + back_ns
    latest_ns = now_ns
    for wait_ns, way_ns in frames:
        now_ns += wait_ns
        came_ns = now_ns + way_ns
        metrics.media(came_ns - truth.shows(now_ns), came_ns - wait_ns, came_ns + wait_ns, 0)
    figures = metrics.figures()
    assert figures is not None
    assert all_hold(figures.to_peer, [there for _, there, _, _ in exchanges])
    assert all_hold(figures.from_peer, [back for _, _, back, _ in exchanges])
    assert holds(figures.offset, int(truth.offset(latest_ns)))
    assert (figures.media is None) is (not frames)
    if frames:
        assert all_hold(figures.media, [way for _, way in frames])


def test_of_an_exchange_alone_each_way_may_have_been_all_of_it() -> None:
    metrics = ClockMetrics()
    metrics.take(OtherClock(5 * SECOND).exchange(0, 30 * MS, 10 * MS))
    figures = metrics.figures()
    assert figures is not None
    assert (figures.exchanges, figures.steps, figures.drift, figures.media) == (1, 0, None, None)
    assert figures.round_trip_least_ns == figures.round_trip_p50_ns == figures.round_trip_p99_ns == 40 * MS
    for way in (figures.to_peer.least, figures.from_peer.least):
        assert abs(way.value - 20 * MS) < 20_000
        assert 20 * MS - 20_000 < way.error < 20 * MS + 20_000


def test_before_the_first_exchange_there_are_no_figures_and_frames_are_of_no_known_delay() -> None:
    metrics = ClockMetrics()
    metrics.media(MS, SECOND, SECOND, 0)
    assert metrics.figures() is None
    metrics.take(OtherClock(0).exchange(0, MS, MS))
    figures = metrics.figures()
    assert figures is not None
    assert figures.media is None


def test_no_delay_is_told_to_have_been_less_than_nothing() -> None:
    delays = Delays()
    delays.take(-5 * MS, 3 * MS)
    figures = delays.figures()
    assert figures is not None
    assert figures.least == ClockEstimate(1_500_000, 1_500_000)
