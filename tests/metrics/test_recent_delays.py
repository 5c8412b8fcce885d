"""Delay variation and jitter as they are counted while a stream runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.recent_delays import BOUNDS_NS, DelayCounts, DelayTally, DelayTotals, RecentDelays

MS = 1_000_000
TRANSITS = st.lists(st.none() | st.integers(-(10**10), 10**10), max_size=200)


def told(transits: Sequence[int | None], looks: Sequence[int] = ()) -> DelayTotals:
    """Return what frames come to if they are also looked at behind some of them."""
    tally = DelayTally()
    recent = RecentDelays(tally)
    for place, transit in enumerate(transits):
        recent.frame(transit)
        if place in looks:
            recent.look()
    recent.look()
    return tally.totals()


def test_a_frame_is_laid_beside_the_least_so_far_and_beside_the_one_before() -> None:
    totals = told([10 * MS, 13 * MS, None, 9 * MS, 9 * MS + 50_000])
    assert (totals.frames, totals.variation_ns) == (4, 3 * MS + 50_000)
    assert (totals.steps, totals.step_ns) == (3, 3 * MS + 4 * MS + 50_000)
    assert dict(zip(BOUNDS_NS, totals.within, strict=False))[100_000] == 3
    assert dict(zip(BOUNDS_NS, totals.within, strict=False))[5 * MS] == 1


def test_what_was_least_is_forgotten_after_128_frames() -> None:
    assert told([0] + [MS] * 127).variation_ns == 127 * MS
    assert told([0] + [MS] * 1000).variation_ns == 127 * MS


@given(TRANSITS, st.lists(st.integers(0, 200), max_size=20))
def test_it_is_the_same_whenever_it_is_looked_at(transits: list[int | None], looks: list[int]) -> None:
    assert told(transits, looks) == told(transits)


@given(TRANSITS, TRANSITS)
def test_two_streams_come_to_what_each_of_them_does(first: list[int | None], second: list[int | None]) -> None:
    tally = DelayTally()
    for transits in (first, second):
        recent = RecentDelays(tally)
        for transit in transits:
            recent.frame(transit)
        recent.look()
    assert tally.totals() == told(first) + told(second)
    assert tally.totals() - told(second) == told(first)


@given(TRANSITS, st.integers(0, 200))
def test_nothing_that_is_counted_ever_falls(transits: list[int | None], place: int) -> None:
    more = told(transits) - told(transits[:place])
    assert min(more.frames, more.variation_ns, more.steps, more.step_ns, *more.within) >= 0


def test_a_transit_that_makes_no_sense_is_passed_over() -> None:
    assert told([0, 1 << 63, -(1 << 80), MS]) == told([0, MS])


@pytest.mark.parametrize(("percent", "bound"), [(50, 200_000), (51, 500_000), (99, 500_000)])
def test_a_percentile_is_the_end_of_a_bucket(percent: float, bound: int) -> None:
    counts = DelayCounts((0, 5, 5, *[0] * (len(BOUNDS_NS) - 2)))
    assert counts.percentile(percent) == bound


def test_there_is_no_percentile_of_nothing_nor_beyond_the_last_bucket() -> None:
    assert told([]).within.percentile(99) is None
    assert told([0, 6_000 * MS]).within.percentile(99) is None
