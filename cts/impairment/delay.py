"""One-way delay distributions of a link; all values are int nanoseconds.

Each distribution is a frozen description; ``sampler(rng)`` compiles it into a function that gives the
delays of the next datagrams. A sampler takes a fixed number of ``rng.random()`` draws per delay, so the
k-th delay is the same however the calls are grouped. Only ``random()`` is used: it is stable between
Python versions, ``gauss`` and its kin need not be. ``math.log``, ``cos`` and ``pow`` may differ between
platforms in the last bit; rounding to whole nanoseconds hides that in all but a vanishing share of draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import cos, log, sqrt, tau
from typing import TYPE_CHECKING, Annotated, TypeAlias

from attrs import field, frozen

from cts.impairment.description import AtLeastOne, Description, Time, Unfit
from cts.units import Between, format_duration

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "Constant",
    "Delay",
    "DelaySampler",
    "Normal",
    "Pareto",
    "TimedDelays",
    "Trace",
    "Uniform",
    "held",
    "jittered",
]

DelaySampler: TypeAlias = Callable[[int], list[int]]
"""Take a count, return that many delays in nanoseconds, in the order of the datagrams."""

TimedDelays: TypeAlias = Callable[[int, int], list[int]]
"""Take an instant and a count, return the delays of that many datagrams sent then."""

PARETO_CAP_NS = 10_000_000_000
MIN_SHAPE = 0.1  # below it, the smallest draw of random() raised to 1/shape no longer fits a float
REACH = 8.6  # sqrt(-2 ln 2**-53): Box-Muller on 53-bit draws gives nothing further out, in standard deviations


def in_order(values: Iterable[int]) -> tuple[int, ...]:
    """Turn, as an attrs converter, any iterable into a tuple."""
    return tuple(values)


@frozen
class Constant(Description):
    """Every datagram takes ``delay_ns``."""

    delay_ns: Time = 0

    def sampler(self, _rng: Random) -> DelaySampler:
        """Return a sampler that takes no draws."""
        delay_ns = self.delay_ns
        return lambda count: [delay_ns] * count


@frozen
class Uniform(Description):
    """Each whole nanosecond from ``low_ns`` to ``high_ns``, both included, is equally likely."""

    low_ns: Time
    high_ns: Time

    def agree(self) -> None:
        """Refuse bounds that are the wrong way round."""
        if self.high_ns < self.low_ns:
            text = f"{format_duration(self.high_ns)}, and low is {format_duration(self.low_ns)}; allowed: low or more"
            raise Unfit(text, "high", "low")

    def sampler(self, rng: Random) -> DelaySampler:
        """Return a sampler that takes one draw per delay."""
        low, span, draw = self.low_ns, self.high_ns - self.low_ns + 1, rng.random
        return lambda count: [low + int(draw() * span) for _ in range(count)]


@frozen
class Normal(Description):
    """Gaussian with ``mean_ns`` and standard deviation ``sigma_ns``, truncated: what falls below 0 becomes 0."""

    mean_ns: Time
    sigma_ns: Time

    def sampler(self, rng: Random) -> DelaySampler:
        """Return a sampler that takes two draws per delay (Box and Muller 1958, the cosine half)."""
        mean, sigma, draw = self.mean_ns, self.sigma_ns, rng.random
        if mean >= REACH * sigma:
            return lambda count: [
                round(mean + sigma * sqrt(-2.0 * log(1.0 - draw())) * cos(tau * draw())) for _ in range(count)
            ]
        return lambda count: [
            max(0, round(mean + sigma * sqrt(-2.0 * log(1.0 - draw())) * cos(tau * draw()))) for _ in range(count)
        ]


@frozen
class Pareto(Description):
    """Heavy tail: P(delay > x) = (1 + (x - minimum) / scale) ** -shape for x from ``minimum_ns``.

    That is Pareto type II; with ``scale_ns`` left out it is ``minimum_ns``, which makes it type I, the
    one most people mean. A scale below the minimum puts a short tail on top of a long path. What exceeds
    ``cap_ns`` becomes ``cap_ns``: with a shape of 1 or less the mean has no bound otherwise.
    """

    minimum_ns: Time
    shape: Annotated[float, Between(MIN_SHAPE)]
    scale_ns: AtLeastOne | None = None
    cap_ns: Time = PARETO_CAP_NS

    def agree(self) -> None:
        """Refuse a tail of no length, and a cap below the minimum."""
        if self.scale_ns is None and self.minimum_ns == 0:
            text = "0 s, and scale, which is the minimum unless given, would be 0; allowed: more than 0, or a scale"
            raise Unfit(text, "minimum", "scale")
        if self.cap_ns < self.minimum_ns:
            text = f"{format_duration(self.cap_ns)}, and minimum is {format_duration(self.minimum_ns)}"
            raise Unfit(f"{text}; allowed: minimum or more", "cap", "minimum")

    def sampler(self, rng: Random) -> DelaySampler:
        """Return a sampler that takes one draw per delay, by the inverse of the distribution function."""
        scale = self.minimum_ns if self.scale_ns is None else self.scale_ns
        base, exponent, cap, draw = self.minimum_ns - scale, -1.0 / self.shape, self.cap_ns, rng.random
        return lambda count: [min(cap, base + round(scale * (1.0 - draw()) ** exponent)) for _ in range(count)]


@frozen
class Trace(Description):
    """Measured delays, one per datagram sent this way of a flow, from the start again after the last."""

    delays_ns: tuple[int, ...] = field(converter=in_order)

    def agree(self) -> None:
        """Refuse a trace without a delay, and with one below 0; not by the type, which half a million take long to pass."""
        if not self.delays_ns or min(self.delays_ns) < 0:
            raise Unfit("no delay, or one below 0; allowed: at least one delay", "delays")

    def sampler(self, _rng: Random) -> DelaySampler:
        """Return a sampler that takes no draws. Samplers share the tuple, each keeps only its place in it."""
        delays, length = self.delays_ns, len(self.delays_ns)
        place = 0

        def take(count: int) -> list[int]:
            nonlocal place
            first = place
            place = (first + count) % length
            if first + count <= length:
                return list(delays[first : first + count])
            return [delays[(first + offset) % length] for offset in range(count)]

        return take


Delay: TypeAlias = Constant | Uniform | Normal | Pareto | Trace


def jittered(latency_ns: int, jitter_ns: int = 0) -> Delay:
    """Return what the short form ``latency``, ``jitter`` means: Normal with jitter as standard deviation.

    Without jitter it is Constant. Raises ValueError for negative values.
    """
    return Normal(latency_ns, jitter_ns) if jitter_ns else Constant(latency_ns)


def held(delay: Delay, rng: Random, hold_ns: int) -> TimedDelays:
    """Compile ``delay`` so that a draw holds for ``hold_ns``: datagrams sent within it of the draw share it.

    So the datagrams of a burst see one delay, as in a queue, and not each its own, of which the largest
    would decide in a path that keeps order. A Trace has its delays one per datagram all the same.
    """
    take = delay.sampler(rng)
    if hold_ns == 0 or isinstance(delay, Constant | Trace):
        return lambda _now_ns, count: take(count)
    drawn_ns, delay_ns = -(1 << 80), 0

    def timed(now_ns: int, count: int) -> list[int]:
        nonlocal drawn_ns, delay_ns
        if count and now_ns - drawn_ns >= hold_ns:
            drawn_ns, delay_ns = now_ns, take(1)[0]
        return [delay_ns] * count

    return timed
