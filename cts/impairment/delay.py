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
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from random import Random

    from attrs import Attribute

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
    "non_negative",
]

DelaySampler: TypeAlias = Callable[[int], list[int]]
"""Called with a count, it returns that many delays in nanoseconds, in the order of the datagrams."""

TimedDelays: TypeAlias = Callable[[int, int], list[int]]
"""Called with an instant and a count, it returns the delays of that many datagrams sent then."""

PARETO_CAP_NS = 10_000_000_000
MIN_SHAPE = 0.1  # below it, the smallest draw of random() raised to 1/shape no longer fits a float
REACH = 8.6  # sqrt(-2 ln 2**-53): Box-Muller on 53-bit draws gives nothing further out, in standard deviations


def non_negative(_instance: object, attribute: Attribute[int], value: int) -> None:
    """Refuse, as an attrs validator, what is not an int of at least 0.

    Raises ValueError naming the attribute.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{attribute.name} is {value!r}: a whole number, 0 or more, is needed")


def in_order(values: Iterable[int]) -> tuple[int, ...]:
    """Turn, as an attrs converter, any iterable into a tuple."""
    return tuple(values)


@frozen
class Constant:
    """Every datagram takes ``delay_ns``."""

    delay_ns: int = field(default=0, validator=non_negative)

    def sampler(self, _rng: Random) -> DelaySampler:
        """Compile; takes no draws."""
        delay_ns = self.delay_ns
        return lambda count: [delay_ns] * count


@frozen
class Uniform:
    """Each whole nanosecond from ``low_ns`` to ``high_ns``, both included, is equally likely."""

    low_ns: int = field(validator=non_negative)
    high_ns: int = field(validator=non_negative)

    def __attrs_post_init__(self) -> None:
        if self.high_ns < self.low_ns:
            raise ValueError(f"high_ns {self.high_ns} is below low_ns {self.low_ns}")

    def sampler(self, rng: Random) -> DelaySampler:
        """Compile; one draw per delay."""
        low, span, draw = self.low_ns, self.high_ns - self.low_ns + 1, rng.random
        return lambda count: [low + int(draw() * span) for _ in range(count)]


@frozen
class Normal:
    """Gaussian with ``mean_ns`` and standard deviation ``sigma_ns``, truncated: what falls below 0 becomes 0."""

    mean_ns: int = field(validator=non_negative)
    sigma_ns: int = field(validator=non_negative)

    def sampler(self, rng: Random) -> DelaySampler:
        """Compile; two draws per delay (Box and Muller 1958, the cosine half)."""
        mean, sigma, draw = self.mean_ns, self.sigma_ns, rng.random
        if mean >= REACH * sigma:
            return lambda count: [
                round(mean + sigma * sqrt(-2.0 * log(1.0 - draw())) * cos(tau * draw())) for _ in range(count)
            ]
        return lambda count: [
            max(0, round(mean + sigma * sqrt(-2.0 * log(1.0 - draw())) * cos(tau * draw()))) for _ in range(count)
        ]


@frozen
class Pareto:
    """Heavy tail: P(delay > x) = (1 + (x - minimum) / scale) ** -shape for x from ``minimum_ns``.

    That is Pareto type II; with ``scale_ns`` left out it is ``minimum_ns``, which makes it type I, the
    one most people mean. A scale below the minimum puts a short tail on top of a long path. What exceeds
    ``cap_ns`` becomes ``cap_ns``: with a shape of 1 or less the mean has no bound otherwise.
    """

    minimum_ns: int = field(validator=non_negative)
    shape: float = field()
    scale_ns: int | None = field(default=None)
    cap_ns: int = field(default=PARETO_CAP_NS, validator=non_negative)

    def __attrs_post_init__(self) -> None:
        if not MIN_SHAPE <= self.shape < float("inf"):
            raise ValueError(f"shape is {self.shape!r}: a number of at least {MIN_SHAPE} is needed")
        if self.scale_ns is not None and self.scale_ns <= 0:
            raise ValueError(f"scale_ns is {self.scale_ns!r}: a positive number is needed")
        if self.scale_ns is None and self.minimum_ns == 0:
            raise ValueError("minimum_ns is 0: then scale_ns has to say how long the tail is")
        if self.cap_ns < self.minimum_ns:
            raise ValueError(f"cap_ns {self.cap_ns} is below minimum_ns {self.minimum_ns}")

    def sampler(self, rng: Random) -> DelaySampler:
        """Compile; one draw per delay, by the inverse of the distribution function."""
        scale = self.minimum_ns if self.scale_ns is None else self.scale_ns
        base, exponent, cap, draw = self.minimum_ns - scale, -1.0 / self.shape, self.cap_ns, rng.random
        return lambda count: [min(cap, base + round(scale * (1.0 - draw()) ** exponent)) for _ in range(count)]


@frozen
class Trace:
    """Measured delays, one per datagram sent in this direction of a flow, from the start again after the last."""

    delays_ns: tuple[int, ...] = field(converter=in_order)

    def __attrs_post_init__(self) -> None:
        if not self.delays_ns:
            raise ValueError("delays_ns is empty: a trace has at least one delay")
        for index, delay_ns in enumerate(self.delays_ns):
            if not isinstance(delay_ns, int) or delay_ns < 0:
                raise ValueError(f"delays_ns[{index}] is {delay_ns!r}: a whole number, 0 or more, is needed")

    def sampler(self, _rng: Random) -> DelaySampler:
        """Compile; takes no draws. Samplers share the tuple, each keeps only its place in it."""
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
