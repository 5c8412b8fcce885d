"""What the end of a stream leaves to be done that nobody waits for: done with the next look, so that frames leave meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from attrs import define, field

__all__ = ["PutOff"]

_AT_MOST = 256
"""Pieces that wait: streams that end by the thousand between two looks do not fill the memory."""
_STEPS = 16
"""In how many steps they are done at most: where much goes on each takes its time, and a status waits for all of them."""


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
        """Do what waits now, in a few steps: a look would never end that took in what is put off meanwhile."""
        waiting = len(self._waiting)
        at_a_time = -(-waiting // _STEPS)
        for done in range(0, waiting, at_a_time or 1):
            for _ in range(min(at_a_time, waiting - done, len(self._waiting))):
                self._waiting.popleft()()
            yield
