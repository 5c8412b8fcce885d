"""Frames that the sender's own host did not let out, by cause: loss at home, which is no network's."""

from __future__ import annotations

import errno
from typing import NamedTuple

__all__ = ["NO_UNSENT", "Unsent", "UnsentFrames", "heals"]

_NAMES = (
    "ENETUNREACH EHOSTUNREACH ENETDOWN EHOSTDOWN ENONET ENODEV ENXIO EADDRNOTAVAIL EPERM EACCES EINVAL ENOBUFS ENOMEM "
    "EMSGSIZE EIO ECONNREFUSED ECONNRESET EPROTO ENOPROTOOPT EOPNOTSUPP"
)
_OF_THE_MOMENT = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))


class Unsent(NamedTuple):
    """How many frames, and the time of the stream that they stand for, in nanoseconds."""

    frames: int = 0
    time_ns: int = 0


class UnsentFrames(dict[str, Unsent]):
    """By what the operating system said; adds cause by cause."""

    def __add__(self, other: UnsentFrames) -> UnsentFrames:
        total = UnsentFrames(self)
        for cause, (frames, time_ns) in other.items():
            so_far = total.get(cause, Unsent())
            total[cause] = Unsent(so_far.frames + frames, so_far.time_ns + time_ns)
        return total


NO_UNSENT = UnsentFrames()


def heals(error: OSError) -> bool:
    """Tell whether a refused send says something of this moment (no route, an interface that is down, a firewall, no room).

    Anything else, above all that the socket is not there any more, will not change by waiting.
    """
    return error.errno in _OF_THE_MOMENT
