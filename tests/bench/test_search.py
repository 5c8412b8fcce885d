"""The search for the greatest load that holds, against loads that are made up."""

from __future__ import annotations

from collections import Counter
from math import log, log2

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.bench.search import greatest_that_holds

ENDLESS = 500


class Host:
    """Holds loads up to its limit; fails once at each load of ``flaky``."""

    def __init__(self, limit: int, flaky: tuple[int, ...] = (), fails_at_try: int = 1) -> None:
        self.limit = limit
        self.flaky = flaky
        self.fails_at_try = fails_at_try
        self.tried: list[int] = []

    async def holds(self, load: int) -> bool:
        self.tried.append(load)
        assert len(self.tried) < ENDLESS, f"the search does not end: {self.tried[-6:]}"
        if load in self.flaky and self.tried.count(load) == self.fails_at_try:
            return False
        return load <= self.limit

    def search(self, first: int, least: int, most: int, closeness: float = 1.15) -> int:
        async def main() -> int:
            return await greatest_that_holds(self.holds, first, least, most, closeness=closeness)

        return trio.run(main)


def test_what_always_holds_gives_the_most() -> None:
    assert Host(10**9).search(500, 1, 4096) == 4096


def test_what_never_holds_gives_0() -> None:
    host = Host(0)
    assert host.search(500, 7, 4096) == 0
    assert min(host.tried) == 7


def test_nothing_outside_the_bounds_is_tried() -> None:
    for limit in (0, 150, 900, 10_000):
        host = Host(limit)
        host.search(500, 100, 1000)
        assert min(host.tried) >= 100
        assert max(host.tried) <= 1000


@settings(deadline=None)
@given(st.integers(1_000, 2_000_000), st.sampled_from([1.05, 1.15, 1.3]), st.integers(1_000, 1_000_000))
def test_a_threshold_is_found_as_closely_as_asked(limit: int, closeness: float, first: int) -> None:
    found = Host(limit).search(first, 1_000, 1_000_000, closeness)
    wanted = min(limit, 1_000_000)
    assert found <= wanted <= found * closeness


@settings(deadline=None)
@given(st.integers(0, 2_000_000), st.sampled_from([1.05, 1.15, 1.3]), st.integers(1_000, 1_000_000))
def test_the_number_of_trials_is_bounded(limit: int, closeness: float, first: int) -> None:
    host = Host(limit)
    host.search(first, 1_000, 1_000_000, closeness)
    steps = log2(1_000_000 / 1_000) + 2 + log2(1 / log(closeness)) + 3
    assert len(host.tried) <= 2 * steps


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("closeness", [1.01, 1.3])
def test_a_threshold_of_a_few_ends_the_search_too(limit: int, closeness: float) -> None:
    # Between neighbours there is nothing left to try.
    found = Host(limit).search(500, 1, 4096, closeness)
    assert found == limit or (found < limit <= found * closeness)


def test_a_load_holds_only_if_it_holds_twice() -> None:
    host = Host(10_000)
    assert host.search(1000, 1, 4096) == 4096
    assert set(Counter(host.tried).values()) == {2}


@pytest.mark.parametrize("fails_at_try", [1, 2])
def test_a_load_that_fails_once_does_not_hold(fails_at_try: int) -> None:
    host = Host(10_000, flaky=(2000,), fails_at_try=fails_at_try)
    found = host.search(1000, 1, 4096)
    assert 1000 <= found < 2000 <= found * 1.15
    assert host.tried.count(2000) == fails_at_try


def test_a_first_load_that_fails_once_is_searched_below() -> None:
    found = Host(10_000, flaky=(1000,)).search(1000, 1, 4096)
    assert 500 <= found < 1000


def test_what_is_given_was_seen_to_hold_twice() -> None:
    host = Host(1234, flaky=(1000, 750, 625))
    found = host.search(1000, 1, 4096)
    assert host.tried.count(found) == 2
