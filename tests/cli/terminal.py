"""A terminal for ``cts`` to run on, and what a person would see on it."""

from __future__ import annotations

import os
import pty
import re
import signal
import termios
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from tests.cli.forking import Forked
from tests.cli.running_cts import PATIENCE_S, arguments

_PIECES = re.compile(r"\x1b\[(\?25[lh]|[\d;]*[A-Za-z])|([\r\n])|([^\x1b\r\n]+)")
_UNWANTED = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


class Screen:
    """Follows what is written to a terminal: text, line ends, going up, erasing; anything else is a mistake.

    Args:
        columns: its width.
        rows: its height; what has scrolled off the top is in ``gone``, and nothing that is written reaches it.
    """

    def __init__(self, columns: int, rows: int = 10_000) -> None:
        self._columns, self._rows = columns, rows
        self.lines = [""]
        self.gone: list[str] = []
        self.widest = 0
        self._row = self._column = 0

    def write(self, text: str) -> None:
        at = 0
        while at < len(text):
            piece = _PIECES.match(text, at)
            assert piece is not None, f"not understood: {text[at : at + 20]!r}"
            at = piece.end()
            control, move, printed = piece.groups()
            if printed:
                self._print(printed)
            elif move == "\r":
                self._column = 0
            elif move == "\n":
                self._down()
            else:
                self._obey(control)

    def narrow(self, columns: int) -> None:
        """Wrap what is shown, as most terminals do; the cursor stays behind the character that it is behind."""
        before, self.lines, self._columns = self.lines, [], columns
        for row, line in enumerate(before):
            parts = [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
            if row == self._row:
                behind = max(self._column - 1, 0)
                self._row = len(self.lines) + behind // columns
                self._column = min(self._column, behind % columns + 1)
            self.lines += parts

    def resize(self, rows: int) -> None:
        """Have another height, as terminals do: what is below the cursor goes first, then what is above goes off the top."""
        self._rows = rows
        del self.lines[max(rows, self._row + 1) :]
        self._scroll(len(self.lines) - rows)

    def _print(self, text: str) -> None:
        self.widest = max(self.widest, self._column + len(text))
        for character in text:
            if self._column == self._columns:
                self._down()
                self._column = 0
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append("")
            self._scroll(len(self.lines) - self._rows)

    def _scroll(self, count: int) -> None:
        if count > 0:
            self.gone += self.lines[:count]
            del self.lines[:count]
            self._row -= count

    def _obey(self, control: str) -> None:
        if control.endswith("A"):
            self._row = max(0, self._row - int(control[:-1] or 1))
        elif control == "J":
            if self._row == self._column == 0:
                # tmux keeps a screen that is erased as a whole.
                self.gone += self.lines
            self.lines[self._row] = self.lines[self._row][: self._column]
            del self.lines[self._row + 1 :]
        elif control == "K":
            self.lines[self._row] = self.lines[self._row][: self._column]
        else:
            assert control.endswith("m") or control in ("?25l", "?25h"), f"not understood: {control!r}"


def is_stopped(pid: int) -> bool:
    """Tell whether a signal has stopped a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


class OnTerminal:
    """A ``cts`` under way with a terminal for stdin, stdout and stderr; killed if left before it has finished."""

    def __init__(
        self,
        columns: int,
        *args: str | Path,
        sets: Iterable[str] = (),
        environment: Sequence[tuple[str, str]] = (),
        rows: int = 24,
    ) -> None:
        self.columns = columns
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        variables = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        self._process = Forked(
            arguments(args, sets),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables | {"TERM": "xterm-256color"} | dict(environment),
            # As an interactive shell does, so that it can be stopped; it is stopped by nobody's leaving, too.
            leads_a_group=True,
        )
        os.close(slave)
        self._said = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._gather, daemon=True)
        self._reader.start()

    def __enter__(self) -> OnTerminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)
        os.close(self._master)

    @property
    def pid(self) -> int:
        return self._process.pid

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_until_it_is_stopped(self) -> None:
        """Wait until a signal has stopped it."""
        while not is_stopped(self._process.pid):
            assert self._process.poll() is None
            os.sched_yield()

    def echoes(self) -> bool:
        """Whether the terminal shows keys, line by line, as it does at first."""
        local = termios.tcgetattr(self._master)[3]
        return bool(local & termios.ECHO) and bool(local & termios.ICANON)

    def wait_until_it_shows(self, condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while not condition(self.text):
                assert self._reader.is_alive(), f"it ended before that: {self.text}"
                assert time.monotonic() < deadline, f"never came: {self.text}"
                self._news.wait(1.0)

    def finish(self) -> int:
        """Wait until it leaves; return its exit status."""
        status = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return status

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self._said.decode(errors="replace")

    @property
    def screen(self) -> Screen:
        """What is to be seen now."""
        screen = Screen(self.columns)
        screen.write(self.text)
        return screen

    def _gather(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # Linux's way to say that nobody has the other end open any more
                chunk = b""
            with self._news:
                self._said += chunk
                self._news.notify_all()
            if not chunk:
                return
