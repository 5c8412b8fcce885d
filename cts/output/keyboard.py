"""The terminal's keys, one by one and unseen, as long as this process is the one whom they are meant for.

The terminal keeps its signals: Ctrl-C, Ctrl-Z and Ctrl-S do what they do. A process in the background neither sets
a terminal nor reads from it, for the kernel would stop it (POSIX, "Terminal Access Control").
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, TextIO

try:
    import termios
except ImportError:  # not on Windows
    termios = None  # type: ignore[assignment]

__all__ = ["Keyboard", "in_foreground", "keyboard_of"]

_READ_AT_MOST = 256
_ESCAPE = "\x1b"
_LOCAL_FLAGS, _CHARACTERS = 3, 6


class Keyboard:
    """A terminal that keys are read from.

    Args:
        fd: its descriptor, which stays the caller's.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._before: list[Any] | None = None

    def listen(self) -> bool:
        """Have keys come one by one and unseen, again if somebody has set the terminal since; return whether they do now.

        What was typed while they did not is none of them, and goes.
        """
        if in_foreground(self.fd):
            with suppress(OSError, termios.error):
                before: list[Any] = termios.tcgetattr(self.fd)
                changed: list[Any] = [list(each) if isinstance(each, list) else each for each in before]
                changed[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
                changed[_CHARACTERS][termios.VMIN] = 1
                changed[_CHARACTERS][termios.VTIME] = 0
                # At once: a terminal that is stopped by Ctrl-S never shows what it would wait for otherwise.
                termios.tcsetattr(self.fd, termios.TCSANOW, changed)
                self._before = self._before or before
                if before[_LOCAL_FLAGS] & termios.ICANON:
                    # What was typed until now was meant for a shell: a `q` in it would stop the run.
                    termios.tcflush(self.fd, termios.TCIFLUSH)
                return True
        return False

    def restore(self) -> None:
        """Have the terminal as it was before; what was typed and not read is for who comes next. Twice is harmless."""
        before, self._before = self._before, None
        # A shell that has put this process into the background has set the terminal for itself.
        if before is not None and in_foreground(self.fd):
            with suppress(OSError, termios.error):
                termios.tcsetattr(self.fd, termios.TCSANOW, before)

    def read(self) -> str | None:
        """Return the keys that were pressed, "" for any that are no characters; None where there are no more.

        Blocks unless the descriptor is readable.
        """
        if not in_foreground(self.fd):
            return None
        try:
            data = os.read(self.fd, _READ_AT_MOST)
        except OSError:
            return None
        text = data.decode("ascii", errors="ignore")
        # An arrow, a function key, a paste: none of its letters is meant.
        return (text if _ESCAPE not in text else "") if data else None


def in_foreground(fd: int) -> bool:
    """Tell whether this process is in a terminal's foreground; true of one that has no jobs, and of what is no terminal."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


def keyboard_of(stdin: TextIO | None, stdout: TextIO | None) -> Keyboard | None:
    """Return what keys can be read from; None where that is no terminal, or may be another program's.

    Args:
        stdin: where keys come from.
        stdout: whoever reads this through a pipe, as a pager does, has the keys for itself.
    """
    try:
        if termios is None or stdin is None or not os.isatty(fd := stdin.fileno()):
            return None
        if stdout is not None and stat.S_ISFIFO(os.fstat(stdout.fileno()).st_mode):
            return None
    except (OSError, ValueError):
        return None
    return Keyboard(fd)
