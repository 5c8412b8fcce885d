"""One text log file: refused at the start if it cannot be written, never in the way of the run after that."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Literal

from cts.errors import UserError, system_reason
from cts.records.gzip_stream import Packer
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot
from cts.records.writers import AT_ONCE, Piece, Writer, write_all

__all__ = ["Encoding", "LogFile", "LogObserver", "cannot_write"]

Encoding = Literal["utf-8", "utf-16"]
"""``utf-8``: LF line ends. ``utf-16``: little-endian with a byte order mark and CRLF, as the original writes."""

HELD_OPEN_BUFFER = 64 * 1024
REOPENED_BUFFER = 16 * 1024
READER_PATIENCE_SECONDS = 2.0

_FORMATS: dict[Encoding, tuple[str, str, bytes]] = {
    "utf-8": ("utf-8", "\n", b""),
    "utf-16": ("utf-16-le", "\r\n", b"\xff\xfe"),
}
"""Codec, line end, and what the file begins with."""


def cannot_write(key: str, path: Path, error: Exception) -> str:
    """Return the message for a log that cannot be opened or written; ``key`` is where it is configured."""
    if _has_no_reader(path, error):
        return f"{key}: cannot write '{path}': nobody reads this pipe"
    reason = system_reason(error) if isinstance(error, OSError) else str(error)
    return f"{key}: cannot write '{path}': {reason}"


class LogFile:
    """A log file. Lines are gathered and handed to its writer when enough have come, at flush and at close.

    What the file held is lost with the first write, not before: a run that comes to nothing leaves the logs of the last one.
    An error while writing (a full disk) is remembered and ends the writing, not the run. Lines that its writer has no room for,
    because the disk or a pipe's reader does not keep up, are left out and counted.

    Args:
        path: the file; its directory must exist. A pipe must have a reader within two seconds.
        key: the configuration's name for it, for messages.
        encoding: see :data:`Encoding`.
        hold_open: whether the file is opened now and stays open; if not, it is opened for each write, which costs no file
            descriptor, and not before.
        writer: who writes.
        packed: whether it is written as gzip, each portion so that it can be read as soon as it is there; then it is held open.

    Attributes:
        began_ns: time 0 in the clock of the writer, for messages.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        encoding: Encoding = "utf-8",
        *,
        hold_open: bool = True,
        writer: Writer = AT_ONCE,
        packed: bool = False,
    ) -> None:
        self.began_ns = 0
        self._path = path
        self._key = key
        self._codec, self._line_end, mark = _FORMATS[encoding]
        self._writer = writer
        self._buffer = bytearray(mark)
        self._first_ns: int | None = None
        self._limit = HELD_OPEN_BUFFER if hold_open else REOPENED_BUFFER
        self._hold_open = hold_open
        self._begun = self._closed = False
        self._missing = 0
        self._missing_from_ns: int | None = None
        # From the first flush on these are for the writer alone to change.
        self._file: FileIO | None = None
        self._fresh = True
        self._error: str | None = None
        self._packer = Packer() if packed else None
        self._torn = False
        if hold_open:
            try:
                self._file = _open_once_read(path)
            except (OSError, ValueError) as error:  # ValueError: a NUL in the path
                raise UserError(cannot_write(key, path, error)) from error

    @property
    def failure(self) -> str | None:
        """What ended the writing, or which lines are missing, as a message for the user; None while all is well."""
        if self._error is not None or self._missing_from_ns is None:
            return self._error
        lines = "1 line is" if self._missing == 1 else f"{self._missing:,} lines are"
        return (
            f"{self._key}: '{self._path}' is incomplete from {(self._missing_from_ns - self.began_ns) / 1e9:.3f} s: "
            f"the disk or the reader did not keep up; {lines} missing"
        )

    def write_line(self, line: str) -> None:
        """Add a line; does nothing after close or an error."""
        if self._closed or self._error is not None:
            return
        if self._first_ns is None:
            self._first_ns = self._writer.now_ns()
        self._buffer += (line + self._line_end).encode(self._codec, "backslashreplace")
        if len(self._buffer) >= self._limit:
            self.flush()

    def flush(self) -> None:
        """Hand to the writer what has been gathered."""
        if self._closed or self._error is not None or (self._begun and not self._buffer):
            return
        data, self._buffer = self._buffer, bytearray()
        first_ns, self._first_ns = self._first_ns, None
        self._begun = True
        piece = Piece(len(data), partial(self._write, data, first_ns), partial(self._lose, data, first_ns))
        if not self._writer.put(piece):
            piece.lose()

    def close(self) -> None:
        """Flush and close; closing twice is harmless."""
        self.flush()
        if not self._closed:
            self._closed = True
            self._writer.put(Piece(0, self._end, lambda: None))

    def abandon(self) -> None:
        """Close without writing: a file that nothing was written to stays what it was."""
        self._closed = True
        self._shut()

    def _write(self, data: bytearray, first_ns: int | None, gives_up: Callable[[], bool]) -> None:
        if self._error is not None:
            return
        if self._torn:
            self._lose(data, first_ns)
            return
        # Packed here, off the data path.
        packed = data if self._packer is None else self._packer.pack(data)
        end: int | None = None
        try:
            file = self._opened()
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode):
                end = found.st_size
                if not found.st_nlink:
                    # To write it does not fail, and nobody ever reads it.
                    self._error = (
                        f"{self._key}: '{self._path}' was deleted while it was written; all that it held is lost"
                    )
            written = write_all(file.fileno(), packed, gives_up)
            if written < len(packed):
                # Nothing can be read behind a gap in what is packed.
                self._torn = self._packer is not None
                self._lose(data if self._torn else data[written:], first_ns)
        except OSError as error:
            self._fail(error, first_ns)
            if end is not None:
                self._cut_to_whole_lines(data, end)
        if not self._hold_open:
            self._shut()

    def _end(self, gives_up: Callable[[], bool]) -> None:
        if self._packer is not None and self._file is not None and not self._torn and self._error is None:
            try:
                write_all(self._file.fileno(), self._packer.end(), gives_up)
            except OSError as error:
                self._fail(error)
        self._shut()

    def _cut_to_whole_lines(self, data: bytearray, end: int) -> None:
        """Leave nothing of a line that a disk which became full took a part of; ``data`` began at ``end``."""
        line_end = self._line_end.encode(self._codec)
        with suppress(OSError):
            file = self._opened()
            taken = os.fstat(file.fileno()).st_size - end
            whole = data.rfind(line_end, 0, taken) + len(line_end) if line_end in data[:taken] else 0
            # Of what is packed, only what went before is whole.
            file.truncate(end + (0 if self._packer is not None else whole))

    def _lose(self, data: bytearray, first_ns: int | None) -> None:
        self._missing += data.count(self._line_end.encode(self._codec))
        if self._missing_from_ns is None or (first_ns or 0) < self._missing_from_ns:
            self._missing_from_ns = first_ns or 0

    def _shut(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:  # a network file system may report a failed write only here
            self._fail(error)
        self._file = None

    def _opened(self) -> FileIO:
        if self._file is None:
            self._file = _open(self._path, "w" if self._fresh else "a")
        elif self._fresh and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(0)
        self._fresh = False
        return self._file

    def _fail(self, error: OSError, first_ns: int | None = None) -> None:
        if self._error is not None:
            return
        self._error = cannot_write(self._key, self._path, error)
        since = [each for each in (self._missing_from_ns, first_ns) if each is not None]
        if since:
            self._error += f"; incomplete from {(min(since) - self.began_ns) / 1e9:.3f} s"


def _open(path: Path, mode: str) -> FileIO:
    """Open without waiting for a pipe's reader, and so that writing to a pipe or a terminal does not wait either."""
    return FileIO(os.fspath(path), mode, opener=_open_without_waiting)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)


def _open_once_read(path: Path) -> FileIO:
    """Open for appending; give a pipe's reader some time to come."""
    deadline = time.monotonic() + READER_PATIENCE_SECONDS
    while True:
        try:
            return _open(path, "a")
        except OSError as error:
            if not _has_no_reader(path, error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _has_no_reader(path: Path, error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENXIO and path.is_fifo()


class LogObserver(Observer):
    """An observer that writes one log file, complete up to the last status; its arguments are those of :class:`LogFile`."""

    def __init__(
        self, path: Path, key: str, encoding: Encoding = "utf-8", writer: Writer = AT_ONCE, *, packed: bool = False
    ) -> None:
        self._file = LogFile(path, key, encoding, writer=writer, packed=packed)
        self._began_ns = 0

    def run_began(self, began_ns: int) -> None:
        """Note when, for times that count from there."""
        self._began_ns = self._file.began_ns = began_ns

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
