"""The files that an option names and a command writes when it is done: refused before, if they cannot be, and then whole."""

from __future__ import annotations

import os
from pathlib import Path

from cts.errors import UserError, system_reason

__all__ = ["refuse_unwritable", "write_file"]


def refuse_unwritable(option: str, path: Path) -> None:
    """Refuse a file that cannot be written, for all that can be seen of that without writing; UserError with the reason."""
    folder = path.parent
    try:
        exists = _is_there(path)
        if path.is_dir() or not folder.is_dir():
            reason = "it is a directory" if path.is_dir() else f"there is no directory '{folder}'"
        elif not os.access(path if exists else folder, os.W_OK):
            reason = "permission denied"
        else:
            return
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = _reason(error)
    raise UserError(f"{option}: cannot write '{path}': {reason}")


def write_file(option: str, path: Path, data: bytes) -> None:
    """Write a file whole, or leave what was there; UserError where it cannot be written."""
    from cts.records.whole_file import write_whole

    try:
        write_whole(path, data)
    except (OSError, ValueError) as error:
        raise UserError(f"{option}: cannot write '{path}': {_reason(error)}") from error


def _is_there(path: Path) -> bool:
    """Tell whether there is such a file; OSError where there can be none, as of a name that is too long."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _reason(error: OSError | ValueError) -> str:
    return system_reason(error) if isinstance(error, OSError) else str(error)
