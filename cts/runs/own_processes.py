"""Processes that are this program, too: how one is started, and the messages, pickled, that it and its parent tell each other.

Both are one program of one user, and nobody else has the pipes between them.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Iterator

from cts.errors import UserError

__all__ = ["VERSION", "MessageReader", "command_of", "how_it_ended", "packed"]

VERSION = 24
"""Rises when a message, or what it has, changes; all are the same program, but it may be upgraded in between."""

_HEADER = struct.Struct("!II")
_OUT_OF_AN_ARCHIVE = "import sys; sys.path.insert(0, sys.argv[1]); from {} import main; main()"


def command_of(module: str) -> list[str]:
    """Return what runs a module of cts: this interpreter, with the cts that runs here, wherever it is."""
    # -P: what lies in the working directory is not to be imported; nor is what this interpreter was told to leave out.
    flags = {"-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site, "-S": sys.flags.no_site}
    python = [sys.executable, "-I" if sys.flags.isolated else "-P", *(flag for flag, is_set in flags.items() if is_set)]
    archive = getattr(__spec__.loader, "archive", None) if __spec__ else None
    if isinstance(archive, str):  # zipimport's, see packaging/pyz.py
        return [*python, "-c", _OUT_OF_AN_ARCHIVE.format(module), archive]
    return [*python, "-m", module]


def how_it_ended(status: int) -> str:
    """Return what to tell a person of how a process ended, given its exit status, negative for a signal's."""
    return f"was killed by signal {-status}" if status < 0 else f"left with status {status}"


def packed(message: object) -> bytes:
    """Return a message as it goes through a pipe: behind a version and its size."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _HEADER.pack(VERSION, len(content)) + content


class MessageReader:
    """Takes bytes from a pipe in any portions and gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def rest(self) -> bytes:
        """Return what came behind the last whole message."""
        return bytes(self._buffer)

    def feed(self, data: bytes | bytearray) -> Iterator[object]:
        """Yield the messages that are complete now.

        Raises:
            UserError: a message is of another version.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            version, size = _HEADER.unpack_from(self._buffer)
            if version != VERSION:
                raise UserError("the processes of this run are not of one version: was cts upgraded while it ran?")
            end = _HEADER.size + size
            if len(self._buffer) < end:
                return
            message = pickle.loads(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield message
