"""Functions of the C library that Python offers only in a slower form, or not at all; importing this never fails."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["function", "is_missing", "layouts_known", "raise_errno"]


def _missing(*_arguments: object) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def function(name: str, result: type[ctypes.c_int | ctypes.c_ssize_t]) -> Callable[..., int]:
    """Return a function of the C library this process runs on; where there is none, one that raises ENOSYS.

    Its arguments must be ctypes objects: nothing is converted, since that takes longer than the call itself. errno is kept
    aside for :func:`raise_errno`. The GIL is held, so that no other thread delays the return: only for calls that never block.
    """
    try:
        found = ctypes.PyDLL(None, use_errno=True)[name]
    except (OSError, TypeError, AttributeError):
        return _missing
    found.restype = result
    return found


def is_missing(*functions: Callable[..., int]) -> bool:
    """Tell whether any of these is not there."""
    return _missing in functions


def layouts_known() -> bool:
    """Tell whether the structure layouts and option numbers of 64-bit Linux are this platform's.

    Numbers of socket options differ on the few machines whose SOL_SOCKET is not 1 (mips, sparc, parisc, alpha).
    """
    return sys.platform == "linux" and struct.calcsize("P") == 8 and socket.SOL_SOCKET == 1


def raise_errno() -> NoReturn:
    """Raise the last call's errno as the OSError that belongs to it (BlockingIOError for EAGAIN)."""
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
