"""Met, missed, undecided: by values, by limits of 95 %, and by how many values there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.expectations.expectation import parse_expectation
from cts.expectations.judging import Doubt, Judgement, Outcome, exit_status_of, judge

MET, MISSED, UNDECIDED = Outcome


def figures(
    completed: int = 1000, dropped: int = 0, *, limits: tuple[float, float, float] | None = None, values: int = 1000
) -> dict[str, Any]:
    """Return what a run of 10 s measured."""
    share = None if limits is None else dict(zip(("share", "low", "high"), limits, strict=True))
    pdv = {"count": values, "p50_seconds": 0.001, "p95_seconds": 0.003, "p99_seconds": 0.004, "p999_seconds": 0.005}
    return {
        "elapsed_seconds": 10.0,
        "frames": {"completed": completed, "dropped": dropped, "repeated": 0, "error": 0},
        "connections": {"network_errors": 1, "protocol_errors": 2},
        "trust": {"verdict": "doubtful"},
        "refused": {},
        "streams": [{"bits_per_second": 8_000_000}, {"bits_per_second": 7_000_000}],
        "metrics": {
            "frames": {"played_share": share},
            "delay_variation": {"pdv": pdv},
            "clock_drift": {"pdv": None},
        },
    }


def judged(text: str, of: dict[str, Any] | None = None) -> Judgement:
    (only,) = judge([parse_expectation(text)], figures() if of is None else of)
    return only


@pytest.mark.parametrize(
    ("text", "outcome", "measured"),
    [
        ("frames.completed >= 1000", MET, 1000),
        ("frames.completed > 1000", MISSED, 1000),
        ("failed_streams = 0", MISSED, 3),
        ("failed_streams <= 3", MET, 3),
        ("rate >= 7 Mbit/s", MET, 7_000_000),
        ("rate >= 8 Mbit/s", MISSED, 7_000_000),
        ("pdv_p99 <= 4 ms", MET, 0.004),
        ("pdv_p99 < 4 ms", MISSED, 0.004),
        ("trusted", MISSED, False),
        ("trust.verdict = doubtful", MET, "doubtful"),
        ("refused.in server.deny = 0", MET, 0),
        ("dropped <= 0 %", MET, 0.0),
    ],
)
def test_what_has_no_limits_is_judged_by_its_value(text: str, outcome: Outcome, measured: object) -> None:
    judgement = judged(text)
    assert (judgement.outcome, judgement.measured.value, judgement.doubt) == (outcome, measured, None)


def test_what_was_not_measured_is_undecided() -> None:
    for text in ("score >= 1", "played >= 50 %", "buffer <= 1 s"):
        judgement = judged(text)
        assert (judgement.outcome, judgement.doubt, judgement.needs_seconds) == (UNDECIDED, Doubt.UNKNOWN, None)
    assert judged("completed >= 50 %", figures(0, 0)).doubt is Doubt.UNKNOWN


@pytest.mark.parametrize(
    ("bound", "outcome"), [("<= 98 %", MISSED), (">= 98 %", MET), (">= 98.9 %", UNDECIDED), (">= 99.9 %", MISSED)]
)
def test_a_share_with_limits_is_decided_where_both_are_on_one_side(bound: str, outcome: Outcome) -> None:
    for name in ("played", "completed"):
        assert judged(f"{name} {bound}", figures(990, 10, limits=(0.99, 0.985, 0.995))).outcome is outcome


def test_limits_hold_for_what_is_left_of_a_share_as_well() -> None:
    judgement = judged("dropped <= 1.2 %", figures(990, 10, limits=(0.99, 0.985, 0.995)))
    assert judgement.outcome is UNDECIDED
    assert judgement.measured.low == pytest.approx(0.005)
    assert judgement.measured.high == pytest.approx(0.015)


def test_limits_of_other_frames_say_nothing() -> None:
    judgement = judged("completed >= 98.9 %", figures(990, 10, limits=(0.5, 0.4, 0.6)))
    assert (judgement.outcome, judgement.measured.low) == (MET, None)


def test_the_run_length_that_would_decide_grows_with_the_square_of_what_is_wanted() -> None:
    limits = (0.99, 0.98, 0.995)
    assert judged("played >= 98.5 %", figures(limits=limits)).needs_seconds == pytest.approx(40)
    assert judged("played >= 99.4 %", figures(limits=limits)).needs_seconds == pytest.approx(16)
    assert judged("played >= 99 %", figures(limits=limits)).needs_seconds is None


def test_where_nothing_was_lost_it_grows_in_proportion() -> None:
    assert judged("played >= 99.9 %", figures(limits=(1.0, 0.99, 1.0))).needs_seconds == pytest.approx(100)


def test_that_all_or_nothing_is_expected_is_decided_by_what_was_seen() -> None:
    assert judged("played >= 100 %", figures(limits=(1.0, 0.99, 1.0))).outcome is MET
    assert judged("played = 100 %", figures(limits=(0.99, 0.98, 0.995))).outcome is MISSED


@pytest.mark.parametrize(
    ("text", "values", "outcome", "needs"),
    [
        ("pdv_p95 <= 1 s", 19, UNDECIDED, 11.0),
        ("pdv_p95 <= 1 s", 20, MET, None),
        ("pdv_p99 <= 3.5 ms", 50, UNDECIDED, 20.0),
        ("pdv_p999 <= 1 s", 999, UNDECIDED, 11.0),
        ("pdv_p999 <= 1 s", 1000, MET, None),
    ],
)
def test_a_percentile_of_too_few_values_is_undecided(
    text: str, values: int, outcome: Outcome, needs: float | None
) -> None:
    judgement = judged(text, figures(values=values))
    assert (judgement.outcome, judgement.needs_seconds) == (outcome, needs)


@pytest.mark.parametrize(
    ("text", "values", "outcome"),
    [
        ("pdv_p99 <= 500 us", 90, MISSED),
        ("pdv_p99 <= 2 ms", 90, MISSED),
        ("pdv_p95 <= 500 us", 4, MISSED),
        ("pdv_p95 <= 2 ms", 4, UNDECIDED),
        ("pdv_p99 >= 500 us", 90, MET),
        ("pdv_p99 <= 990 us", 90, MISSED),
        ("pdv_p99 <= 2.95 ms", 90, UNDECIDED),
    ],
)
def test_a_percentile_of_few_values_is_decided_where_chance_hardly_puts_so_many_above_the_bound(
    text: str, values: int, outcome: Outcome
) -> None:
    assert judged(text, figures(values=values)).outcome is outcome


def test_delay_variation_is_without_the_drift_of_clocks_where_there_is_any() -> None:
    drifting = figures()
    drifting["metrics"]["clock_drift"]["pdv"] = {"count": 1000, "p99_seconds": 0.001}
    assert judged("pdv_p99 <= 5 ms", drifting).measured.value == 0.001


@pytest.mark.parametrize(
    ("own", "outcomes", "status"),
    [
        (0, [], 0),
        (0, [MET], 0),
        (0, [MET, UNDECIDED], 4),
        (0, [MISSED, UNDECIDED], 3),
        (1, [MISSED], 1),
        (130, [UNDECIDED], 130),
    ],
)
def test_a_command_that_failed_keeps_its_own_exit_status(own: int, outcomes: list[Outcome], status: int) -> None:
    assert exit_status_of(own, outcomes) == status


shares = st.floats(0, 1)


@given(st.tuples(shares, shares, shares).map(sorted), shares, st.sampled_from(["<=", ">=", "<", ">", "="]))
def test_a_run_as_long_as_is_said_would_decide(limits: list[float], bound: float, comparison: str) -> None:
    low, share, high = limits
    judgement = judged(f"played {comparison} {bound!r}", figures(limits=(share, low, high)))
    if judgement.outcome is UNDECIDED:
        assert judgement.needs_seconds is None or judgement.needs_seconds > 0
    else:
        assert judgement.needs_seconds is None


def sending(results: int = 2, never_began: int = 0, told: int = 2) -> dict[str, Any]:
    """Return what a run of two streams that only sends has, and its peers have told."""
    unknown = dict.fromkeys(("on_time", "missing", "late"))
    theirs = {
        "streams": told,
        "frames": {"completed": 999, "dropped": 1, "repeated": 0, "error": 0},
        "arrivals": {"duplicate": 7},
        "bytes_received": 900,
        "loss": {"due": 1000, "missing": 100, "on_time": 900, "late": 0},
    }
    return {
        **figures(0),
        "bytes_received": 0,
        "bytes_on_time": 0,
        "arrivals": {"duplicate": 0},
        "loss": {"due": 1000, "not_sent": 0, **unknown},
        "connections": {
            "successful": 2, "network_errors": 0, "protocol_errors": never_began, "cancelled": 0
        },
        "streams_never_began": never_began,
        "peers": {"streams": 2, "results": results, "received": theirs},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "outcome", "value"),
    [
        ("completed >= 99.9 %", MET, 0.999),
        ("frames.dropped <= 0", MISSED, 1),
        ("missing <= 5 %", MISSED, 0.1),
        ("arrivals.duplicate <= 7", MET, 7),
        ("bytes_received >= 900", MET, 900),
    ],
)
def test_who_only_sends_is_judged_by_what_the_receiving_ends_told(text: str, outcome: Outcome, value: float) -> None:
    for found in (judged(text, sending()), judged(text, sending(never_began=1))):
        assert (found.outcome, found.measured.value, found.measured.by_peer) == (outcome, value, True)


@pytest.mark.parametrize(
    "text", ["completed >= 99.9 %", "frames.dropped <= 0", "loss.missing <= 0", "bytes_on_time >= 0"]
)
def test_who_only_sends_is_not_judged_where_a_receiving_end_has_not_told(text: str) -> None:
    found = judged(text, sending(results=1))
    assert (found.outcome, found.doubt, found.measured.by_peer) == (UNDECIDED, Doubt.UNKNOWN, False)


def test_who_only_sends_is_not_judged_by_some_receiving_ends_where_what_another_told_cannot_be() -> None:
    assert judged("completed >= 99.9 %", sending(told=1)).outcome is UNDECIDED


def test_what_a_sending_end_knows_by_itself_is_its_own_word() -> None:
    for text in ("loss.not_sent <= 0", "rate >= 7 Mbit/s"):
        assert judged(text, sending(results=0)) == judged(text, sending())
        assert not judged(text, sending()).measured.by_peer
        assert judged(text, sending()).outcome is MET


def test_who_receives_is_judged_by_its_own_frames() -> None:
    assert not judged("completed >= 99 %").measured.by_peer
