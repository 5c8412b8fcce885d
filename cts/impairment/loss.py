"""Loss processes of a link.

Each process is a frozen description; ``sampler(rng)`` compiles it into a function that tells of the next
datagrams which are lost. A sampler advances once per datagram *offered* to the link, whatever else befalls
that datagram, so its verdicts depend on the process and its random stream alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Annotated, TypeAlias

from attrs import field, frozen

from cts.impairment.description import AtLeastOne, Description, Probability

__all__ = [
    "Bernoulli",
    "EveryNth",
    "GilbertElliott",
    "Loss",
    "LossSampler",
    "Ranges",
    "chance",
    "losses",
    "pairs",
]

LossSampler: TypeAlias = Callable[[int], list[bool]]
"""Take a count, return for that many datagrams, in order, whether each is lost."""


def pairs(values: Iterable[Iterable[int]]) -> tuple[tuple[int, int], ...]:
    """Turn, as an attrs converter, an iterable of pairs into a tuple of tuples.

    Raises ValueError for an item that is not a pair of whole numbers.
    """
    rows = tuple(tuple(value) for value in values)
    for index, row in enumerate(rows):
        if len(row) != 2 or not all(isinstance(number, int) for number in row):
            raise ValueError(f"item {index} is {row!r}: a pair of whole numbers is needed")
    return tuple((row[0], row[1]) for row in rows)


def _ends(probability: float) -> None:
    if probability == 0.0:
        raise ValueError("0: a bad state that never ends; allowed: more than 0, and outages for a link that stays down")


def _forward(span: tuple[int, int]) -> None:
    first, last = span
    if last < first:
        raise ValueError(f"from {first} to {last}, which is backwards; allowed: [first, last]")


@frozen
class Bernoulli(Description):
    """Each datagram is lost with probability ``p``, independently of the others."""

    p: Probability

    def sampler(self, rng: Random) -> LossSampler:
        """Return a sampler that takes one draw per datagram."""
        p, draw = self.p, rng.random
        return lambda count: [draw() < p for _ in range(count)]


@frozen
class GilbertElliott(Description):
    """Two-state Markov loss: bursts.

    A datagram is judged in the state the chain is in, then the chain moves; it starts good. ``p`` is the
    probability to go from good to bad, ``r`` from bad to good; ``loss_good`` (1 - k) and ``loss_bad``
    (1 - h) are those of a loss in either state. The defaults, 0 and 1, are the simple Gilbert model, where
    a burst has 1 / r datagrams on average. In the long run (p * loss_bad + r * loss_good) / (p + r) are lost.

    Sources: E. N. Gilbert, "Capacity of a Burst-Noise Channel", BSTJ 39 (1960); E. O. Elliott, "Estimates
    of Error Rates for Codes on Burst-Noise Channels", BSTJ 42 (1963); the letters as in tc-netem's gemodel
    and in G. Haßlinger, O. Hohlfeld, "The Gilbert-Elliott Model for Packet Loss in Real Time Services on
    the Internet" (2008).
    """

    p: Probability
    r: Annotated[Probability, _ends]
    loss_bad: Probability = 1.0
    loss_good: Probability = 0.0

    def sampler(self, rng: Random) -> LossSampler:
        """Return a sampler that takes two draws per datagram, one where no state needs a draw to judge."""
        p, r, draw = self.p, self.r, rng.random
        loss_good, loss_bad = self.loss_good, self.loss_bad
        bad = False

        def simple(count: int) -> list[bool]:
            nonlocal bad
            lost = []
            for _ in range(count):
                lost.append(bad)
                if draw() < (r if bad else p):
                    bad = not bad
            return lost

        def full(count: int) -> list[bool]:
            nonlocal bad
            lost = []
            for _ in range(count):
                lost.append(draw() < (loss_bad if bad else loss_good))
                if draw() < (r if bad else p):
                    bad = not bad
            return lost

        return simple if (loss_good, loss_bad) == (0.0, 1.0) else full


@frozen
class EveryNth(Description):
    """Datagram n, 2n, 3n … is lost, counted from 1 on this way of the flow."""

    n: AtLeastOne

    def sampler(self, _rng: Random) -> LossSampler:
        """Return a sampler that takes no draws."""
        n = self.n
        seen = 0

        def take(count: int) -> list[bool]:
            nonlocal seen
            first = seen + 1
            seen += count
            return [index % n == 0 for index in range(first, first + count)]

        return take


@frozen
class Ranges(Description):
    """The datagrams from ``first`` to ``last`` of each range are lost, both included, counted from 1.

    Ranges may come in any order and may overlap.
    """

    ranges: tuple[Annotated[tuple[AtLeastOne, AtLeastOne], _forward], ...] = field(converter=pairs)

    def sampler(self, _rng: Random) -> LossSampler:
        """Return a sampler that takes no draws."""
        ahead = sorted(self.ranges, reverse=True)  # the next range is at the end
        seen = 0

        def take(count: int) -> list[bool]:
            nonlocal seen
            first, seen = seen + 1, seen + count
            lost = [False] * count
            while ahead and ahead[-1][0] <= seen:
                begin, end = ahead[-1]
                for index in range(max(begin, first), min(end, seen) + 1):
                    lost[index - first] = True
                if end > seen:
                    break
                ahead.pop()
            return lost

        return take


Loss: TypeAlias = Bernoulli | GilbertElliott | EveryNth | Ranges


def losses(loss: Loss | None, seed: int) -> LossSampler:
    """Compile a loss process with a random stream of its own; None loses nothing."""
    return never if loss is None else loss.sampler(Random(seed))


def chance(p: float, seed: int) -> LossSampler:
    """Return a sampler that gives True with probability p; where p is 0 it takes no draws."""
    return Bernoulli(p).sampler(Random(seed)) if p else never


def never(count: int) -> list[bool]:
    """Return False for each: nothing is lost."""
    return [False] * count
