"""How far a difference may be chance, of many metrics at once: a block bootstrap, and one bound for the greatest of them.

All metrics of one resample are of the same blocks, so that the greatest studentised error of any of them in each resample is
known; what 95 % of these greatest ones do not exceed is how many standard errors a difference must be (single-step maxT:
P. Westfall, S. Young, "Resampling-Based Multiple Testing", 1993; J. Romano, M. Wolf, "Stepwise multiple testing as formalized
data snooping", Econometrica 73, 2005). If the network is the same, the chance that any metric at all is called different is
5 % then, however many there are and however they hang together.

Where a side has several runs, runs are drawn first and then blocks of each (hierarchical bootstrap: A. Davison, D. Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8). What these resamples stray more than those that keep every run is
how much runs of one network differ. Of few runs that is hardly known, so it is taken to be the same on both sides, and pooled,
and counts with as many degrees of freedom as both sides have runs, less one each.

Few blocks know little of their own spread: standard errors are with Bessel's correction, and the bound is Student's at the
level of the normal one, by the degrees of freedom of both sides (B. Welch, 1947). Where neighbouring blocks resemble each
other they are worth fewer independent ones, as those of an autoregression of first order (G. Bayley, J. Hammersley, "The
effective number of independent observations in an autocorrelated time series", 1946); their correlation is freed of its bias
(M. Kendall, 1954). Of what happens in few blocks its strength is hardly known: there are no more degrees of freedom than blocks
that have something of it, less one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import expm1, inf, sqrt
from statistics import NormalDist, fmean
from typing import Final

from attrs import frozen

__all__ = ["CONFIDENCE", "Difference", "Resampled", "cliffs_delta", "simultaneous"]

CONFIDENCE: Final = 0.95
"""Probability with which all intervals hold at once."""
_NORMAL: Final = NormalDist()
_GREATEST: Final = 8.0
_CORRELATION_AT_MOST: Final = 0.9
"""With it 20 blocks are worth one."""


@frozen
class Resampled:
    """A metric of one side.

    Attributes:
        value: it.
        again: it, of each resample of runs, and of blocks within them.
        blocks: it, by run, of each block of those that lie apart, in their order; None for a block that has none.
        telling: how many of these blocks have something of what it is about.
        kept: it, of resamples of blocks that keep each run; those of ``again`` where there is one.
        most: it is no more, whatever chance does; and no less than 0.
    """

    value: float
    again: Sequence[float]
    blocks: Sequence[Sequence[float | None]]
    telling: int
    kept: Sequence[float] = ()
    most: float = inf

    @property
    def runs(self) -> int:
        """How many runs the side has."""
        return len(self.blocks)

    @property
    def all_blocks(self) -> list[float | None]:
        """The blocks of all runs."""
        return [block for run in self.blocks for block in run]

    @property
    def independent(self) -> float:
        """How many independent blocks they are worth."""
        known = sum(each is not None for each in self.all_blocks)
        correlation = _correlation(self.blocks)
        return known * (1 - correlation) / (1 + correlation)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of :attr:`variance`."""
        return max(min(self.independent, self.telling) - self.runs, 1.0)

    @property
    def variance(self) -> float:
        """The square of its standard error, were these the only runs that there could have been."""
        return _spread(self.kept or self.again) * len(self.all_blocks) / max(self.independent - self.runs, 1.0)

    @property
    def variance_of_runs(self) -> float:
        """By how much runs differ beyond that, squared; less than 0 where they do not, 0 of a single one."""
        if self.runs < 2:
            return 0.0
        # Drawn with replacement n runs stray by (n - 1) / n of what they would.
        strays = max(_spread(self.again) - _spread(self.kept), 0.0) * self.runs / (self.runs - 1)
        return (strays - self.variance) * self.runs


@frozen
class Difference:
    """How much more a metric is on the second side.

    Attributes:
        value: the second side's value less the first one's.
        low, high: between these the true one is, for all metrics at once.
        errors: by how many standard errors it must exceed 0.
    """

    value: float
    low: float
    high: float
    errors: float


