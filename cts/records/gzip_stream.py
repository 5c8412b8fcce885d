"""Logs whose name ends in ``.gz``: packed piece by piece, so that what a crash leaves can be read up to its last piece."""

from __future__ import annotations

import errno
import zlib
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LogSource", "Packer", "is_packed"]

_GZIP = 31
"""What zlib calls a gzip member (RFC 1952) with the greatest window; its time is 0, so that equal logs are equal files."""
_LEVEL = 1
"""Logs of short lines that are much alike: to seek longer matches costs three times as much and saves a quarter."""
_CHUNK = 1 << 16
_MAGIC = b"\x1f"
"""No log of text begins with it."""


def is_packed(path: Path) -> bool:
    """Tell whether a log of that name is written as gzip."""
    return path.suffix == ".gz"


class Packer:
    """Packs pieces of a log; each can be read as soon as it is there."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def pack(self, data: bytes | bytearray) -> bytes:
        """Return a piece as it is written."""
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """Return what ends the file; nothing comes after it."""
        return self._stream.flush(zlib.Z_FINISH)


class LogSource(RawIOBase):
    """A log's bytes, unpacked where they are gzip, whatever the file is called; ends where a file that was cut short does.

    Args:
        path: the file, or a pipe.

    Raises:
        OSError: it cannot be read, or its gzip data is damaged, now or while reading.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._packed: bool | None = None
        self._unpacker: zlib._Decompress | None = None
        self._pending = b""
        self._has_more = False

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def readinto(self, into: Buffer, /) -> int:
        """Read some bytes; 0 for the end."""
        room = memoryview(into)
        if self._packed is None:
            self._pending = self._file.read(_CHUNK) or b""
            self._packed = self._pending.startswith(_MAGIC)
        if self._packed:
            data = self._unpacked(len(room))
        else:
            data, self._pending = self._pending[: len(room)], self._pending[len(room) :]
            data = data or self._file.read(len(room)) or b""
        room[: len(data)] = data
        return len(data)

    def _unpacked(self, size: int) -> bytes:
        while True:
            if not (self._pending or self._has_more):
                self._pending = self._file.read(_CHUNK) or b""
                if not self._pending:
                    return b""
            if self._unpacker is None:
                # A gzip file may have several members.
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                data = self._unpacker.decompress(self._pending, size)
            except zlib.error as error:
                raise OSError(errno.EILSEQ, "its gzip data is damaged") from error
            self._has_more = len(data) == size
            self._pending = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                self._pending, self._unpacker, self._has_more = self._unpacker.unused_data, None, False
            if data:
                return data
