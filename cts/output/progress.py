"""How far a simulation has come: a line now and then, in real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from cts.output.console import TextConsole
from cts.records.snapshots import RunSnapshot
from cts.units import SECOND

__all__ = ["ProgressConsole"]


class ProgressConsole(TextConsole):
    """Writes how much time has been simulated; nothing at all where that takes no longer than one interval.

    Args:
        stream: where to write; a terminal's line is written over, elsewhere each is a line of its own.
        expected_ns: how long the simulated run will take, nanoseconds; None if nobody knows.
        now: returns real seconds.
    """

    def __init__(self, stream: TextIO, expected_ns: int | None, now: Callable[[], float]) -> None:
        super().__init__(stream)
        self._expected_ns = expected_ns
        self._now = now
        self._overwrites = stream.isatty()
        self._interval = 0.5 if self._overwrites else 5.0
        self._began = self._next = 0.0
        self._written = False

    def run_began(self, began_ns: int) -> None:
        """Note the real time."""
        self._began = self._now()
        self._next = self._began + self._interval

    def status(self, snapshot: RunSnapshot) -> None:
        """Write a line if the last one is an interval old."""
        now = self._now()
        if now < self._next:
            return
        self._next = now + self._interval
        text = f"simulated {snapshot.elapsed_ns / SECOND:,.0f} s"
        if self._expected_ns:
            text += f" of {self._expected_ns / SECOND:,.0f} s"
        pace = snapshot.elapsed_ns / SECOND / (now - self._began)
        text += f", {pace:,.1f} times as fast as real time, streams open: {snapshot.open_streams:,}"
        self._write(f"\r{text}\033[K" if self._overwrites else f"{text}\n")
        self._written = True

    def closing(self) -> None:
        """Clear the terminal's line."""
        if self._written and self._overwrites:
            self._write("\r\033[K")
