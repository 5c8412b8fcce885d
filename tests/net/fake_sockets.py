"""A network of sockets that a test feeds by hand and that refuse, or keep waiting, when the test says so."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

import trio

from cts.api import Address, DatagramBatch, DatagramHandler, EndpointStatistics, IDatagramEndpoint, IPacer
from cts.engine.contracts import INetwork

UPSTREAM_HOST = "198.51.100.1"


class Sent(NamedTuple):
    at_ns: int
    remote: Address
    data: bytes


class FakeSocket(IDatagramEndpoint):
    """Keeps what it is given to send.

    Attributes:
        sent: what went out.
        refuses: what each send raises, None for nothing.
        waits_ns: how long its send buffer is full at every send.
        closed: whether it was closed.
    """

    def __init__(self, pacer: IPacer, local: Address) -> None:
        self._pacer = pacer
        self._local = local
        self._handler: DatagramHandler | None = None
        self.sent: list[Sent] = []
        self.refuses: OSError | None = None
        self.waits_ns = 0
        self.closed = False

    @property
    def local(self) -> Address:
        return self._local

    @property
    def data(self) -> list[bytes]:
        return [each.data for each in self.sent]

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        if self.waits_ns:
            await self._pacer.wait_until(self._pacer.now_ns() + self.waits_ns)
        if self.refuses is not None:
            raise self.refuses
        assert not self.closed
        data = bytes(header) + bytes(payload)
        self.sent.append(Sent(self._pacer.now_ns(), remote, data))
        return len(data)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        gone = self.refuses is None and not self.waits_ns and not self.closed
        if gone:
            self.sent.append(Sent(self._pacer.now_ns(), remote, datagram))
        return gone

    def feed(
        self, remote: Address, data: bytes, *, segment_size: int | None = None, received_ns: int | None = None
    ) -> None:
        """Hand over what a kernel would have read, now unless told otherwise; its memory is another's right after."""
        assert self._handler is not None
        lent = bytearray(data)
        at_ns = self._pacer.now_ns() if received_ns is None else received_ns
        self._handler(self._local, remote, DatagramBatch(memoryview(lent), segment_size or max(1, len(data)), at_ns))
        lent[:] = b"\xff" * len(lent)

    def receive_into(self, handler: DatagramHandler) -> None:
        self._handler = handler

    def drain(self) -> None:
        return

    def statistics(self) -> EndpointStatistics:
        return EndpointStatistics()

    def close(self) -> None:
        self.closed = True


class FakeNetwork(INetwork):
    """Attributes: listeners and upstreams that were opened, in order; what a listen or a connect raises; how long one takes."""

    def __init__(self, pacer: IPacer) -> None:
        self._pacer = pacer
        self.listeners: list[FakeSocket] = []
        self.upstreams: list[FakeSocket] = []
        self.refuses_listen: OSError | None = None
        self.refuses_connect: OSError | None = None
        self.connect_takes_ns = 0
        self.overflowed = 0

    async def listen(self, local: Address) -> FakeSocket:
        await trio.lowlevel.checkpoint()
        if self.refuses_listen is not None:
            raise self.refuses_listen
        self.listeners.append(FakeSocket(self._pacer, local))
        return self.listeners[-1]

    async def connect(self, remote: Address) -> FakeSocket:
        await self._pacer.wait_until(self._pacer.now_ns() + self.connect_takes_ns)
        if self.refuses_connect is not None:
            raise self.refuses_connect
        self.upstreams.append(FakeSocket(self._pacer, Address(UPSTREAM_HOST, 50_000 + len(self.upstreams))))
        return self.upstreams[-1]

    def statistics(self) -> EndpointStatistics:
        return EndpointStatistics(0, self.overflowed)

    @property
    def open_upstreams(self) -> int:
        return sum(not each.closed for each in self.upstreams)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


ADDRESS_IN_USE = os_error(errno.EADDRINUSE)
TOO_MANY_FILES = os_error(errno.EMFILE)
UNREACHABLE = os_error(errno.ENETUNREACH)
