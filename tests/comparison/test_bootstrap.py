"""Limits that hold at once, and the effect size, by numbers that can be worked out by hand or looked up."""

from __future__ import annotations

from random import Random
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from cts.comparison.bootstrap import Resampled, cliffs_delta, simultaneous


def side(chance: Random, value: float, error: float = 1.0, blocks: int = 10) -> Resampled:
    spread = [value + error * (-1) ** block for block in range(blocks)]
    return Resampled(value, [chance.gauss(value, error) for _ in range(500)], [spread], blocks)


def test_cliffs_delta_is_how_often_there_is_more_less_how_often_there_is_less() -> None:
    assert cliffs_delta([1, 2], [3, 4]) == 1
    assert cliffs_delta([3, 4], [1, 2]) == -1
    assert cliffs_delta([1, 3], [2, 2]) == 0
    assert cliffs_delta([1, None], [1, 2]) == 0.5
    assert cliffs_delta([], [1]) is None


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_cliffs_delta_the_other_way_round_is_its_negative(ones: list[float], twos: list[float]) -> None:
    there, back = cliffs_delta(ones, twos), cliffs_delta(twos, ones)
    assert there is not None
    assert back is not None
    assert there == -back
    assert -1 <= there <= 1


def test_of_more_metrics_each_must_differ_by_more() -> None:
    chance = Random(1)
    pairs = [(side(chance, 0), side(chance, 0)) for _ in range(14)]
    alone, together = simultaneous(pairs[:1])[0], simultaneous(pairs)[0]
    assert together.errors > alone.errors * 1.3


def test_of_metrics_that_are_the_same_there_need_be_no_more_than_of_one() -> None:
    pair = (side(Random(1), 0), side(Random(2), 0))
    assert simultaneous([pair] * 14)[0] == simultaneous([pair])[0]


def test_what_happened_in_few_blocks_must_differ_by_more() -> None:
    one, other = side(Random(1), 0), side(Random(2), 0)
    few = [Resampled(each.value, each.again, each.blocks, 3) for each in (one, other)]
    assert simultaneous([(few[0], few[1])])[0].errors > 1.25 * simultaneous([(one, other)])[0].errors


def test_neighbours_that_resemble_each_other_are_worth_fewer_blocks() -> None:
    again, waves = [0.0, 1.0] * 50, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1]
    apart = [0, 1] * 5
    assert Resampled(0.5, again, [apart], 10).independent == 10
    assert Resampled(0.5, again, [waves], 10).independent < 7
    assert Resampled(0.5, again, [waves], 10).variance > Resampled(0.5, again, [apart], 10).variance


def test_where_nothing_strays_the_limits_are_the_difference() -> None:
    one, other = (Resampled(value, [value] * 10, [[value] * 10], 10) for value in (1.0, 3.0))
    found = simultaneous([(one, other)])[0]
    assert (found.value, found.low, found.high) == (2, 2, 2)


def several(chance: Random, values: list[float], error: float = 1.0) -> Resampled:
    """Return a side of runs with those values, of which a run's own error is known."""
    mean = fmean(values)
    kept = [chance.gauss(mean, error / len(values) ** 0.5) for _ in range(4000)]
    again = [fmean(chance.gauss(value, error) for value in chance.choices(values, k=len(values))) for _ in range(4000)]
    blocks = [[value + 3 * error * (-1) ** block for block in range(10)] for value in values]
    return Resampled(mean, again, blocks, 30, kept)


def test_how_much_runs_differ_is_found_beside_what_each_strays_by_itself() -> None:
    found = several(Random(1), [0, 4, 8])
    # The values' variance is 16, of which 1 and a little more is each run's own.
    assert 13 < found.variance_of_runs < 16
    assert several(Random(2), [4, 4, 4]).variance_of_runs < 0.5


def test_runs_that_differ_make_the_error_larger_and_better_known_the_more_there_are() -> None:
    few, many = ([0.0, 4.0], [0.0, 4.0, 1.0, 3.0, 0.5, 3.5])
    one = simultaneous([(several(Random(1), few), several(Random(2), few))])[0]
    other = simultaneous([(several(Random(3), many), several(Random(4), many))])[0]
    alike = simultaneous([(several(Random(5), [2.0, 2.0]), several(Random(6), [2.0, 2.0]))])[0]
    assert one.high - one.low > 2 * (other.high - other.low)
    assert one.errors > 1.5 * other.errors
    assert one.high - one.low > 3 * (alike.high - alike.low)


def test_of_single_runs_nothing_is_known_of_how_runs_differ() -> None:
    assert side(Random(1), 0).variance_of_runs == 0


def test_levels_of_runs_are_not_taken_for_neighbours_that_resemble_each_other() -> None:
    again = [0.0, 1.0] * 50
    apart = Resampled(0.5, again, [[0, 1] * 5, [8, 9] * 5], 20)
    assert apart.independent == 20
