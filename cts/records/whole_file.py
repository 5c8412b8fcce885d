"""A file that is written at once: whole, or not at all, and then what was there before stays as it was."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from io import FileIO
from itertools import count
from pathlib import Path

__all__ = ["write_whole"]

_NO_FILE_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says of a folder in which this process may make no file."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file. Blocks for the disk.

    It is written beside its place and then put there, with the modes of the one that it replaces. What is no regular file (a
    pipe, a device, ``/dev/stdout`` that leads to one), and a file in a folder that takes no other, are written where they are.

    Raises:
        OSError, ValueError: it cannot be written; the latter of a NUL in the path.
    """
    place = Path(os.path.realpath(path))  # a link goes on leading there
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    # A descriptor's link may be followed though what it names is in no folder.
    if mode is not None and not (stat.S_ISREG(mode) and place.exists()):
        path.write_bytes(data)
        return
    try:
        beside, number = _opened_beside(place)
    except OSError as error:
        if mode is None or error.errno not in _NO_FILE_BESIDE:
            raise
        place.write_bytes(data)
        return
    try:
        with FileIO(number, "wb") as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            if mode is not None:
                os.fchmod(number, stat.S_IMODE(mode))
            # Some file systems say only here, or on closing, that they have no room.
            os.fsync(number)
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def _opened_beside(place: Path) -> tuple[Path, int]:
    """Make a file with a name of its own in the same folder; return it and its descriptor."""
    for attempt in count():
        beside = place.with_name(f".cts-{os.getpid()}-{attempt}.part")
        with suppress(FileExistsError):
            return beside, os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    raise AssertionError
