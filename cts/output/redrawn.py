"""A place on a terminal that is drawn over, below lines that stay. Imports rich."""

from __future__ import annotations

from rich.console import Console

__all__ = ["Redrawn"]

_SHOW_CURSOR, _HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
_ERASE_BELOW = "\r \x1b[J\r\x1b[K"
"""From where the cursor's line begins; behind a blank, since tmux keeps in its history a screen that is erased as a whole."""


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
        self._broken = False

    @property
    def room(self) -> tuple[int, int]:
        """Columns and rows that there are now."""
        # One column and one row less: a cursor behind the last of either would have the terminal move what it shows.
        size = self._console.size
        return max(1, size.width - 1), max(1, size.height - 1)

    def draw(self, lines: str, above: str | None = None) -> None:
        """Draw over what is there.

        Args:
            lines: what, made for the :attr:`room` there is.
            above: a line, or several, that are to stay.
        """
        begin = self._begin()
        self._shown = lines
        up = lines.count("\n")
        end = "\r" + (f"\x1b[{up}A" if up else "") if self._console.is_terminal else ""
        self._write(begin + ("" if above is None else f"{above}\n") + lines + end)

    def add_above(self, lines: str) -> None:
        """Have lines stay above what is drawn, which is not made anew: the terminal still has the :attr:`room` for it."""
        self.draw(self._shown, lines)

    def erase(self) -> None:
        """Leave the terminal as it was before."""
        if self._shown:
            self._write(_ERASE_BELOW + _SHOW_CURSOR)
            self._shown = ""

    def stay(self) -> None:
        """Leave what is drawn."""
        if self._shown:
            # Drawn anew, for who knows how many rows it takes by now.
            self._write(f"{self._begin()}{self._shown}\n{_SHOW_CURSOR}" if self._console.is_terminal else "\n")
            self._shown = ""

    def print(self, line: str) -> None:
        """Write a line where nothing is drawn over."""
        self._write(f"{line}\n")

    def _begin(self) -> str:
        """Return what erases what is shown, or hides the cursor where nothing is."""
        if not self._console.is_terminal:
            return ""
        return _ERASE_BELOW if self._shown else _HIDE_CURSOR

    def _write(self, text: str) -> None:
        if self._broken:
            return
        # rich flushes what it captures nothing of.
        try:
            self._console.file.write(text)
            self._console.file.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True
