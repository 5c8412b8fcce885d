"""The live view: the run's state, redrawn in place. Imports rich, so import this module only when it is shown.

Drawn from the task that tells it, at most four times a second of the run's time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cts.output.live_view import view
from cts.output.redrawn import Redrawn
from cts.output.slices import bytes_measured
from cts.output.speaking import SpeakingConsole
from cts.output.stream_lines import StreamLines
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot
from cts.units import SECOND

__all__ = ["LiveConsole", "terminal"]

MIN_INTERVAL_NS = SECOND // 4
RATE_WINDOW_NS = SECOND
_LINES_ELSEWHERE = 100
"""What is no terminal has no height."""


class _Terminal(Console):
    """A console that falls silent when nobody reads it; rich's own would leave the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def terminal(stream: TextIO) -> Console:
    """Return a rich console on a stream, coloured and sized as the stream allows."""
    return _Terminal(file=stream, highlight=False, markup=False, emoji=False)


class LiveConsole(SpeakingConsole):
    """Draws the run's state in place, below what it tells of streams; when it closes the cursor comes back.

    Args:
        console: where to draw (:func:`terminal` makes one). A write that fails ends the drawing, not the run.
        measure: whose bytes make the rate, and whose part is shown.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        is_behind: tells whether drawings before are still to be shown; if so, none is made but the last one.
        streams: makes lines of streams that come and go; None for none.
        erased: whether the last drawing is erased at the end, and does not stay.
    """

    redraws = True

    def __init__(
        self,
        console: Console,
        measure: Role,
        expected_ns: int | None = None,
        is_behind: Callable[[], bool] | None = None,
        *,
        streams: StreamLines | None = None,
        erased: bool = False,
    ) -> None:
        super().__init__(streams)
        self._console = console
        self._place = Redrawn(console)
        self._measure = measure
        self._expected_ns = expected_ns
        self._is_behind = is_behind or (lambda: False)
        self._erased = erased and console.is_terminal
        self._snapshot: RunSnapshot | None = None
        self._bits_per_second = 0
        self._drawn: deque[tuple[int, int]] = deque()

    def status(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot, unless the last drawing is too recent; may be called as often as one likes."""
        self._snapshot = snapshot
        self.tell_what_was_left_out()
        is_due = not self._drawn or snapshot.elapsed_ns - self._drawn[-1][0] >= MIN_INTERVAL_NS
        if is_due and not self._is_behind():
            self._draw(snapshot)

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot."""
        self.status(snapshot)

    def tell(self, line: str) -> None:
        """Show a line above what is drawn."""
        self.say(line)

    def say(self, line: str) -> bool:
        """Show a line above what is drawn; False before anything is."""
        if self._snapshot is None:
            return False
        if self._console.is_terminal:
            self._place.draw(partial(self._lines, self._snapshot), above=line)
        else:
            self._place.print(line)
        return True

    def closing(self) -> None:
        """Erase what is drawn, or leave it as of the last snapshot; closing twice is harmless."""
        if self._snapshot is not None:
            if self._erased:
                self._place.erase()
            else:
                self._draw(self._snapshot, last=True)
                self._place.stay()
            self._snapshot = None

    def _draw(self, snapshot: RunSnapshot, *, last: bool = False) -> None:
        self._bits_per_second = self._rate(snapshot.elapsed_ns, bytes_measured(snapshot, self._measure))
        if last or self._console.is_terminal:
            self._place.draw(partial(self._lines, snapshot))

    def _lines(self, snapshot: RunSnapshot, columns: int, rows: int) -> Sequence[Text]:
        return view(
            snapshot,
            self._bits_per_second,
            console=self._console,
            measure=self._measure,
            expected_ns=self._expected_ns,
            columns=columns,
            rows=rows if self._console.is_terminal else _LINES_ELSEWHERE,
        )

    def _rate(self, elapsed_ns: int, size: int) -> int:
        """Return bits per second over the last second, or since the drawing before if that is longer ago."""
        drawn = self._drawn
        drawn.append((elapsed_ns, size))
        while len(drawn) > 2 and drawn[1][0] <= elapsed_ns - RATE_WINDOW_NS:
            drawn.popleft()
        first_ns, first_size = drawn[0] if len(drawn) > 1 else (0, 0)
        return (size - first_size) * 8 * SECOND // max(1, elapsed_ns - first_ns)
