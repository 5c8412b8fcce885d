"""The pacer on trio's own clock: the portable one, and the one that mock clocks drive."""

from __future__ import annotations

import trio

from cts.api import IPacer

__all__ = ["TrioPacer"]

_NANOSECONDS = 1_000_000_000


class TrioPacer(IPacer):
    """Wakes through ``trio.sleep_until``; exact under a mock clock, up to about a millisecond late on a real one."""

    def now_ns(self) -> int:
        """Return trio's clock in nanoseconds."""
        return round(trio.current_time() * _NANOSECONDS)

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``."""
        await trio.sleep_until(due_ns / _NANOSECONDS)
        # A float of seconds may fall a fraction of a nanosecond short of the instant that was asked for.
        if self.now_ns() < due_ns:
            await trio.sleep_until((due_ns + 1) / _NANOSECONDS)
