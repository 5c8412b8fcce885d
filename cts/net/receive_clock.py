"""What leads from the kernel's receive times to the run's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from cts.api import IPacer
from cts.units import MICROSECOND

__all__ = ["ReceiveClock", "unix_offset_ns"]

_COMPARISONS = 5
_COMPARED_WITHIN_NS = 2 * MICROSECOND
"""Two clocks read one after the other within this are compared well enough; a longer gap means that something came between."""


def unix_offset_ns(now_ns: Callable[[], int]) -> int:
    """Return what to add to a Unix time to have the time of this clock, both in nanoseconds.

    Compares the two a few times, reading one after the other, and keeps the comparison with the shortest gap between the reads.
    """
    best_gap_ns, offset_ns = None, 0
    for _ in range(_COMPARISONS):
        before_ns = now_ns()
        unix_ns = time.time_ns()
        gap_ns = now_ns() - before_ns
        if best_gap_ns is None or gap_ns < best_gap_ns:
            best_gap_ns, offset_ns = gap_ns, before_ns + gap_ns // 2 - unix_ns
        if gap_ns < _COMPARED_WITHIN_NS:
            break
    return offset_ns


class ReceiveClock:
    """Unix time, which the kernel stamps, as seen from the run's clock; compared anew each turn, since Unix time is set.

    Args:
        pacer: the run's clock.

    Attributes:
        now_ns: the run's clock.
        unix_offset_ns: what to add to a Unix time in nanoseconds to have the run's.
        read_delay_ns: the longest time from a stamp to its translation; whoever looks at it sets it back.
    """

    def __init__(self, pacer: IPacer) -> None:
        self.now_ns = pacer.now_ns
        self.unix_offset_ns = 0
        self.read_delay_ns = 0
        self.compare()

    def of(self, unix_ns: int) -> int:
        """Return the time of this clock at which the kernel stamped an arrival, which is no later than now.

        A stamp that lies in the future was made before Unix time was set back; what was read now had come by now.
        """
        stamped_ns, now_ns = unix_ns + self.unix_offset_ns, self.now_ns()
        delay_ns = now_ns - stamped_ns
        if delay_ns < 0:
            return now_ns
        if delay_ns > self.read_delay_ns:
            self.read_delay_ns = delay_ns
        return stamped_ns

    def compare(self) -> None:
        """Find the offset as it is now."""
        self.unix_offset_ns = unix_offset_ns(self.now_ns)
