"""Stalls: what a busy loop's clock jumps over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, chain, repeat

import pytest

from cts.bench.punctuality import STALL_NS, StallFigures, measure_stalls

STEP = 100
SECOND = 1_000_000_000


def clock(*jumps: int) -> Callable[[], int]:
    """A clock that steps evenly, but for these jumps at its beginning."""
    ticks: Iterator[int] = accumulate(chain([5], jumps, repeat(STEP)))
    return lambda: next(ticks)


def test_an_even_clock_has_no_stalls() -> None:
    figures = measure_stalls(clock(), 1_000_000)
    assert figures == StallFigures(1_000_000, 0, 0, 0)
    assert figures.share == 0


def test_jumps_are_counted_and_added_up() -> None:
    figures = measure_stalls(clock(STEP, STALL_NS, STALL_NS - 1, STEP, 3 * STALL_NS), 4_000_000)
    assert (figures.count, figures.lost_ns, figures.longest_ns) == (2, 4 * STALL_NS, 3 * STALL_NS)
    assert figures.share == pytest.approx(0.25, rel=0.001)


def test_a_stall_beyond_the_end_is_measured_whole() -> None:
    assert measure_stalls(clock(2 * SECOND), SECOND) == StallFigures(2 * SECOND, 1, 2 * SECOND, 2 * SECOND)


def test_no_time_loses_nothing() -> None:
    assert measure_stalls(clock(), 0).share == 0
