"""Help for tests of real UDP endpoints: what their sockets hold, and paths that take less than loopback does."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import trio
import trio.testing

from cts.api import IDatagramEndpoint
from cts.net.offload import Offload
from cts.net.udp import UdpEndpoint
from tests.net.test_udp import PATIENCE_S

BOTH = Offload(True, True)
MS = 1_000_000
IPV6_MTU = 24


def views(payloads: Sequence[bytes]) -> list[memoryview]:
    return [memoryview(payload) for payload in payloads]


def socket_of(endpoint: IDatagramEndpoint) -> socket.socket:
    assert isinstance(endpoint, UdpEndpoint)
    return endpoint._sock


class _RefusingSocket:
    """A socket whose sends fail with these errors, one each, before they work again."""

    def __init__(self, sock: socket.socket, errors: Sequence[int]) -> None:
        self._sock = sock
        self._errors = list(errors)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("send") and self._errors:
            number = self._errors.pop(0)
            raise OSError(number, os.strerror(number))
        return getattr(self._sock, name)


@contextmanager
def refusing_sends(endpoint: IDatagramEndpoint, *errors: int) -> Iterator[None]:
    """Have the endpoint's next sends fail with these errors, one each: loopback fills no send buffer and no queue."""
    assert isinstance(endpoint, UdpEndpoint)
    sock = endpoint._sock
    endpoint._sock = cast("socket.socket", _RefusingSocket(sock, errors))
    try:
        yield
        assert endpoint._sock._errors == []  # type: ignore[attr-defined]
    finally:
        endpoint._sock = sock


async def until_arrived(endpoint: IDatagramEndpoint) -> None:
    """Wait until a datagram is queued; an error that the socket holds is none."""
    import fcntl  # there is none on Windows, where nobody calls this
    import termios

    with trio.fail_after(PATIENCE_S):
        while not struct.unpack("i", fcntl.ioctl(socket_of(endpoint), termios.FIONREAD, b"\0" * 4))[0]:
            await trio.lowlevel.checkpoint()


def narrow(endpoint: IDatagramEndpoint) -> None:
    """Make it believe that its path takes 1280 bytes."""
    socket_of(endpoint).setsockopt(socket.IPPROTO_IPV6, IPV6_MTU, 1280)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
