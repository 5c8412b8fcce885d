"""How late this host wakes a task that is due."""

from __future__ import annotations

import trio
from attrs import frozen

from cts.clock.system_pacer import open_pacer
from cts.metrics.histogram import Histogram, Percentiles
from cts.units import SECOND

__all__ = ["PacingFigures", "measure_pacing"]

_WAKES_PER_TASK = 100


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
