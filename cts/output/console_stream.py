"""The console's text stream, off the data path: a terminal that is stopped, or a pager that does not read, holds up nothing."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase, TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from cts.records.writers import Piece, WriterThread, finish_writers, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ConsoleStream", "console_stream", "takes_text"]

TEXT_LIMIT = 64 * 1024
"""Bytes that wait for the reader: hundreds of status lines."""
PATIENCE_MILLISECONDS = 2000


class _Outlet(RawIOBase):
    """What a text stream writes to: keeps each write for a thread. Of too many the oldest are lost, and counted."""

    def __init__(self, fd: int, limit: int, tells_gaps: bool) -> None:
        self._fd = fd
        self._is_terminal = os.isatty(fd)
        self._limit = limit
        self._tells_gaps = tells_gaps
        self.thread = WriterThread(limit, lambda: 0)
        self.lost = self._told_lost = 0
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._is_terminal

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Buffer, /) -> int:
        """Have it written.

        Raises:
            OSError: what was to be written before could not be.
        """
        if self.error is not None:
            raise self.error
        text = bytes(data)
        # What is longer than there is room for is let in alone.
        piece = Piece(
            min(len(text), self._limit), lambda gives_up: self._write(text, gives_up), lambda: self._lose(text)
        )
        while not self.thread.put(piece):
            if not self.thread.drop_oldest():
                piece.lose()
                break
        return len(text)

    def _write(self, text: bytes, gives_up: Callable[[], bool]) -> None:
        lost = self.lost
        if self._tells_gaps and lost > self._told_lost:
            text = f"\n[{lost - self._told_lost:,} lines are missing here: nobody read them]\n".encode("ascii") + text
            self._told_lost = lost
        try:
            if self.error is None and write_all(self._fd, text, gives_up) < len(text):
                self._lose(text)
        except OSError as error:
            self.error = error

    def _lose(self, text: bytes) -> None:
        self.lost += text.count(b"\n")


class ConsoleStream(TextIOWrapper):
    """Writes to where another stream does, from a thread; what is flushed together is shown or lost together.

    A write raises the OSError, if any, of those before it.

    Args:
        stream: has a file descriptor.
        limit: bytes that may wait for who reads it; of more the oldest are lost.
        tells_gaps: whether a line takes the place of those that were lost.
    """

    def __init__(self, stream: TextIO, limit: int = TEXT_LIMIT, *, tells_gaps: bool = True) -> None:
        stream.flush()
        self._outlet = _Outlet(stream.fileno(), limit, tells_gaps)
        super().__init__(self._outlet, encoding=stream.encoding, errors=stream.errors)  # type: ignore[arg-type]

    @property
    def is_behind(self) -> bool:
        """Whether much of what was written is not shown yet."""
        return self._outlet.thread.waiting > TEXT_LIMIT // 8

    @property
    def lost(self) -> int:
        """Lines that were lost, or of which only a part was taken."""
        return self._outlet.lost

    @property
    def error(self) -> OSError | None:
        """What ended the writing."""
        return self._outlet.error

    def settle(self) -> bool:
        """Wait until all is taken, or for two seconds no line was; return whether all is."""
        return self._outlet.thread.settle()

    def end(self) -> None:
        """Lose what has not been taken, and what is written after this."""
        self._outlet.thread.end()
        self._outlet.thread.join(0)

    @property
    def is_shown(self) -> bool:
        """Whether all that was written is shown."""
        return not self._outlet.thread.waiting

    def finish(self) -> None:
        """Wait until all is shown, two seconds at most; what is written after that is lost."""
        finish_writers([self._outlet.thread])


@contextmanager
def console_stream(stream: TextIO) -> Iterator[TextIO]:
    """Yield a stream that writes where ``stream`` does and never blocks; ``stream`` itself if it is no file, and so cannot.

    At the end what was written is shown, unless nobody takes it within two seconds.
    """
    try:
        unhurried = ConsoleStream(stream)
    except (AttributeError, OSError, ValueError):  # AttributeError: it is None
        yield stream
        return
    try:
        yield unhurried
    finally:
        unhurried.finish()


def takes_text(stream: TextIO) -> bool:
    """Tell whether who reads a stream takes anything, within two seconds; a stream that is no file always does."""
    room = select.poll()
    try:
        room.register(stream.fileno(), select.POLLOUT)
    except (AttributeError, OSError, ValueError):
        return True
    return bool(room.poll(PATIENCE_MILLISECONDS))
