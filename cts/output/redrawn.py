"""A place on a terminal that is drawn over, below lines that stay. Imports rich."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from rich.text import Text

__all__ = ["Redrawn"]

_SHOW_CURSOR, _HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
_ERASE_BELOW = "\x1b[J"


class Redrawn:
    """What is at the terminal's bottom, until it is erased or left to stay. A write that fails ends the drawing, no more.

    Most terminals that are narrowed wrap what they show, so that what was drawn takes more rows than it had lines. On one that
    cuts it off instead, some lines above are erased as well, unless what was drawn still fits.

    Args:
        console: a terminal's; elsewhere things are drawn once, without its control codes.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._widths: list[int] = []
        self._broken = False

    def draw(self, make_lines: Callable[[int, int], Sequence[Text]], above: str | None = None) -> None:
        """Draw over what is there.

        Args:
            make_lines: returns the lines, of so many columns and so many lines at most.
            above: a line, or several, that are to stay, above.
        """
        console = self._console
        columns, rows = console.size
        # One column and one row less: a cursor behind the last of either would have the terminal move what it shows.
        lines = make_lines(max(1, columns - 1), max(1, rows - 1))
        begin = self._to_the_top(columns) if self._widths else _HIDE_CURSOR * console.is_terminal
        self._widths = [line.cell_len for line in lines]
        self._write(lambda: begin + self._rendered(lines, above))

    def erase(self) -> None:
        """Leave the terminal as it was before."""
        if self._widths:
            text = self._to_the_top(self._console.size.width) + _SHOW_CURSOR
            self._write(lambda: text)
            self._widths = []

    def stay(self) -> None:
        """Leave what is drawn."""
        if self._widths:
            self._write(lambda: "\n" + _SHOW_CURSOR * self._console.is_terminal)
            self._widths = []

    def print(self, line: str) -> None:
        """Write a line where nothing is drawn over."""
        self._write(lambda: f"{line}\n")

    def _to_the_top(self, columns: int) -> str:
        """Return what takes the cursor from the last line's end to where the first one begins, and erases all from there."""
        up = sum(max(1, -(-width // columns)) for width in self._widths) - 1
        return "\r" + (f"\x1b[{up}A" if up else "") + _ERASE_BELOW

    def _rendered(self, lines: Sequence[Text], above: str | None) -> str:
        # A tenth of what the console's own printing takes, in which no frame would leave.
        shown = "\n".join(self._styled(line) for line in lines)
        return shown if above is None else f"{above}\n{shown}"

    def _styled(self, line: Text) -> str:
        console = self._console
        segments: Iterable[Segment] = line.render(console)
        if console.no_color:
            segments = Segment.remove_color(segments)
        system = COLOR_SYSTEMS.get(console.color_system or "")
        return "".join(style.render(text, color_system=system) if style else text for text, style, _ in segments)

    def _write(self, make: Callable[[], str]) -> None:
        if self._broken:
            return
        # rich flushes what it captures nothing of.
        try:
            self._console.file.write(make())
            self._console.file.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True
