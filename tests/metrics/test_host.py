"""Whether a host was good enough: each figure against its bound, and the worst process."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.metrics.histogram import Histogram
from cts.metrics.host import Cause, HostFigures, Trust, Verdict, trust_in

MS = 1_000_000
INTERVAL_NS, BUFFER_NS = 40 * MS, 400 * MS
TRUSTED, DOUBTFUL, WRONG = Verdict
Found = tuple[Verdict, Cause | None]


def times(*milliseconds: float) -> Histogram:
    histogram = Histogram()
    for each in milliseconds:
        histogram.record(round(each * MS))
    return histogram


GOOD = HostFigures(loop_lag=times(0.1, 0.2), send_lateness=times(0.1, 0.2), process_share=0.3, host_share=0.4)


def judged(*hosts: HostFigures) -> Trust:
    return trust_in(hosts, interval_ns=INTERVAL_NS, buffer_ns=BUFFER_NS)


def found(host: HostFigures) -> Found:
    trust = judged(host)
    return trust.verdict, trust.doubts[0].cause if trust.doubts else None


def test_figures_below_their_bounds_are_trusted() -> None:
    assert found(GOOD) == (TRUSTED, None)


def test_virtual_time_is_trusted() -> None:
    assert (judged().verdict, judged().figures) == (TRUSTED, None)


def test_figures_that_are_unknown_raise_no_doubt() -> None:
    assert found(HostFigures()) == (TRUSTED, None)


def test_a_single_drop_of_the_kernel_is_too_much() -> None:
    assert found(evolve(GOOD, overflowed=1)) == (WRONG, Cause.OVERFLOW)


@pytest.mark.parametrize(("standstill_ms", "verdict"), [(199, TRUSTED), (200, DOUBTFUL), (399, DOUBTFUL), (400, WRONG)])
def test_a_standstill_is_held_against_the_buffer(standstill_ms: int, verdict: Verdict) -> None:
    cause = None if verdict is TRUSTED else Cause.STANDSTILL
    assert found(evolve(GOOD, read_delay_ns=standstill_ms * MS)) == (verdict, cause)
    lag = times(*[0.1] * 999, standstill_ms)
    assert found(evolve(GOOD, loop_lag=lag)) == (verdict, cause)


@pytest.mark.parametrize(("late_ms", "verdict"), [(9.8, TRUSTED), (10, DOUBTFUL), (39, DOUBTFUL), (40, WRONG)])
def test_how_late_frames_left_is_held_against_the_interval(late_ms: float, verdict: Verdict) -> None:
    cause = None if verdict is TRUSTED else Cause.PACING
    assert found(evolve(GOOD, send_lateness=times(late_ms))) == (verdict, cause)


def test_one_late_frame_in_a_thousand_is_none_of_one_in_a_hundred() -> None:
    assert found(evolve(GOOD, send_lateness=times(*[0.1] * 999, 100))) == (TRUSTED, None)


@pytest.mark.parametrize(("lag_ms", "found_"), [(39, (TRUSTED, None)), (40, (DOUBTFUL, Cause.LAG))])
def test_how_late_the_loop_was_is_held_against_the_interval(lag_ms: int, found_: Found) -> None:
    assert found(evolve(GOOD, loop_lag=times(lag_ms))) == found_


def test_a_process_that_is_busy_is_doubted_only_if_it_woke_late_too() -> None:
    assert found(evolve(GOOD, process_share=0.99)) == (TRUSTED, None)
    assert found(evolve(GOOD, process_share=0.99, loop_lag=times(1))) == (DOUBTFUL, Cause.PROCESS_BUSY)
    assert found(evolve(GOOD, process_share=0.94, loop_lag=times(1))) == (TRUSTED, None)


def test_a_host_without_a_free_processor_is_doubted() -> None:
    assert found(evolve(GOOD, host_share=0.949)) == (TRUSTED, None)
    assert found(evolve(GOOD, host_share=0.95)) == (DOUBTFUL, Cause.HOST_BUSY)


def test_a_host_whose_hypervisor_takes_its_processors_is_doubted() -> None:
    assert found(evolve(GOOD, stolen_share=0.049)) == (TRUSTED, None)
    assert found(evolve(GOOD, stolen_share=0.05)) == (DOUBTFUL, Cause.STOLEN)


def test_a_process_that_told_nothing_is_doubted() -> None:
    assert found(HostFigures(told=False)) == (DOUBTFUL, Cause.UNTOLD)


def test_the_worst_process_decides_and_is_named() -> None:
    doubtful = evolve(GOOD, name="one", host_share=1.0)
    wrong = evolve(GOOD, name="two", overflowed=3)
    for hosts in ((doubtful, wrong, GOOD), (GOOD, wrong, doubtful)):
        trust = judged(*hosts)
        assert trust.verdict is WRONG
        assert [(doubt.process, doubt.cause) for doubt in trust.doubts] == [
            ("two", Cause.OVERFLOW),
            ("one", Cause.HOST_BUSY),
        ]


def test_the_figures_of_many_processes_are_those_of_all() -> None:
    one = HostFigures(loop_lag=times(1), read_delay_ns=5, overflowed=1, process_share=0.1, host_share=0.5, preempted=2)
    other = HostFigures(
        loop_lag=times(2), read_delay_ns=4, overflowed=2, process_share=0.2, stolen_share=0.1, preempted=3
    )
    together = judged(one, other, HostFigures(told=False)).figures
    assert together is not None
    assert (together.loop_lag, together.read_delay_ns, together.overflowed) == (times(1, 2), 5, 3)
    assert (together.process_share, together.host_share, together.stolen_share) == (0.2, 0.5, 0.1)
    assert together.preempted == 5