def simultaneous(pairs: Sequence[tuple[Resampled, Resampled]]) -> list[Difference]:
    """Return the difference of each metric's two sides with limits that hold for all of them together.

    Args:
        pairs: both sides of each metric, all of the same resamples.
    """
    strays = [_strays(first, second) for first, second in pairs]
    greatest = sorted(map(max, zip(*(each for each in strays if each), strict=True)))
    at_most = greatest[min(int(len(greatest) * CONFIDENCE), len(greatest) - 1)] if greatest else 0.0
    differences = []
    for first, second in pairs:
        between = _between(first, second)
        variance = first.variance + second.variance + between
        freedom = _freedom(first, second, between)
        errors = _student(max(at_most, _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)), freedom)
        value, reach = second.value - first.value, errors * sqrt(variance)
        differences.append(Difference(value, value - reach, value + reach, errors))
    return differences


def cliffs_delta(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Return how often a block of the second side has more than one of the first, less how often it has less: -1 to 1.

    N. Cliff, "Dominance statistics: Ordinal analyses to answer ordinal questions", Psychological Bulletin 114 (1993), 494-509.
    None where a side has no value.
    """
    ones, twos = ([each for each in side if each is not None] for side in (first, second))
    if not ones or not twos:
        return None
    return sum((two > one) - (two < one) for one in ones for two in twos) / (len(ones) * len(twos))


def _strays(first: Resampled, second: Resampled) -> list[float]:
    """Return by how many standard errors each resample's difference strays from the one found; nothing where none does."""
    found = second.value - first.value
    off = [two - one - found for one, two in zip(first.again, second.again, strict=True)]
    mean = fmean(off)
    error = sqrt(fmean((each - mean) ** 2 for each in off))
    return [abs(each) / error for each in off] if error > 0 else []


def _between(first: Resampled, second: Resampled) -> float:
    """Return what runs that differ add to the square of the difference's standard error."""
    several = [side for side in (first, second) if side.runs > 1]
    freedom = sum(side.runs - 1 for side in several)
    if not freedom:
        return 0.0
    of_runs = sum(side.variance_of_runs * (side.runs - 1) for side in several) / freedom
    return max(of_runs, 0.0) * sum(1 / side.runs for side in several)


def _freedom(first: Resampled, second: Resampled, between: float) -> float:
    one, two = first.variance, second.variance
    of_runs = max(first.runs + second.runs - 2, 1)
    below = one * one / first.freedom + two * two / second.freedom + between * between / of_runs
    return (one + two + between) ** 2 / below if below > 0 else float(first.freedom + second.freedom)


def _spread(values: Sequence[float]) -> float:
    mean = fmean(values)
    return fmean((each - mean) ** 2 for each in values)


def _correlation(runs: Sequence[Sequence[float | None]]) -> float:
    """Return how much neighbours in a run resemble each other, 0 to 0.9; 0 where that is not known, or they rather differ."""
    squares = products = 0.0
    count = 0
    for run in runs:
        known = [each for each in run if each is not None]
        mean = fmean(known) if known else 0.0
        squares += sum((each - mean) ** 2 for each in known)
        products += sum((one - mean) * (two - mean) for one, two in pairwise(known))
        count += len(known)
    if squares <= 0:
        return 0.0
    found = products / squares
    # Each run's mean takes its part.
    return min(max(found + (1 + 3 * found) * len(runs) / count, 0.0), _CORRELATION_AT_MOST)


def _student(z: float, freedom: float) -> float:
    """Return the quantile of Student's distribution at the level of the normal quantile ``z``.

    D. Wallace, "Bounds on normal approximations to Student's and the chi-square distributions", 1959: within 2 % from 4
    degrees on.
    """
    scaled = min(z, _GREATEST) * (8 * freedom + 3) / (8 * freedom + 1)
    return sqrt(freedom * expm1(scaled * scaled / freedom))
