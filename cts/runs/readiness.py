"""Tells a service manager when a run is ready and when it stops: sd_notify(3), where there is one to tell."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from attrs import frozen

from cts.errors import printable

__all__ = ["READY", "STOPPING", "ToldReady", "notify"]

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(*states: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager; return whether it was told.

    Does nothing where ``NOTIFY_SOCKET`` is not set, and never waits, raises or fails a run: who started it may have gone.

    Args:
        states: assignments as sd_notify(3) has them, without a line end in them.
        environment: where the socket's name is: a path, or with ``@`` in front an abstract one.
    """
    name = environment.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        sock.sendto("\n".join(states).encode(), "\0" + name[1:] if name[0] == "@" else name)
        return True
    return False


@frozen
class ToldReady:
    """What a session is given to call once peers may ask (``trio.TaskStatus``): tells the service manager.

    Attributes:
        status: what the manager shows of the run.
    """

    status: str

    def started(self, value: object = None) -> None:
        """Tell it."""
        notify(READY, f"STATUS={printable(self.status)}")
