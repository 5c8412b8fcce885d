"""What is said of two sides: the same of the same, a difference where there is one, the mirror image the other way round."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.comparison.compare import ComparedRun, Comparison, Outcome, compare
from cts.comparison.comparison_text import comparison_json, comparison_text, sentence_of, value_text
from cts.metrics.host import HostFigures
from cts.protocol.frames import VerdictRule
from cts.units import MILLISECOND
from tests.comparison.synthetic import NETWORKS, Network, header_of, synthetic_run

STEADY, SLOWER = NETWORKS["steady"], Network(loss=0.001, wander_ms=2.5, memory=0.5)
RESAMPLES = 60


def run(network: Network = STEADY, seed: int = 1, seconds: int = 20, **header: int) -> ComparedRun:
    made = header_of(seconds=seconds, **header)
    return synthetic_run(network, seconds=seconds, seed=seed, header=made, name=f"run{seed}")


def compared(a: ComparedRun, b: ComparedRun, seed: int = 1) -> Comparison:
    return compare([a], [b], seed, RESAMPLES)


def outcomes(comparison: Comparison) -> Mapping[str, Outcome]:
    return {row.metric.name: row.outcome for row in comparison.rows}


FIRST, SECOND, WORSE_RUN = run(), run(seed=2), run(SLOWER, 3)


def test_of_one_network_no_difference_is_told() -> None:
    found = compared(FIRST, SECOND)
    assert set(outcomes(found).values()) <= {Outcome.SAME, Outcome.UNKNOWN, Outcome.FEW}
    assert sentence_of(found) == "No difference between A and B can be told from chance."


def test_a_run_is_no_other_than_itself() -> None:
    assert compared(FIRST, FIRST).outcome is Outcome.SAME


def test_a_real_difference_is_found() -> None:
    found = compared(FIRST, WORSE_RUN)
    assert outcomes(found)["pdv_p95"] is Outcome.WORSE
    assert sentence_of(found).startswith("B is worse than A")
    row = next(row for row in found.rows if row.metric.name == "pdv_p95")
    assert row.low is not None
    assert row.high is not None
    assert row.delta is not None
    assert 0 < row.low < row.high
    assert row.delta > 0.5


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(FIRST, WORSE_RUN), (FIRST, SECOND), (SECOND, WORSE_RUN)]))
def test_the_other_way_round_everything_is_the_other_way_round(
    seed: int, pair: tuple[ComparedRun, ComparedRun]
) -> None:
    opposite = {Outcome.BETTER: Outcome.WORSE, Outcome.WORSE: Outcome.BETTER}
    one, other = compared(pair[0], pair[1], seed), compared(pair[1], pair[0], seed)
    for there, back in zip(one.rows, other.rows, strict=True):
        assert back.outcome is opposite.get(there.outcome, there.outcome)
        assert (back.a, back.b) == (there.b, there.a)
        if there.difference is not None:
            assert (back.difference, back.low, back.high) == (-there.difference, -(there.high or 0), -(there.low or 0))


def test_the_same_seed_says_the_same_in_every_byte_and_another_says_other_limits() -> None:
    one, again, other = (comparison_json(compared(FIRST, WORSE_RUN, seed)) for seed in (7, 7, 8))
    assert one == again
    assert one["metrics"] != other["metrics"]


def test_the_order_of_a_side_s_runs_changes_nothing() -> None:
    one = compare([FIRST, SECOND], [WORSE_RUN], 1, RESAMPLES)
    other = compare([SECOND, FIRST], [WORSE_RUN], 1, RESAMPLES)
    assert one.rows == other.rows


def test_of_a_short_run_nothing_is_told() -> None:
    found = compared(FIRST, run(SLOWER, 4, seconds=5))
    assert found.outcome is Outcome.FEW
    assert "run4 has frames for" in sentence_of(found)


def test_how_short_a_run_is_is_written_as_other_times() -> None:
    header = header_of(seconds=1)
    header = evolve(header, plan=evolve(header.plan, stream_length_ns=MILLISECOND * 500))
    short = synthetic_run(STEADY, seconds=1, seed=1, header=header)
    assert "has frames for 671 ms; it takes 8 s" in sentence_of(compared(FIRST, short))


def test_a_percentile_that_few_values_lie_beyond_is_not_compared() -> None:
    rows = compared(run(seconds=12), run(seed=2, seconds=12)).rows
    row = next(row for row in rows if row.metric.name == "pdv_p99")
    assert (row.outcome, row.reason) == (Outcome.FEW, "one side has 359 values; this percentile takes 500")


def test_what_depends_on_a_setting_that_differs_is_not_compared_and_the_rest_is() -> None:
    deeper = run(SLOWER, 5, buffer_ns=150 * MILLISECOND)
    found = compared(FIRST, deeper)
    assert [each.key for each in found.settings] == ["stream.buffer_depth"]
    assert outcomes(found)["played"] is Outcome.UNLIKE
    assert outcomes(found)["pdv_p95"] is Outcome.WORSE
    assert "stream.buffer_depth: A 100 ms, B 150 ms" in comparison_text(found)


def test_verdicts_of_another_rule_are_not_compared() -> None:
    by_bytes = evolve(SECOND, header=evolve(SECOND.header, verdict=VerdictRule.BYTES))
    found = outcomes(compared(FIRST, by_bytes))
    assert found["completed"] is Outcome.UNLIKE
    assert found["played"] is not Outcome.UNLIKE


def test_of_a_host_that_is_not_to_be_trusted_that_is_said_first() -> None:
    untrusted = evolve(SECOND, report=evolve(SECOND.report, hosts=(HostFigures(overflowed=3),)))
    assert comparison_text(compared(FIRST, untrusted)).startswith("The numbers of B (run2) are not to be believed: ")


def test_what_is_missing_of_a_run_is_said() -> None:
    killed = evolve(SECOND, missing=("ends at 20 s: the run was killed",))
    assert "B  run2 ends at 20 s: the run was killed" in comparison_text(compared(FIRST, killed))


@pytest.mark.parametrize("name", ["steady", "bursts", "waves"])
def test_of_one_network_a_difference_is_told_seldom(name: str) -> None:
    """benchmarks/compare_error_rates.py counts by the hundred: of five comparisons two are wrong once in 50 times at most."""
    runs = [synthetic_run(NETWORKS[name], seconds=15, seed=seed) for seed in range(10)]
    found = [compared(a, b).outcome for a, b in zip(runs[::2], runs[1::2], strict=True)]
    assert sum(each is not Outcome.SAME for each in found) <= 1


def test_the_other_way_round_several_runs_a_side_are_the_other_way_round() -> None:
    a, b = [FIRST, SECOND], [WORSE_RUN, run(SLOWER, 4)]
    there, back = compare(a, b, 1, RESAMPLES), compare(b, a, 1, RESAMPLES)
    for one, other in zip(there.rows, back.rows, strict=True):
        assert (one.a, one.b) == (other.b, other.a)
        if one.difference is not None:
            assert (other.difference, other.low, other.high) == (-one.difference, -(one.high or 0), -(one.low or 0))


def test_runs_of_a_side_that_differ_make_limits_wider() -> None:
    def reach(*b: ComparedRun) -> float:
        row = next(row for row in compare([FIRST, SECOND], b, 1, RESAMPLES).rows if row.metric.name == "pdv_p95")
        assert row.low is not None
        assert row.high is not None
        return row.high - row.low

    assert reach(run(seed=3), WORSE_RUN) > 3 * reach(run(seed=3), run(seed=4))


def test_of_a_side_with_one_run_it_is_said_that_how_runs_differ_is_unknown() -> None:
    assert "\nA and B are one run each: how much runs of the same network differ " in comparison_text(
        compared(FIRST, SECOND)
    )
    one = comparison_text(compare([FIRST, SECOND], [WORSE_RUN], 1, RESAMPLES))
    assert "\nB is one run: how much runs of the same network differ " in one
    several = comparison_text(compare([FIRST, SECOND], [WORSE_RUN, run(seed=3)], 1, RESAMPLES))
    assert "how much runs" not in several


def test_a_difference_of_single_runs_says_in_its_first_sentence_what_is_not_in_the_limits() -> None:
    aside = "(how much runs of one network differ is unknown, and not in the limits): pdv"
    each = sentence_of(compared(FIRST, WORSE_RUN))
    assert each.startswith(f"B is worse than A as far as one run each can tell {aside}")
    one = sentence_of(compare([FIRST, SECOND], [WORSE_RUN], 1, RESAMPLES))
    assert one.startswith(f"B is worse than A as far as one run of B can tell {aside}")
    better = sentence_of(compared(WORSE_RUN, FIRST))
    assert better.startswith(f"B is better than A as far as one run each can tell {aside}")
    several = sentence_of(compare([FIRST, run(seed=4)], [WORSE_RUN, run(SLOWER, 5)], 1, RESAMPLES))
    assert "as far as" not in several


def test_of_runs_that_differ_by_themselves_a_difference_is_told_seldom() -> None:
    """Each run has a network of its own: of three a side nothing but that is different."""
    networks = [Network(loss=0.001, wander_ms=wander, memory=0.5) for wander in (1.0, 1.6, 0.7, 1.4, 0.8, 1.2)]
    runs = [run(network, 20 + seed) for seed, network in enumerate(networks)]
    found = [compare(runs[at:] + runs[: at - 3], runs[at - 3 : at], 1, RESAMPLES) for at in (3, 4, 5)]
    assert {each.outcome for each in found} == {Outcome.SAME}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.56, "seconds", "1.56 s"),
        (0.0123, "seconds", "12.3 ms"),
        (3.25e-8, "seconds", "32.5 ns"),
        (0.0, "seconds", "0 ms"),
        (-3.25e-5, "seconds", "-32.5 us"),
        (32.0, "bits_per_second", "32 bit/s"),
        (25e6, "bits_per_second", "25 Mbit/s"),
        (1e-8, "share", "0.000001 %"),
        (None, "share", "-"),
    ],
)
def test_a_value_has_the_unit_that_suits_it(value: float | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_a_difference_less_than_playing_notices_is_told_and_is_neither_better_nor_worse() -> None:
    found = compared(run(Network(loss=0, wander_ms=0.1, memory=0)), run(Network(loss=0, wander_ms=0.3, memory=0), 2))
    row = next(row for row in found.rows if row.metric.name == "pdv_p95")
    assert row.low is not None
    assert row.low > 0
    assert row.outcome is found.outcome is Outcome.SLIGHT
    assert sentence_of(found).startswith("No difference between A and B matters: pdv")


def test_beside_a_difference_that_matters_others_that_do_not_are_not_called_untold() -> None:
    slower = run(Network(loss=0.05, wander_ms=0.3, memory=0), 2, seconds=40)
    found = compared(run(Network(loss=0, wander_ms=0.1, memory=0), seconds=40), slower)
    assert outcomes(found)["loss"] is Outcome.WORSE
    assert outcomes(found)["pdv_p95"] is Outcome.SLIGHT
    assert sentence_of(found).endswith("nothing is better that matters.")


@pytest.mark.parametrize("seed", range(1, 7))
def test_one_datagram_in_twenty_lost_is_told_of_runs_of_half_a_minute(seed: int) -> None:
    none, lossy = run(Network(loss=0), seconds=30), run(Network(loss=0.05), seed, seconds=30)
    found = next(row for row in compared(none, lossy).rows if row.metric.name == "loss")
    assert found.outcome is Outcome.WORSE
    assert found.low is not None
    assert found.high is not None
    assert 0.03 < found.low < 0.05 < found.high < 0.07


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_limits_are_within_what_is_possible(seed: int) -> None:
    found = compared(run(NETWORKS["rare"]), run(NETWORKS["long waves"], 2), seed)
    for row in found.rows:
        if row.difference is not None and row.low is not None and row.high is not None:
            assert row.low <= row.difference <= row.high
            if row.metric.unit == "share":
                assert -1 <= row.low <= row.high <= 1
            if row.metric.unit == "seconds":
                # No frame of these came later than half a second.
                assert -0.5 <= row.low <= row.high <= 0.5
