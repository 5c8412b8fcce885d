"""Limits of 95 %: they cover the truth in 93 to 97 of 100 runs, bursts or none; blocks of time in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.confidence import BlockSums, evidence, limits_of_share

MS = 1_000_000
RUNS = 1000


def lost_of(chance: random.Random, datagrams: int, share: float, burst: float) -> Iterator[int]:
    """Yield which of them are lost, each on its own where bursts are of 1 in the mean, else by two states."""
    to_came = 1 / burst if burst > 1 else 1 - share
    to_lost = share * to_came / (1 - share)
    lost, at = chance.random() < share, 0
    while at < datagrams:
        length = 1 + int(log(1 - chance.random()) / log(1 - (to_came if lost else to_lost)))
        if lost:
            yield from range(at, min(at + length, datagrams))
        lost, at = not lost, at + length


@pytest.mark.parametrize(
    ("datagrams", "share", "burst", "blocks"),
    [(20_000, 0.01, 1, 40), (20_000, 0.01, 5, 64), (20_000, 0.01, 20, 48), (5_000, 0.02, 15, 32), (2_000, 0.05, 4, 32)],
)
def test_the_truth_is_within_the_limits_in_93_to_97_percent_of_runs(
    datagrams: int, share: float, burst: float, blocks: int
) -> None:
    chance, covered = random.Random(20), 0
    of_each = datagrams // blocks
    for _ in range(RUNS):
        counts = [0] * (blocks + 1)
        for at in lost_of(chance, of_each * blocks, share, burst):
            counts[at // of_each] += 1
        limits = limits_of_share([of_each] * blocks, counts[:-1])
        assert limits is not None
        covered += limits.low <= share <= limits.high
    assert 0.93 * RUNS <= covered <= 0.97 * RUNS


def test_frames_that_fail_in_bursts_are_covered_as_well() -> None:
    # Frames are rendered at 60 fps for half a minute, and fail by two states.
    chance, covered = random.Random(21), 0
    for _ in range(RUNS):
        blocks, failed = BlockSums(), set(lost_of(chance, 1800, 0.04, 3))
        for begin in range(0, 1800, 8):
            bad = sum(frame in failed for frame in range(begin, begin + 8))
            blocks.add(begin * 16_666_667, 8, bad, 8, 0)
        limits = blocks.played()
        assert limits is not None
        covered += limits.low <= 0.96 <= limits.high
    assert 0.93 * RUNS <= covered <= 0.97 * RUNS


def test_bursts_make_the_limits_wider() -> None:
    even = limits_of_share([100] * 20, [5] * 20)
    burst = limits_of_share([100] * 20, [50, 50] + [0] * 18)
    assert even is not None
    assert burst is not None
    assert even.share == burst.share == 0.05
    assert burst.high - burst.low > 3 * (even.high - even.low)


def test_one_that_came_alone_is_not_taken_for_a_burst_of_unknown_strength() -> None:
    alone, burst = limits_of_share([24] * 37, [23] + [24] * 36), limits_of_share([24] * 37, [21] + [24] * 36)
    assert alone is not None
    assert burst is not None
    assert (round(alone.low, 3), round(burst.low, 2)) == (0.977, 0.64)


@pytest.mark.parametrize(("events", "burst"), [(1, 1), (2, 1), (5, 1), (6, 2)])
def test_the_truth_is_within_the_limits_where_few_of_a_run_s_frames_fail(events: int, burst: float) -> None:
    chance, covered, share = random.Random(5), 0, events / 1800
    for _ in range(RUNS):
        counts = [0] * 40
        for at in lost_of(chance, 1800, share, burst):
            counts[at // 45] += 1
        limits = limits_of_share([45] * 40, counts)
        assert limits is not None
        covered += limits.low <= share <= limits.high
    assert covered >= 0.93 * RUNS


def test_what_limits_rest_on_is_told() -> None:
    found = evidence([24] * 37, [21] + [24] * 35 + [23])
    assert (found.total, found.blocks, found.telling, found.bursts) == (888, 37, 2, True)
    assert found.independent < 888 / 2
    assert not evidence([24, 24], [1, 1]).bursts


def test_of_independent_events_the_limits_are_those_of_wilson() -> None:
    # 0 of 100: 0 to z^2 / (100 + z^2).
    limits = limits_of_share([50, 50], [0, 0])
    all_of_them = limits_of_share([50, 50], [50, 50])
    assert limits is not None
    assert all_of_them is not None
    assert (limits.share, limits.low, all_of_them.share, all_of_them.high) == (0, 0, 1, 1)
    assert limits.high == pytest.approx(3.8415 / 103.8415, rel=1e-4)
    assert all_of_them.low == pytest.approx(1 - limits.high)


def test_where_nothing_was_due_or_all_was_in_one_block_there_are_no_limits() -> None:
    assert limits_of_share([], []) is None
    assert limits_of_share([0, 0], [0, 0]) is None
    assert limits_of_share([100, 0], [3, 0]) is None


@pytest.mark.parametrize(("counts", "share"), [([-3, 1], 0.0), ([-3, 0], 0.0), ([110, 95], 1.0), ([100, 101], 1.0)])
def test_less_than_nothing_counts_as_nothing_and_more_than_all_as_all(counts: list[int], share: float) -> None:
    limits = limits_of_share([100, 100], counts)
    assert limits is not None
    assert limits == limits_of_share([100, 100], [round(100 * share)] * 2)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(-2000, 2000)), max_size=20))
def test_limits_are_shares_and_hold_the_share_whatever_was_counted(blocks: list[tuple[int, int]]) -> None:
    limits = limits_of_share([total for total, _ in blocks], [count for _, count in blocks])
    assert limits is None or 0 <= limits.low <= limits.share <= limits.high <= 1


ADDITIONS = st.lists(
    st.tuples(st.one_of(st.integers(0, 1 << 44), st.integers(0, 1 << 32)), *[st.integers(0, 1000)] * 4), max_size=30
)


@settings(deadline=None)
@given(ADDITIONS, st.integers(0, 30), st.randoms(use_true_random=False))
def test_blocks_are_what_was_added_in_any_order(
    additions: list[tuple[int, int, int, int, int]], cut: int, chance: random.Random
) -> None:
    expected = BlockSums()
    for addition in additions:
        expected.add(*addition)
    chance.shuffle(additions)
    one, two = BlockSums(), BlockSums()
    for addition in additions[:cut]:
        one.add(*addition)
    for addition in additions[cut:]:
        two.add(*addition)
    assert one + two == two + one == expected
    _, _, sums = expected.parts()
    assert len(sums) <= 64 * 4
    for column in range(4):
        assert sum(sums[column::4]) == sum(addition[column + 1] for addition in additions)
    assert BlockSums.of_parts(*expected.parts()) == expected


def test_a_block_ends_where_the_next_begins() -> None:
    blocks = BlockSums()
    assert blocks.end_of(0) == 1 << 27
    assert blocks.end_of(1 << 27) == 2 << 27
    blocks.add(0, 1, 0, 1, 0)
    blocks.add(64 << 27, 1, 0, 1, 0)
    assert blocks.end_of(0) == 2 << 27
