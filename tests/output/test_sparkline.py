from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.output.sparkline import ASCII_LEVELS, LEVELS, sparkline


def test_the_last_values_are_shown_the_greatest_as_the_highest() -> None:
    assert sparkline([9, 0, 1, 2, 4], 4) == "▁▃▅█"


def test_what_is_more_than_nothing_looks_like_more_than_nothing() -> None:
    assert sparkline([0, 1, 1_000_000], 3) == "▁▂█"


def test_little_does_not_look_like_much() -> None:
    assert sparkline([0.001, 0.002], 2, least_top=0.01) == "▂▂"


@given(st.lists(st.floats(0, 1e12)), st.integers(-1, 20), st.sampled_from([LEVELS, ASCII_LEVELS]))
def test_it_is_as_wide_as_there_are_values_and_room(values: list[float], width: int, levels: str) -> None:
    line = sparkline(values, width, levels=levels)
    assert len(line) == min(len(values), max(width, 0))
    assert set(line) <= set(levels)
