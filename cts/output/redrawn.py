"""A place on a terminal that is drawn over, below lines that stay. Imports rich."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from rich.text import Text

__all__ = ["Redrawn"]

_SHOW_CURSOR, _HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
_ERASE_BELOW = "\x1b[J"
_LINES_A_STEP = 4

MakeLines = Callable[[int, int], Generator[None, None, Sequence[Text]]]


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
        self._turn = 0

    def draw(self, make_lines: MakeLines, take_above: Callable[[], str | None]) -> Iterator[None]:
        """Draw over what is there, in steps: it appears with the last one, unless it was drawn, erased or left meanwhile.

        Args:
            make_lines: makes the lines, in steps, of so many columns and so many lines at most.
            take_above: returns a line, or several, that are to stay, above.
        """
        self._turn += 1
        turn = self._turn
        console = self._console
        columns, rows = console.size
        # One column and one row less: a cursor behind the last of either would have the terminal move what it shows.
        lines = yield from make_lines(max(1, columns - 1), max(1, rows - 1))
        styled = []
        for number, line in enumerate(lines):
            if number % _LINES_A_STEP == 0:
                yield
            styled.append(self._styled(line))
        if turn != self._turn:
            return
        begin = self._to_the_top(console.width) if self._widths else _HIDE_CURSOR * console.is_terminal
        self._widths = [line.cell_len for line in lines]
        above = take_above()
        self._write(begin + "\n".join(styled if above is None else [above, *styled]))

    def erase(self) -> None:
        """Leave the terminal as it was before."""
        self._turn += 1
        if self._widths:
            self._write(self._to_the_top(self._console.size.width) + _SHOW_CURSOR)
            self._widths = []

    def stay(self) -> None:
        """Leave what is drawn."""
        self._turn += 1
        if self._widths:
            self._write("\n" + _SHOW_CURSOR * self._console.is_terminal)
            self._widths = []

    def print(self, line: str) -> None:
        """Write a line where nothing is drawn over."""
        self._write(f"{line}\n")

    def _to_the_top(self, columns: int) -> str:
        """Return what takes the cursor from the last line's end to where the first one begins, and erases all from there."""
        up = sum(max(1, -(-width // columns)) for width in self._widths) - 1
        return "\r" + (f"\x1b[{up}A" if up else "") + _ERASE_BELOW

    def _styled(self, line: Text) -> str:
        # A tenth of what the console's own printing takes, in which no frame would leave.
        console = self._console
        segments: Iterable[Segment] = line.render(console)
        if console.no_color:
            segments = Segment.remove_color(segments)
        system = COLOR_SYSTEMS.get(console.color_system or "")
        return "".join(style.render(text, color_system=system) if style else text for text, style, _ in segments)

    def _write(self, text: str) -> None:
        if self._broken:
            return
        # rich flushes what it captures nothing of.
        try:
            self._console.file.write(text)
            self._console.file.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True
