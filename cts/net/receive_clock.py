"""What leads from the kernel's receive times to the run's clock."""

from __future__ import annotations

import time

from cts.api import IPacer

__all__ = ["ReceiveClock"]

_COMPARISONS = 3
_COMPARED_WITHIN_NS = 20_000
"""Two clocks read one after the other within this are compared well enough; a longer gap means that something came between."""


class ReceiveClock:
    """Unix time, which the kernel stamps, as seen from the run's clock; compared anew each turn, since Unix time is set.

    Args:
        pacer: the run's clock.

    Attributes:
        now_ns: the run's clock.
        unix_offset_ns: what to add to a Unix time in nanoseconds to have the run's.
    """

    def __init__(self, pacer: IPacer) -> None:
        self.now_ns = pacer.now_ns
        self.unix_offset_ns = 0
        self.compare()

    def compare(self) -> None:
        """Find the offset as it is now."""
        for _ in range(_COMPARISONS):
            before_ns = self.now_ns()
            unix_ns = time.time_ns()
            if self.now_ns() - before_ns < _COMPARED_WITHIN_NS:
                break
        self.unix_offset_ns = before_ns - unix_ns
