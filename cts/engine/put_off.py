"""What the end of a stream leaves to be done that nobody waits for: done with the next look, so that frames leave meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field

from cts.units import MILLISECOND

__all__ = ["PutOff", "for_a_while"]

_AT_MOST = 256
"""Pieces that wait: streams that end by the thousand between two looks do not fill the memory."""
_WHILE_NS = 50 * MILLISECOND


@define(eq=False)
class PutOff:
    """Pieces of work in the order in which they came."""

    _waiting: deque[Callable[[], None]] = field(factory=deque, init=False)

    def add(self, work: Callable[[], None]) -> None:
        """Have it done at the next look; where too much waits, the oldest is done now."""
        self._waiting.append(work)
        if len(self._waiting) > _AT_MOST:
            self._waiting.popleft()()

    def steps(self) -> Iterator[None]:
        """Do what waits now, a piece in each step; whoever stops taking steps leaves the rest for the next time."""
        for _ in range(len(self._waiting)):
            if self._waiting:
                self._waiting.popleft()()
            yield


def for_a_while(steps: Iterable[None], now_ns: Callable[[], int]) -> Iterator[None]:
    """Take steps for 50 ms at most: where much goes on each of them waits for its turn, and a status for all of them."""
    began_ns = now_ns()
    for _ in steps:
        if now_ns() - began_ns > _WHILE_NS:
            return
        yield
