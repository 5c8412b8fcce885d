"""Quality of Outcome (draft-ietf-ippm-qoo): how near conditions are to what an application wants, one number from 0 to 100."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from attrs import field, frozen

__all__ = ["ROOM", "Profile", "QualityOfOutcome", "Requirement", "Term", "outcome_of"]


class Term(Enum):
    """What a score is the score of."""

    LATENCY = "latency"
    LOSS = "loss"
    RATE = "rate"


@frozen
class Requirement:
    """What an application wants of one figure.

    Attributes:
        optimal: up to here nothing is lacking (ROP; formerly NRP).
        unacceptable: from here on it cannot be used (CPUP; formerly NRPoU); more than ``optimal``.
    """

    optimal: float
    unacceptable: float = field()

    @unacceptable.validator
    def _check(self, _: object, value: float) -> None:
        if not value > self.optimal >= 0:
            raise ValueError(f"unacceptable ({value}) must be more than optimal ({self.optimal}), which is at least 0")

    def score(self, measured: float) -> float:
        """Return how far a figure is from unacceptable on the way to optimal, from 0 to 100 (sections on each component)."""
        share = 1 - (measured - self.optimal) / (self.unacceptable - self.optimal)
        return 100 * max(0.0, min(share, 1.0))


@frozen(kw_only=True)
class Profile:
    """What an application wants.

    Attributes:
        name: of the application.
        latency: nanoseconds, by percentile; at least one.
        loss: share of datagrams lost, from 0 to 1.
        rate: bits per second that it must have; None where it takes what there is.
    """

    name: str
    latency: Mapping[float, Requirement]
    loss: Requirement
    rate: int | None = None


@frozen(kw_only=True)
class QualityOfOutcome:
    """A score and what it is made of.

    Attributes:
        profile: the application's name.
        score: the least of the others, from 0 to 100; None where latency or loss is not known.
        latency, loss, rate: the scores of each; None where it is not known, of the rate also where none is asked for, or the
            stream would not have offered it.
        limiting: whose score is the least; None where that is 100, or where latency or loss is not known.
        percentile: the percentile of latency with the least score.
    """

    profile: str
    score: float | None
    latency: float | None
    loss: float | None
    rate: float | None
    limiting: Term | None
    percentile: float | None


def outcome_of(
    profile: Profile,
    latency: Callable[[float], float | None],
    loss: float | None,
    rate: float | None = None,
    offered: float | None = None,
) -> QualityOfOutcome:
    """Return how an application would have fared.

    Args:
        profile: what it wants.
        latency: the percentile of latency, nanoseconds; None of it is not known. One-way requirements are for one-way
            latency. Where only its variation is known, which is latency without what every datagram took, the score is an
            upper bound, and says nothing of distance.
        loss: share of datagrams lost.
        rate: bits per second that came.
        offered: bits per second that the stream would have had; what hardly exceeds the profile's shows nothing.
    """
    measured = {percent: latency(percent) for percent in profile.latency}
    scores = {
        percent: profile.latency[percent].score(value) for percent, value in measured.items() if value is not None
    }
    percentile = min(scores, key=scores.__getitem__) if len(scores) == len(measured) else None
    terms: dict[Term, float | None] = {
        Term.LATENCY: None if percentile is None else scores[percentile],
        Term.LOSS: None if loss is None else profile.loss.score(loss),
        Term.RATE: _rate_score(profile, rate, offered),
    }
    known = {term: score for term, score in terms.items() if score is not None}
    whole = Term.LATENCY in known and Term.LOSS in known
    limiting = min(known, key=known.__getitem__) if whole else None
    return QualityOfOutcome(
        profile=profile.name,
        score=known[limiting] if limiting is not None else None,
        latency=terms[Term.LATENCY],
        loss=terms[Term.LOSS],
        rate=terms[Term.RATE],
        limiting=limiting if limiting is not None and known[limiting] < 100 else None,
        percentile=percentile,
    )


ROOM = 1.1
"""Times what is needed that a stream must offer to show a lack of it: of one that offers little more, each loss would."""


def _rate_score(profile: Profile, rate: float | None, offered: float | None) -> float | None:
    if profile.rate is None or rate is None or (offered is not None and offered < ROOM * profile.rate):
        return None
    return 100.0 if rate >= profile.rate else 0.0
