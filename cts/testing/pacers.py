"""Pacers on trio's mock clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
import trio.testing

from cts.api import IPacer, Turn
from cts.units import SECOND

__all__ = ["PATIENCE_S", "MockPacer", "StallingPacer", "run_on_mock_clock", "trio_now_ns"]

PATIENCE_S = 3600
"""Seconds of the mock clock after which this package gives up on what it waits for."""

T = TypeVar("T")


def trio_now_ns() -> int:
    """Return trio's current time in nanoseconds: exact on a mock clock up to some weeks."""
    return round(trio.current_time() * SECOND)


def run_on_mock_clock(main: Callable[[], Awaitable[T]]) -> T:
    """Run ``main`` in a trio of its own whose clock jumps to the next deadline whenever nothing else is left to do."""
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


class MockPacer(IPacer):
    """A pacer that is never late, on the clock of the trio run it is used in (meant for a mock clock)."""

    def now_ns(self) -> int:
        """Return trio's time in nanoseconds."""
        return trio_now_ns()

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``."""
        await trio.lowlevel.checkpoint()
        if self.now_ns() < due_ns:
            await trio.sleep_until(due_ns / SECOND)

    async def wait_past(self, due_ns: int, turn: Turn = Turn.STREAM) -> None:
        """Suspend until ``due_ns``, and then until nothing else can run at that instant, but for those of a later turn."""
        await self.wait_until(due_ns)
        for _ in range(turn + 1):
            await trio.testing.wait_all_tasks_blocked()


class StallingPacer(MockPacer):
    """A pacer whose first wait for a time to come lasts an hour of the mock clock.

    After that, also if that wait was cancelled, it is as if every due time had come, and it waits without a checkpoint,
    so that a sender that ignores its cancellation comes to an end.

    Args:
        on_stall: called when the wait begins.

    Attributes:
        stalled: whether the wait has begun.
    """

    def __init__(self, *, on_stall: Callable[[], None]) -> None:
        self._on_stall = on_stall
        self._ahead_ns = 0
        self.stalled = False

    def now_ns(self) -> int:
        """Return trio's time, or the latest due time that was waited for after the stall."""
        return max(super().now_ns(), self._ahead_ns)

    async def wait_until(self, due_ns: int) -> None:
        """Suspend for an hour the first time that ``due_ns`` is to come, never after."""
        if self.stalled:
            self._ahead_ns = max(self._ahead_ns, due_ns)
        elif due_ns <= self.now_ns():
            await trio.lowlevel.checkpoint()
        else:
            self.stalled = True
            self._on_stall()
            await trio.sleep(PATIENCE_S)
