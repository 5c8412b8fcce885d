"""Virtual time: a clock and pacer that stands still while anything can run and jumps to the next instant when nothing can."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import trio
from attrs import define

from cts.api import IPacer, Turn
from cts.units import SECOND

__all__ = ["VirtualTime"]

_NEVER = 2.0**53
"""A deadline that trio can wait for and that never comes: trio asks a clock only while there is some deadline."""


_AT_ONCE = -1
"""Before every :class:`cts.api.Turn` past an instant."""
_CANCELLED_MAX = 256


@define(eq=False)
class _Sleeper:
    """A task that waits; ``task`` is None once it no longer does."""

    task: trio.lowlevel.Task | None


class VirtualTime(trio.abc.Clock, IPacer):
    """For ``trio.run(main, clock=virtual_time)`` where nothing waits for the world outside; starts at 0.

    trio asks its clock how long to sleep exactly when no task can run. The answer is never to sleep: instead the time becomes
    that of the next sleeper or deadline, whichever is first. Exact to the nanosecond, and much cheaper a jump than
    ``trio.testing.MockClock`` and ``trio.sleep_until``.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._sleepers: list[tuple[int, int, int, _Sleeper]] = []
        self._count = 0
        self._cancelled = 0

    def start_clock(self) -> None:
        """Begin at 0."""

    def current_time(self) -> float:
        """Return the time in seconds, for trio's own deadlines."""
        return self._now_ns / SECOND

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump to the next sleeper or to ``deadline``, and wake who is due."""
        sleepers = self._sleepers
        while sleepers and sleepers[0][3].task is None:
            heappop(sleepers)
        deadline_ns = int(deadline * SECOND) if deadline < _NEVER else None
        if sleepers and (deadline_ns is None or sleepers[0][0] <= deadline_ns):
            self._now_ns = max(self._now_ns, sleepers[0][0])
        elif deadline_ns is not None:
            # A float may fall short of the instant; a nanosecond more is at worst a nanosecond late.
            self._now_ns = max(self._now_ns, deadline_ns + (deadline_ns / SECOND < deadline))
        else:
            return float("inf")
        turn = sleepers[0][1] if sleepers else _AT_ONCE
        if turn > _AT_ONCE and deadline <= self.current_time():
            # trio's own deadlines of this instant come first.
            return 0
        while sleepers and sleepers[0][0] <= self._now_ns and sleepers[0][1] == turn:
            sleeper = heappop(sleepers)[3]
            if sleeper.task is not None:
                trio.lowlevel.reschedule(sleeper.task)
                sleeper.task = None
        return 0

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return self._now_ns

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``."""
        if due_ns <= self._now_ns:
            await trio.lowlevel.checkpoint()
        else:
            await self._sleep(due_ns, _AT_ONCE)

    async def wait_past(self, due_ns: int, turn: Turn = Turn.STREAM) -> None:
        """Suspend until ``due_ns`` has come and nothing else can run at that instant, but for those of a later turn."""
        await self._sleep(max(due_ns, self._now_ns), turn)

    async def _sleep(self, due_ns: int, turn: int) -> None:
        sleeper = _Sleeper(trio.lowlevel.current_task())
        self._count += 1
        heappush(self._sleepers, (due_ns, turn, self._count, sleeper))

        def abort(raise_cancel: object) -> trio.lowlevel.Abort:
            sleeper.task = None
            self._cancelled += 1
            self._forget_cancelled()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _forget_cancelled(self) -> None:
        """Keep the heap within twice those who wait, and some: one that is cancelled leaves its entry behind."""
        if self._cancelled > len(self._sleepers) // 2 + _CANCELLED_MAX:
            self._sleepers = [entry for entry in self._sleepers if entry[3].task is not None]
            heapify(self._sleepers)
            self._cancelled = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a deadline that never comes, so that trio asks for the time; to be run as a task as long as anybody waits."""
        task_status.started()
        await trio.sleep_until(_NEVER)
