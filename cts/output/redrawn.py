"""A place on a terminal that is drawn over, below lines that stay. Imports rich."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from rich.console import COLOR_SYSTEMS, Console, ConsoleDimensions
from rich.segment import Segment
from rich.text import Text

__all__ = ["Redrawn"]

_SHOW_CURSOR, _HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
_ERASE_BELOW = "\r \x1b[J\r\x1b[K"
"""From where the cursor's line begins; behind a blank, since tmux keeps in its history a screen that is erased as a whole."""
_LINES_A_STEP = 16

MakeLines = Callable[[int, int], Generator[None, None, Sequence[Text]]]


class Redrawn:
    """What is at the terminal's bottom, until it is erased or left to stay. A write that fails ends the drawing, no more.

    Between drawings the cursor, which is hidden, is where the first line begins. A terminal that is made lower cuts off what
    is below the cursor, and moves off its top, where nobody can erase it, no more than has to be; one that is narrowed
    wraps what it shows or cuts it off, and the cursor stays where it is either way.

    Args:
        console: a terminal's; elsewhere things are drawn once, without its control codes.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ""
        self._size: ConsoleDimensions | None = None
        self._broken = False
        self._turn = 0
        # The last drawing's lines as they were written, of which most are in the next one as well.
        self._known: dict[tuple[object, ...], str] = {}

    def draw(self, make_lines: MakeLines, take_above: Callable[[], str | None]) -> Iterator[None]:
        """Draw over what is there, in steps: it appears with the last one, unless it was drawn, erased or left meanwhile.

        Args:
            make_lines: makes the lines, in steps, of so many columns and so many lines at most.
            take_above: returns a line, or several, that are to stay, above.
        """
        self._turn += 1
        turn = self._turn
        console = self._console
        size, styled = None, list[str]()
        # What is too high for a terminal that is lower by now would move off its top.
        while size != console.size:
            size, styled = console.size, []
            # One column and one row less: a cursor behind the last of either would have the terminal move what it shows.
            lines = yield from make_lines(max(1, size.width - 1), max(1, size.height - 1))
            known: dict[tuple[object, ...], str] = {}
            for number, line in enumerate(lines):
                if number % _LINES_A_STEP == 0:
                    yield
                key = line.plain, line.style, *line.spans
                known[key] = self._known[key] if key in self._known else self._styled(line)
                styled.append(known[key])
            self._known = known
            if turn != self._turn:
                return
        self._size = size
        self._show("\n".join(styled), take_above())

    @property
    def fits(self) -> bool:
        """Whether something is drawn, in the size that the terminal has now."""
        return bool(self._shown) and self._size == self._console.size

    def add_above(self, lines: str) -> None:
        """Have lines stay above what is drawn, which is not made anew; where it :attr:`fits`."""
        self._show(self._shown, lines)

    def erase(self) -> None:
        """Leave the terminal as it was before."""
        self._turn += 1
        if self._shown:
            self._write(_ERASE_BELOW + _SHOW_CURSOR)
            self._shown = ""

    def stay(self) -> None:
        """Leave what is drawn."""
        self._turn += 1
        if self._shown:
            # Drawn anew, for who knows how many rows it takes by now.
            self._write(f"{self._begin()}{self._shown}\n{_SHOW_CURSOR}" if self._console.is_terminal else "\n")
            self._shown = ""

    def print(self, line: str) -> None:
        """Write a line where nothing is drawn over."""
        self._write(f"{line}\n")

    def _show(self, shown: str, above: str | None) -> None:
        begin = self._begin()
        self._shown = shown
        up = shown.count("\n")
        end = "\r" + (f"\x1b[{up}A" if up else "") if self._console.is_terminal else ""
        self._write(begin + ("" if above is None else f"{above}\n") + shown + end)

    def _begin(self) -> str:
        """Return what erases what is shown, or hides the cursor where nothing is."""
        if not self._console.is_terminal:
            return ""
        return _ERASE_BELOW if self._shown else _HIDE_CURSOR

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
