"""The live view: the run's state, redrawn in place. Imports rich, so import this module only when it is shown.

Drawn from the task that tells it or attends it, at most four times a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console

from cts.errors import printable
from cts.output.attended import Attended, Layout, LiveSettings
from cts.output.live_picture import LivePicture
from cts.output.live_state import orders_of
from cts.output.redrawn import Redrawn
from cts.output.speaking import SpeakingConsole
from cts.output.stream_lines import StreamLines
from cts.output.wrapping import wrapped
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
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
        settings = LiveSettings(
            measure=measure,
            plan=plan,
            expected_ns=expected_ns,
            encoding=console.encoding,
            color_system=console.color_system,
            no_color=console.no_color,
        )
        self._picture = LivePicture(settings)
        self._is_behind = is_behind or (lambda: False)
        self._erased = erased and console.is_terminal
        self._snapshot: RunSnapshot | None = None
        self._drawn_ns: int | None = None
        # Of which snapshot a drawing is being made, and how; likewise of what is shown.
        self._asked: tuple[RunSnapshot, Layout] | None = None
        self._drawn: tuple[RunSnapshot, Layout] | None = None
        self._orders = deque(orders_of(measure))
        self._paused = self._hears_keys = False
        self._wanted: Callable[[], None] | None = None
        self._held: deque[str] = deque(maxlen=_LINES_HELD)
        self._lost = 0

    @property
    def settings(self) -> LiveSettings:
        """What its drawings are of, and for which terminal."""
        return self._picture.settings

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
            self._draw()

    def status(self, snapshot: RunSnapshot) -> None:
        """Draw the snapshot, unless the last drawing is too recent; may be called as often as one likes."""
        self._snapshot = snapshot
        self._picture.take(snapshot)
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
        if (layout := self.wanted(lines_alone=lines_alone)) is not None:
            yield from self._drawing(layout)

    def wanted(self, *, lines_alone: bool = False) -> Layout | None:
        """Show the lines that wait, where they do not have to wait for a drawing; return how the drawing is to be."""
        self._asked = None
        if self._snapshot is None or not self._console.is_terminal or self._paused or self._is_behind():
            return None
        if lines_alone:
            if (lines := self._take_held()) is not None:
                self._place.print(lines)
            return None
        drawn, layout = self._drawn, self._layout
        if drawn is not None and drawn[1] == layout and (lines := self._take_held()) is not None:
            self._place.add_above(lines)
            if drawn[0] is self._snapshot:
                return None
        return self._ask(self._snapshot)

    def show(self, layout: Layout, drawing: str) -> None:
        """Show the drawing; one that is not for the size that the terminal has by now is asked for again."""
        if self._asked is None or self._asked[1] is not layout:
            return
        if (layout.columns, layout.rows) != self._room:
            self._want()
            return
        self._drawn, self._asked = self._asked, None
        self._place.draw(drawing, None if self._paused else self._take_held())

    def suspend(self) -> None:
        """Leave what is drawn, and show the cursor."""
        self._asked = self._drawn = None
        self._place.stay()

    def closing(self) -> None:
        """Erase what is drawn, or leave it as of the last snapshot; closing twice is harmless."""
        if self._snapshot is None:
            return
        self._paused = self._hears_keys = False
        if self._erased:
            self._asked = None
            self._place.erase()
            if (lines := self._take_held()) is not None:
                self._place.print(lines)
        else:
            self._draw()
            self._place.stay()
        self._snapshot = None

    def _want(self) -> None:
        if self._wanted is None:
            for _ in self.refresh():
                pass
        else:
            self._wanted()

    @property
    def _room(self) -> tuple[int, int]:
        columns, rows = self._place.room
        return columns, rows if self._console.is_terminal else _LINES_ELSEWHERE

    @property
    def _layout(self) -> Layout:
        columns, rows = self._room
        keys, paused = self._hears_keys, self._paused
        return Layout(columns=columns, rows=rows, order=self._orders[0], hears_keys=keys, paused=paused)

    def _ask(self, snapshot: RunSnapshot) -> Layout:
        layout = self._layout
        self._asked = snapshot, layout
        return layout

    def _draw(self) -> None:
        if self._snapshot is not None:
            for _ in self._drawing(self._ask(self._snapshot)):
                pass

    def _drawing(self, layout: Layout) -> Iterator[None]:
        drawing = yield from self._picture.drawn(layout)
        # What is too high for a terminal that is lower by now would move off its top.
        while self._asked is not None and self._asked[1] is layout and layout != self._layout:
            layout = self._ask(self._asked[0])
            drawing = yield from self._picture.drawn(layout)
        self.show(layout, drawing)

    def _take_held(self) -> str | None:
        if not self._held:
            return None
        lost = [f"[lost, since too many came at a time: {counted(self._lost, 'line')}]"] if self._lost else []
        text = wrapped("\n".join([*lost, *self._held]), self._console.width)
        self._held.clear()
        self._lost = 0
        return text
