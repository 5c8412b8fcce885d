"""Help for tests of real UDP endpoints: what their sockets hold, and paths that take less than loopback does."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import trio
import trio.testing

from cts.api import IDatagramEndpoint
from cts.net.offload import Offload, OffloadedEndpoint
from cts.net.segmentation import SegmentedSender
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


class _Refusing:
    """What sends, in front of which the next sends fail with these errors, one each; 0 lets one through."""

    def __init__(self, real: object, errors: list[int]) -> None:
        self._real = real
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        if name.startswith("send") and self._errors and (number := self._errors.pop(0)):
            raise OSError(number, os.strerror(number))
        return getattr(self._real, name)


@contextmanager
def refusing_sends(endpoint: IDatagramEndpoint, *errors: int) -> Iterator[None]:
    """Have the endpoint's next sends fail with these errors, one each: loopback fills no send buffer and no queue.

    Whether one datagram or a train, and with 0 for an error a send goes through.
    """
    assert isinstance(endpoint, UdpEndpoint)
    sock, left = endpoint._sock, list(errors)
    endpoint._sock = cast("socket.socket", _Refusing(sock, left))
    sender = endpoint._sender if isinstance(endpoint, OffloadedEndpoint) else None
    if isinstance(endpoint, OffloadedEndpoint):
        endpoint._sender = cast("SegmentedSender", _Refusing(sender, left))
    try:
        yield
        assert left == []
    finally:
        endpoint._sock = sock
        if isinstance(endpoint, OffloadedEndpoint) and sender is not None:
            endpoint._sender = sender


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
