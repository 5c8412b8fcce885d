"""One text log file: refused at the start if it cannot be written, never in the way of the run after that."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path
from typing import Literal

from cts.errors import UserError
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot

__all__ = ["Encoding", "LogFile", "LogObserver", "cannot_write"]

Encoding = Literal["utf-8", "utf-16"]
"""``utf-8``: LF line ends. ``utf-16``: little-endian with a byte order mark and CRLF, as the original writes."""

HELD_OPEN_BUFFER = 64 * 1024
REOPENED_BUFFER = 16 * 1024


_FORMATS: dict[Encoding, tuple[str, str, bytes]] = {
    "utf-8": ("utf-8", "\n", b""),
    "utf-16": ("utf-16-le", "\r\n", b"\xff\xfe"),
}
"""Codec, line end, and what the file begins with."""


def cannot_write(key: str, path: Path, error: Exception) -> str:
    """Return the message for a log that cannot be opened or written; ``key`` is where it is configured."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{key}: cannot write '{path}': {reason}"


class LogFile:
    """A log file. Lines are gathered and written when enough have come, at flush and at close.

    What the file held is lost with the first write, not before: a run that comes to nothing leaves the logs of the last one.
    An error while writing (a full disk) is remembered and ends the writing, not the run.

    Args:
        path: the file; its directory must exist.
        key: the configuration's name for it, for messages.
        encoding: see :data:`Encoding`.
        hold_open: whether the file stays open; if not, it is opened for each write, which costs no file descriptor.

    Attributes:
        failure: what ended the writing, as a message for the user; None while all is well.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, key: str, encoding: Encoding = "utf-8", *, hold_open: bool = True) -> None:
        self.failure: str | None = None
        self._path = path
        self._key = key
        self._codec, self._line_end, mark = _FORMATS[encoding]
        self._buffer = bytearray(mark)
        self._limit = HELD_OPEN_BUFFER if hold_open else REOPENED_BUFFER
        self._hold_open = hold_open
        self._fresh = True
        self._closed = False
        try:
            opened = FileIO(os.fspath(path), "a")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise UserError(cannot_write(key, path, error)) from error
        self._file: FileIO | None = opened
        if not hold_open:
            self._close_file()

    def write_line(self, line: str) -> None:
        """Add a line; does nothing after close or a failure."""
        if self._closed or self.failure is not None:
            return
        self._buffer += (line + self._line_end).encode(self._codec, "backslashreplace")
        if len(self._buffer) >= self._limit:
            self.flush()

    def flush(self) -> None:
        """Hand to the operating system what has been gathered."""
        if self._closed or self.failure is not None or not (self._buffer or self._fresh):
            return
        try:
            self._open()
            if self._file is not None:
                _write_all(self._file, self._buffer)
        except OSError as error:
            self._fail(error)
        self._buffer.clear()
        if not self._hold_open:
            self._close_file()

    def close(self) -> None:
        """Flush and close; closing twice is harmless."""
        self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Close without writing: a file that nothing was written to stays what it was."""
        self._closed = True
        self._close_file()

    def _open(self) -> None:
        if self._fresh or self._file is None:
            # The one for appending, if there is one, stays open meanwhile: a pipe's reader must not see an end.
            opened = FileIO(os.fspath(self._path), "w" if self._fresh else "a")
            self._close_file()
            self._file, self._fresh = opened, False

    def _close_file(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:  # a network file system may report a failed write only here
            self._fail(error)
        self._file = None

    def _fail(self, error: OSError) -> None:
        if self.failure is None:
            self.failure = cannot_write(self._key, self._path, error)


def _write_all(file: FileIO, data: bytearray) -> None:
    with memoryview(data) as view:
        written = 0
        while written < len(view):
            count = file.write(view[written:])
            if not count:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            written += count


class LogObserver(Observer):
    """An observer that writes one log file, complete up to the last status; its arguments are those of :class:`LogFile`."""

    def __init__(self, path: Path, key: str, encoding: Encoding = "utf-8") -> None:
        self._file = LogFile(path, key, encoding)
        self._began_ns = 0

    def run_began(self, began_ns: int) -> None:
        """Note when, for times that count from there."""
        self._began_ns = began_ns

    def status(self, snapshot: RunSnapshot) -> None:
        """Write out what has been gathered."""
        self._file.flush()

    def abandoned(self) -> None:
        """Close without writing."""
        self._file.abandon()

    def closing(self) -> None:
        """Write out the rest and close."""
        self._file.close()

    def failures(self) -> tuple[str, ...]:
        """Return why the log is not whole."""
        return () if self._file.failure is None else (self._file.failure,)
