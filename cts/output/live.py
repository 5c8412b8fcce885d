"""The live view: the run's state, redrawn in place. Imports rich, so import this module only when it is shown.

Drawn from the task that tells it or attends it, at most four times a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cts.errors import printable
from cts.output.attended import Attended
from cts.output.live_history import LiveHistory
from cts.output.live_state import LiveState, orders_of
from cts.output.live_view import view_in_steps
from cts.output.redrawn import Redrawn
from cts.output.speaking import SpeakingConsole
from cts.output.stream_lines import StreamLines
from cts.output.wrapping import wrapped
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.live import StreamOrder
from cts.records.snapshots import RunSnapshot
from cts.units import SECOND, counted

__all__ = ["LiveConsole", "terminal"]

MIN_INTERVAL_NS = SECOND // 4
_LINES_ELSEWHERE = 100
"""What is no terminal has no height."""
_LINES_HELD = 200
"""Lines that wait while drawing is paused, or the terminal stopped; of more the oldest are lost."""


class _Terminal(Console):
    """A console that falls silent when nobody reads it; rich's own would leave the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def terminal(stream: TextIO) -> Console:
    """Return a rich console on a stream, coloured and sized as the stream allows."""
    return _Terminal(file=stream, highlight=False, markup=False, emoji=False)


class LiveConsole(SpeakingConsole, Attended):
    """Draws the run's state in place, below what it tells of streams; when it closes the cursor comes back.

    Args:
        console: where to draw (:func:`terminal` makes one). A write that fails ends the drawing, not the run.
        measure: whose bytes make the rate, and whose part is shown.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        is_behind: tells whether drawings before are still to be shown; if so, none is made but the last one.
        plan: what streams are made of; None if nobody knows.
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
        plan: StreamPlan | None = None,
        streams: StreamLines | None = None,
        erased: bool = False,
    ) -> None:
        super().__init__(streams)
        self._console = console
        self._place = Redrawn(console)
        self._measure = measure
        self._plan = plan
        self._expected_ns = expected_ns
        self._is_behind = is_behind or (lambda: False)
        self._erased = erased and console.is_terminal
        self._snapshot: RunSnapshot | None = None
        self._history = LiveHistory()
        self._drawn_ns: int | None = None
        # Of which snapshot what is shown was made, and how.
        self._drawn: tuple[RunSnapshot | None, tuple[bool, bool, StreamOrder] | None] = None, None
        self._orders = deque(orders_of(measure))
        self._paused = self._hears_keys = False
        self._wanted: Callable[[], None] | None = None
        self._held: deque[str] = deque(maxlen=_LINES_HELD)
        self._lost = 0

    @property
    def is_on_terminal(self) -> bool:
        """Whether it is."""
        return self._console.is_terminal

    def attend(self, wanted: Callable[[], None] | None, *, hears_keys: bool = False) -> None:
        """Note it; nothing stays paused that no key can end."""
        self._wanted, self._hears_keys = wanted, hears_keys
        self._paused &= hears_keys

    def press(self, key: str) -> None:
        """Pause drawing or go on with it, or show streams in another order; a stop ends the pause."""
        if key == "p":
            self._paused = not self._paused
        elif key == "q":
            self._paused = False
        elif key == "s":
            self._orders.rotate(-1)
        if key in "ps" and self._snapshot is not None:
            self._draw(self._snapshot)

    def status(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot, unless the last drawing is too recent; may be called as often as one likes."""
        self._snapshot = snapshot
        self._history.add(snapshot)
        self._paused &= not snapshot.interrupted
        self.tell_what_was_left_out()
        if self._drawn_ns is None or snapshot.elapsed_ns - self._drawn_ns >= MIN_INTERVAL_NS:
            self._drawn_ns = snapshot.elapsed_ns
            self._want()

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
        line = printable(line)
        if not self._console.is_terminal:
            self._place.print(line)
            return True
        self._lost += len(self._held) == _LINES_HELD
        self._held.append(line)
        self._want()
        return True

    def refresh(self, *, lines_alone: bool = False) -> Iterator[None]:
        """Draw the last snapshot, below the lines that wait; nothing while it is paused, or before a stopped terminal."""
        if self._snapshot is None or not self._console.is_terminal or self._paused or self._is_behind():
            return
        if lines_alone:
            if (lines := self._take_held()) is not None:
                self._place.print(lines)
        elif self._is_drawn and (lines := self._take_held()) is not None:
            self._place.add_above(lines)
        else:
            yield from self._drawing(self._snapshot)

    def suspend(self) -> None:
        """Leave what is drawn, and show the cursor."""
        self._place.stay()

    def closing(self) -> None:
        """Erase what is drawn, or leave it as of the last snapshot; closing twice is harmless."""
        if (snapshot := self._snapshot) is None:
            return
        self._paused = self._hears_keys = False
        if self._erased:
            self._place.erase()
            if (lines := self._take_held()) is not None:
                self._place.print(lines)
        else:
            self._draw(snapshot)
            self._place.stay()
        self._snapshot = None

    def _want(self) -> None:
        if self._wanted is None:
            for _ in self.refresh():
                pass
        else:
            self._wanted()

    @property
    def _is_drawn(self) -> bool:
        """Whether the last snapshot is what is seen."""
        snapshot, how = self._drawn
        return snapshot is self._snapshot and how == self._how and self._place.fits

    @property
    def _how(self) -> tuple[bool, bool, StreamOrder]:
        return self._hears_keys, self._paused, self._orders[0]

    def _draw(self, snapshot: RunSnapshot) -> None:
        for _ in self._drawing(snapshot):
            pass

    def _drawing(self, snapshot: RunSnapshot) -> Iterator[None]:
        def take_above() -> str | None:
            return None if self._paused else self._take_held()

        drawn = snapshot, self._how
        yield from self._place.draw(partial(self._lines, snapshot), take_above)
        self._drawn = drawn

    def _take_held(self) -> str | None:
        if not self._held:
            return None
        lost = [f"[lost, since too many came at a time: {counted(self._lost, 'line')}]"] if self._lost else []
        text = wrapped("\n".join([*lost, *self._held]), self._console.width)
        self._held.clear()
        self._lost = 0
        return text

    def _lines(self, snapshot: RunSnapshot, columns: int, rows: int) -> Generator[None, None, list[Text]]:
        state = LiveState(
            snapshot=snapshot,
            measure=self._measure,
            seconds=self._history.seconds,
            still_ns=self._history.still_ns,
            plan=self._plan,
            expected_ns=self._expected_ns,
            order=self._orders[0],
            hears_keys=self._hears_keys,
            paused=self._paused,
        )
        rows = rows if self._console.is_terminal else _LINES_ELSEWHERE
        return view_in_steps(state, console=self._console, columns=columns, rows=rows)
