"""A path that is too narrow is told by delay that stays and loss that is steadier than chance; where one lacks, nothing is."""

from __future__ import annotations

import random

import pytest

from cts.metrics.confidence import BlockSums
from cts.metrics.delay_variation import DelayVariationTotals
from cts.metrics.distribution import FineDistribution
from cts.metrics.narrow_path import full_queue_ns
from cts.units import MILLISECOND, SECOND

FULL = [round((199 + at % 2) * MILLISECOND) for at in range(2000)]
"""Delay variation behind a full queue."""
JITTER = [at * MILLISECOND // 10 for at in range(2000)]


def variation(pdv: list[int]) -> DelayVariationTotals:
    return DelayVariationTotals(pdv=FineDistribution(pdv))


def blocks(*lost: int, datagrams: int = 1000) -> BlockSums:
    sums = BlockSums()
    for place, count in enumerate(lost):
        sums.add(place << 27, 10, 10, datagrams, count)
    return sums


def by_chance(share: float, seed: int = 1) -> BlockSums:
    chance = random.Random(seed)
    return blocks(*(sum(chance.random() < share for _ in range(1000)) for _ in range(30)))


def test_loss_that_is_the_same_all_the_time_behind_delay_that_stays_is_a_full_queue() -> None:
    # The queue takes two blocks to fill, and the last block is a part.
    found = full_queue_ns(blocks(0, 110, *[240, 242, 239] * 6, 3), variation(FULL))
    assert found is not None
    assert found // MILLISECOND in range(199, 206)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.24])
def test_loss_by_chance_is_not_called_a_narrow_path_however_steady_the_delay(share: float) -> None:
    assert [full_queue_ns(by_chance(share, seed), variation(FULL)) for seed in range(20)] == [None] * 20


def test_steady_loss_without_delay_that_stays_is_not_called_a_full_queue_ns() -> None:
    assert full_queue_ns(blocks(*[240] * 30), variation(JITTER)) is None
    assert full_queue_ns(blocks(*[240] * 30), variation([9 * MILLISECOND] * 2000)) is None
    assert full_queue_ns(blocks(*[240] * 30), variation([])) is None


def test_of_few_blocks_or_few_losses_nothing_is_told() -> None:
    assert full_queue_ns(blocks(*[240] * 17), variation(FULL)) is None
    assert full_queue_ns(blocks(*[240] * 18), variation(FULL)) is not None
    assert full_queue_ns(blocks(*[4] * 30), variation(FULL)) is None
    assert full_queue_ns(BlockSums(), variation(FULL)) is None
    assert full_queue_ns(blocks(*[0] * 30), variation(FULL)) is None


def test_where_nothing_was_due_between_the_first_block_and_the_last_nothing_is_told() -> None:
    sums = BlockSums()
    for at in (0, 40):
        sums.add(at << 27, 15, 15, 150, 40)
    assert full_queue_ns(sums, variation(FULL)) is None


def test_where_nothing_at_all_gets_through_nothing_is_told() -> None:
    assert full_queue_ns(blocks(*[1000] * 30), variation([SECOND])) is None


def test_a_little_loss_by_chance_beside_it_does_not_hide_it() -> None:
    chance = random.Random(1)
    beside = [240 + sum(chance.random() < 0.01 for _ in range(760)) for _ in range(30)]
    assert full_queue_ns(blocks(9, 100, *beside), variation(FULL)) is not None


def test_what_came_too_late_after_the_end_does_not_make_steady_loss_unsteady() -> None:
    # Of the last 200 ms nothing came before who listened had left.
    short = blocks(9, 110, *[240] * 30, 300, 1000, 100)
    assert full_queue_ns(short, variation(FULL)) is None
    assert full_queue_ns(short, variation(FULL), late=True) is not None


def of_frames(*lost: int, frames: int = 8, datagrams: int = 38) -> BlockSums:
    sums = BlockSums()
    for place, count in enumerate(lost):
        sums.add(place << 27, frames, count, frames * datagrams, count * datagrams)
    return sums


def test_frames_that_a_queue_takes_whole_or_not_at_all_are_what_is_lost_steadily() -> None:
    # As of 25 Mbit/s through tbf with 15, where the host hands over each frame in one piece.
    lost = of_frames(0, 2, *[3, 3, 4, 3, 3, 4, 3, 4] * 7, 3)
    assert full_queue_ns(lost, variation(FULL)) is not None


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_whole_frames_that_are_lost_by_chance_are_not_called_a_narrow_path(share: float) -> None:
    found = []
    for seed in range(40):
        chance = random.Random(seed)
        lost = of_frames(*(sum(chance.random() < share for _ in range(8)) for _ in range(60)))
        found.append(full_queue_ns(lost, variation(FULL)))
    assert found == [None] * 40


def test_of_frames_that_lack_a_part_frames_are_not_what_is_counted() -> None:
    sums = BlockSums()
    for place in range(40):
        sums.add(place << 27, 8, 4, 304, 16 if place % 2 else 144)
    assert full_queue_ns(sums, variation(FULL)) is None
