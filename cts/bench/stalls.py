"""How often this host stands still: a busy loop that finds time missing was not run, whatever the program does.

A hypervisor that lends the processor to somebody else, an interrupt that takes long, a process that is more urgent: no pacer
can be more punctual than this.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from cts.units import MICROSECOND

__all__ = ["STALL_NS", "StallFigures", "measure_stalls"]

STALL_NS = 250 * MICROSECOND
"""What is missing at least, in nanoseconds, for it to count; a turn of the loop takes a thousandth of that."""


@frozen
class StallFigures:
    """What a busy loop missed, in nanoseconds.

    Attributes:
        measured_ns: how long it ran.
        count: stalls of STALL_NS or more.
        lost_ns: all of them together.
        longest_ns: the longest.
    """

    measured_ns: int
    count: int
    lost_ns: int
    longest_ns: int

    @property
    def share(self) -> float:
        """The part of the time that was lost, from 0 to 1."""
        return self.lost_ns / self.measured_ns if self.measured_ns else 0.0


def measure_stalls(now_ns: Callable[[], int], duration_ns: int) -> StallFigures:
    """Read a clock over and over for so long and add up where it jumped. Blocks."""
    began_ns = before_ns = now_ns()
    end_ns = began_ns + duration_ns
    count = lost_ns = longest_ns = 0
    while before_ns < end_ns:
        after_ns = now_ns()
        missing_ns = after_ns - before_ns
        if missing_ns >= STALL_NS:
            count += 1
            lost_ns += missing_ns
            longest_ns = max(longest_ns, missing_ns)
        before_ns = after_ns
    return StallFigures(before_ns - began_ns, count, lost_ns, longest_ns)
