"""Quality of Outcome: the draft's examples, what limits a score, and what is not known."""

from __future__ import annotations

import pytest

from cts.metrics.quality_of_outcome import Profile, QualityOfOutcome, Requirement, Term, outcome_of

MS = 1_000_000


def profile(latency: dict[float, tuple[float, float]], loss: tuple[float, float], rate: int | None = None) -> Profile:
    return Profile(
        name="example",
        latency={percent: Requirement(low * MS, high * MS) for percent, (low, high) in latency.items()},
        loss=Requirement(*loss),
        rate=rate,
    )


DRAFT = profile({99: (200, 500), 99.9: (300, 600)}, (0.01, 0.05), 4_000_000)
EARLIER_DRAFT = profile({99: (250, 400), 99.9: (350, 401)}, (0.001, 0.01), 4_000_000)


def outcome(
    of: Profile, latency: dict[float, float], loss: float | None, rate: float | None = 28e6, offered: float = 32e6
) -> QualityOfOutcome:
    return outcome_of(of, {percent: ms * MS for percent, ms in latency.items()}.get, loss, rate, offered)


def test_the_example_of_the_draft_scores_50() -> None:
    told = outcome(DRAFT, {99: 350, 99.9: 375}, 0.02)
    assert (told.score, told.latency, told.rate) == (50, 50, 100)
    assert told.loss == pytest.approx(75)
    assert (told.limiting, told.percentile) == (Term.LATENCY, 99)


def test_the_example_of_its_earlier_versions_scores_33() -> None:
    told = outcome(EARLIER_DRAFT, {99: 350, 99.9: 352}, 0.005)
    assert told.score == told.latency == pytest.approx(33.33, abs=0.01)
    assert told.loss == pytest.approx(55.56, abs=0.01)


def test_loss_may_be_what_limits() -> None:
    told = outcome(DRAFT, {99: 200, 99.9: 300}, 0.04)
    assert told.limiting is Term.LOSS
    assert told.score == pytest.approx(25)


def test_too_low_a_rate_leaves_nothing() -> None:
    told = outcome(DRAFT, {99: 1, 99.9: 1}, 0.0, rate=3.9e6)
    assert (told.score, told.limiting) == (0, Term.RATE)


def test_a_stream_that_offers_less_than_is_asked_for_says_nothing_of_the_rate() -> None:
    told = outcome(DRAFT, {99: 1, 99.9: 1}, 0.0, rate=2e6, offered=2e6)
    assert (told.score, told.rate, told.limiting) == (100, None, None)


@pytest.mark.parametrize(("latency", "score"), [(99, 100), (100, 100), (150, 50), (200, 0), (999, 0)])
def test_a_score_is_linear_between_its_ends_and_no_more_outside(latency: float, score: float) -> None:
    assert outcome(profile({99: (100, 200)}, (0.001, 0.02)), {99: latency}, 0.0).score == pytest.approx(score)


@pytest.mark.parametrize(("latency", "loss"), [({}, 0.1), ({99: 1.0}, 0.1), ({99: 1.0, 99.9: 2.0}, None)])
def test_without_all_of_latency_and_loss_there_is_no_score(latency: dict[float, float], loss: float | None) -> None:
    told = outcome(DRAFT, latency, loss)
    assert (told.score, told.limiting) == (None, None)


@pytest.mark.parametrize(("optimal", "unacceptable"), [(2, 2), (3, 2), (-1, 2)])
def test_a_requirement_has_a_way_to_go(optimal: float, unacceptable: float) -> None:
    with pytest.raises(ValueError, match="must be more than optimal"):
        Requirement(optimal, unacceptable)
