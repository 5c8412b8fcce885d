"""How much of its time the event loop works, seen from how long it waits for input and deadlines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from cts.units import MILLISECOND

__all__ = ["LoopShare"]

_LOOK_NS: Final = 100 * MILLISECOND
_LOOKS: Final = 3


class LoopShare(trio.abc.Instrument):
    """Watches the loop that it is added to as an instrument. A processor that others have meanwhile is none of its own.

    Args:
        now_ns: the run's clock. In virtual time, which jumps without any waiting, it says nothing.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._waits_since_ns = self._looked_ns = now_ns()
        self._waited_ns = 0
        self._looks = deque([0.0], _LOOKS)

    @property
    def busy(self) -> float:
        """The part that was not waited of the last three tenths of a second, of that of which it was most; 0 to 1."""
        return max(self._looks)

    def before_io_wait(self, timeout: float) -> None:
        """Begin to wait."""
        self._waits_since_ns = self._now_ns()

    def after_io_wait(self, timeout: float) -> None:
        """Look at what was waited."""
        now_ns = self._now_ns()
        self._waited_ns += now_ns - self._waits_since_ns
        if (passed_ns := now_ns - self._looked_ns) >= _LOOK_NS:
            self._looks.append(1 - self._waited_ns / passed_ns)
            self._looked_ns, self._waited_ns = now_ns, 0
