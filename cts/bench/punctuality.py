"""How punctual this host can be: how late it wakes a task that is due, and how often it stands still.

A busy loop that finds time missing was not run, whatever the program does: a hypervisor that lends the processor to somebody
else, an interrupt that takes long, a process that is more urgent. No pacer can be more punctual than that.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import frozen

from cts.clock.system_pacer import open_pacer
from cts.metrics.histogram import Histogram, Percentiles
from cts.units import MICROSECOND, SECOND

__all__ = ["STALL_NS", "PacingFigures", "StallFigures", "measure_pacing", "measure_stalls"]

_WAKES_PER_TASK = 100
STALL_NS = 250 * MICROSECOND
"""What is missing at least, in nanoseconds, for it to count; a turn of the loop takes a thousandth of that."""


@frozen
class PacingFigures:
    """Lateness at one rate of wakes.

    Attributes:
        wakes_per_second: over all tasks.
        lateness: nanoseconds from due to running.
    """

    wakes_per_second: int
    lateness: Percentiles


async def measure_pacing(wakes_per_second: int, seconds: float) -> PacingFigures:
    """Let tasks of 100 wakes a second each, evenly offset, wake at this rate together, and record how late they are."""
    pacer = open_pacer()
    tasks = max(1, wakes_per_second // _WAKES_PER_TASK)
    histogram = Histogram()
    interval_ns = SECOND * tasks // wakes_per_second

    async def wake(first_ns: int, wakes: int) -> None:
        for number in range(wakes):
            due_ns = first_ns + number * interval_ns
            await pacer.wait_until(due_ns)
            histogram.record(pacer.now_ns() - due_ns)

    async with trio.open_nursery() as services:
        await services.start(pacer.run)
        begin_ns = pacer.now_ns() + SECOND // 20
        async with trio.open_nursery() as waking:
            for task in range(tasks):
                first_ns = begin_ns + task * interval_ns // tasks
                waking.start_soon(wake, first_ns, round(seconds * SECOND / interval_ns))
        services.cancel_scope.cancel()
    return PacingFigures(wakes_per_second, histogram.percentiles())


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
