"""The live view: the run's state, redrawn in place. Imports rich, so import this module only when it is shown.

Drawn from the task that tells it (rich's own thread is never started), at most four times a second of the run's time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cts.output.figures import about_rate, outcome_counts, percentage, seconds, unsent_text
from cts.output.ordering import PromptObserver
from cts.output.remarks import Remarks
from cts.output.slices import bytes_measured
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.units import SECOND

__all__ = ["LiveConsole", "terminal", "view"]

MIN_INTERVAL_NS = SECOND // 4
RATE_WINDOW_NS = SECOND
NO_REASONS: Mapping[str, int] = {}


class _Terminal(Console):
    """A console that falls silent when nobody reads it; rich's own would leave the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def terminal(stream: TextIO) -> Console:
    """Return a rich console on a stream, coloured and sized as the stream allows."""
    return _Terminal(file=stream, highlight=False, markup=False, emoji=False)


def view(snapshot: RunSnapshot, bits_per_second: int, expected_ns: int | None = None) -> RenderableType:
    """Return what is drawn for a snapshot; every value is shown whole, wrapped if the terminal is narrow.

    Args:
        snapshot: the run now.
        bits_per_second: its rate of late.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
    """
    frames = snapshot.counts.frames
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    of = f" of {_tenths(expected_ns)}" if expected_ns else ""
    grid.add_row("Time", Text(f"{_tenths(snapshot.elapsed_ns)}{of} s"))
    if expected_ns:
        done = min(snapshot.elapsed_ns, expected_ns)
        grid.add_row("", ProgressBar(total=expected_ns, completed=done, width=24))
    grid.add_row("Streams", _streams(snapshot))
    grid.add_row("Rate", Text(about_rate(bits_per_second)))
    for name, count, colour in (
        ("Completed", frames.completed, "green"),
        ("Dropped", frames.dropped, "red"),
        ("Repeated", frames.repeated, "yellow"),
    ):
        style = colour if count else ""
        grid.add_row(name, Text(f"{count:>9,}  {percentage(count, frames.rendered):>8}", style))
    grid.add_row("Errors", _datagrams(frames.error))
    grid.add_row("Refused", _datagrams(sum(snapshot.refused.values()), snapshot.refused))
    grid.add_row("Overflow", _datagrams(snapshot.overflowed))
    for cause, unsent in snapshot.unsent.items():
        grid.add_row("Unsent", Text(unsent_text(cause, unsent), "red"))
    if snapshot.unreachable:
        times = f"{snapshot.unreachable:>9,}  time{'' if snapshot.unreachable == 1 else 's'} said by the network"
        grid.add_row("Unreachable", Text(times, "red"))
    return grid


class LiveConsole(PromptObserver):
    """Draws the run's state in place; the last state stays when it closes, and the cursor comes back.

    Args:
        console: where to draw (:func:`terminal` makes one). A write that fails ends the drawing, not the run.
        measure: whose bytes make the rate.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        is_behind: tells whether drawings before are still to be shown; if so, none is made but the last one.
    """

    redraws = True

    def __init__(
        self,
        console: Console,
        measure: Role,
        expected_ns: int | None = None,
        is_behind: Callable[[], bool] | None = None,
    ) -> None:
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._measure = measure
        self._expected_ns = expected_ns
        self._is_behind = is_behind or (lambda: False)
        self._snapshot: RunSnapshot | None = None
        self._drawn: deque[tuple[int, int]] = deque()
        self._broken = False
        self._remarks = Remarks()

    def status(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot, unless the last drawing is too recent; may be called as often as one likes."""
        self._snapshot = snapshot
        is_due = not self._drawn or snapshot.elapsed_ns - self._drawn[-1][0] >= MIN_INTERVAL_NS
        if is_due and not self._is_behind():
            self._draw(snapshot)

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot."""
        self.status(snapshot)

    def remarked(self, stream: StreamInfo, text: str) -> None:
        """Show it above what is drawn, unless the same was said of another stream."""
        if (line := self._remarks.line(stream, text)) is not None:
            self.say(line)

    def say(self, line: str) -> bool:
        """Show a line above what is drawn."""
        if self._broken or not self._live.is_started:
            return False
        try:
            self._live.console.print(line, markup=False, highlight=False)
        except (OSError, ValueError):
            self._broken = True
        return True

    def closing(self) -> None:
        """Draw the last snapshot and leave the terminal as it was found; closing twice is harmless."""
        if self._snapshot is not None:
            self._draw(self._snapshot)
            self._snapshot = None
        try:
            was_drawn = self._live.is_started
            self._live.stop()
            if was_drawn and not self._live.console.is_terminal:
                # rich ends the last drawing's line on a terminal only.
                self._live.console.line()
        except (OSError, ValueError):
            self._broken = True

    def _draw(self, snapshot: RunSnapshot) -> None:
        rate = self._rate(snapshot.elapsed_ns, bytes_measured(snapshot, self._measure))
        if self._broken:
            return
        try:
            self._live.start()
            self._live.update(view(snapshot, rate, self._expected_ns), refresh=True)
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True

    def _rate(self, elapsed_ns: int, size: int) -> int:
        """Return bits per second over the last second, or since the drawing before if that is longer ago."""
        drawn = self._drawn
        drawn.append((elapsed_ns, size))
        while len(drawn) > 2 and drawn[1][0] <= elapsed_ns - RATE_WINDOW_NS:
            drawn.popleft()
        first_ns, first_size = drawn[0] if len(drawn) > 1 else (0, 0)
        return (size - first_size) * 8 * SECOND // max(1, elapsed_ns - first_ns)


def _tenths(duration_ns: int) -> str:
    return seconds(duration_ns)[:-2]


def _streams(snapshot: RunSnapshot) -> Text:
    ended = [text for text in outcome_counts(snapshot.outcomes) if not text.startswith("0 ")]
    return Text(", ".join([f"{snapshot.open_streams:,} open", *ended]))


def _datagrams(count: int, reasons: Mapping[str, int] = NO_REASONS) -> Text:
    text = f"{count:>9,}  datagram{'' if count == 1 else 's'}"
    if count and reasons:
        text += ": " + ", ".join(f"{reasons[reason]:,} {reason}" for reason in sorted(reasons))
    return Text(text, "red" if count else "")
