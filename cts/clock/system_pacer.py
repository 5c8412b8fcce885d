"""The pacers of real runs, on the monotonic clock: on a timerfd where there is one, on trio's sleeps elsewhere."""

from __future__ import annotations

import time

import trio

from cts.api import IPacer
from cts.clock import timerfd_pacer
from cts.clock.timerfd_pacer import TimerPacer
from cts.units import SECOND

__all__ = ["SystemPacer", "open_pacer"]


class SystemPacer(IPacer):
    """Wakes through ``trio.sleep``: up to about a millisecond late."""

    now_ns = staticmethod(time.monotonic_ns)
    """Return the system's monotonic clock, which all processes of this machine share."""

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``."""
        await trio.sleep(max(0, due_ns - time.monotonic_ns()) / SECOND)
        while time.monotonic_ns() < due_ns:
            await trio.lowlevel.checkpoint()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Do nothing until cancelled: it needs no task, and the other pacer does."""
        task_status.started()
        await trio.sleep_forever()


def open_pacer() -> SystemPacer | TimerPacer:
    """Return the most precise pacer that this system has; its ``run`` must run while anybody waits."""
    return TimerPacer() if timerfd_pacer.available() else SystemPacer()
