"""Real UDP, one datagram per system call: works wherever Python has sockets."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable

import trio
from attrs import define, field

from cts.api import Address, DatagramBatch, DatagramHandler, EndpointStatistics, IDatagramEndpoint
from cts.net.addresses import address_of, sockaddr_of
from cts.net.coalescing import ReceiveMemory
from cts.net.libc import SO_RXQ_OVFL, SO_TIMESTAMPNS
from cts.net.readers import Readable, SocketReader
from cts.net.receive_clock import ReceiveClock
from cts.units import SECOND

__all__ = ["ICMP_ERRORS", "UdpEndpoint", "open_udp_socket"]

_TIMESPEC = struct.Struct("@qq")
_COUNTER = struct.Struct("@I")
_ANCILLARY_SPACE = 128
_SOCKET_BUFFER = 4 << 20

_ICMP_ERROR_NAMES = """
    ECONNREFUSED ECONNRESET EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN ENONET EMSGSIZE EPROTO ENOPROTOOPT EOPNOTSUPP EACCES
"""
ICMP_ERRORS = frozenset(getattr(errno, name) for name in _ICMP_ERROR_NAMES.split() if hasattr(errno, name))
"""Errors by which a socket reports what ICMP said of an earlier datagram (ip(7), RFC 1122 section 4.1.3.3).

The verdicts tell what became of that datagram, so no read fails by them. A send may also be refused with one of these itself,
so it is tried again only a few times."""

_SEND_TRIES = 3


def open_udp_socket(
    *, local: Address | None = None, remote: Address | None = None, shared: bool = False
) -> socket.socket:
    """Return a nonblocking UDP socket with large buffers and kernel receive times, bound or connected.

    Args:
        local, remote: what to bind to, or to connect to.
        shared: whether other processes bind the same address; the kernel then spreads peers over them (SO_REUSEPORT).

    Raises:
        OSError: the kernel refused the address.
    """
    address = local or remote
    family = socket.AF_INET6 if address is not None and ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        if family == socket.AF_INET6:
            # "*" means a socket for each family.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if local is not None:
            sock.bind(sockaddr_of(local))
        if remote is not None:
            sock.connect(sockaddr_of(remote))
    except OSError:
        sock.close()
        raise
    return sock


@define(eq=False)
class UdpEndpoint(IDatagramEndpoint, Readable):
    """A UDP socket of its own.

    Args:
        sock: nonblocking, bound or connected.
        peer: the only remote, if it is connected.
        clock: translates the kernel's receive times into the run's clock.
        reader: reads it once there is a handler.
        memory: what is read into; a network's endpoints share it, since each is handed over at once.
        on_close: told when it is closed.
    """

    _sock: socket.socket
    _peer: Address | None
    _clock: ReceiveClock
    _reader: SocketReader
    _memory: ReceiveMemory
    _on_close: Callable[[UdpEndpoint], None]
    local: Address = field(init=False)
    _view: memoryview = field(init=False)
    _handler: DatagramHandler | None = field(default=None, init=False)
    _room: trio.Lock = field(factory=trio.Lock, init=False)
    _datagrams: int = field(default=0, init=False)
    _overflowed: int = field(default=0, init=False)
    _unreachable: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.local = address_of(self._sock.getsockname())
        self._view = self._memory.buffer

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""
        return self._sock.fileno()

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        """Send one datagram in one call; wait while the send buffer is full."""

        def attempt() -> int:
            if self._peer is not None:
                return self._sock.sendmsg((header, payload))
            return self._sock.sendmsg((header, payload), (), 0, sockaddr_of(remote) if "%" in remote.host else remote)

        return await self._until_sent(attempt)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Send one small datagram at once, or not at all; tell whether it went."""
        try:
            if self._peer is not None:
                self._sock.send(datagram)
            else:
                self._sock.sendto(datagram, sockaddr_of(remote))
        except (OSError, TypeError, ValueError, OverflowError):
            # Not only OSError: Python refuses by the others what is no address of this socket's family.
            return False
        return True

    async def _until_sent(self, attempt: Callable[[], int]) -> int:
        """Return what ``attempt`` returns; try again when the socket can take more, and after an ICMP error."""
        refused = 0
        while True:
            try:
                sent = attempt()
            except BlockingIOError:
                full = True
            except OSError as error:
                full = False
                if error.errno in ICMP_ERRORS and refused < _SEND_TRIES:
                    refused += 1
                    continue
                if error.errno != errno.ENOBUFS:
                    raise
            else:
                # The errors until now were of earlier datagrams: a refusal of this one would have stayed.
                self._unreachable += refused
                return sent
            if full:
                # trio lets one task wait for a socket, and streams share a server's.
                async with self._room:
                    await trio.lowlevel.wait_writable(self._sock)
            else:
                # The interface's queue has no room, and will not tell when it has.
                await trio.sleep(0.001)

    def receive_into(self, handler: DatagramHandler) -> None:
        """Have the reader read this socket for ``handler``."""
        if self._handler is None:
            self._reader.add(self)
        self._handler = handler

    def drain(self) -> None:
        """Read until nothing is left that arrived before now."""
        if self._handler is not None:
            now_ns = self._clock.now_ns()
            self._clock.compare()
            while (received_ns := self._read_one()) is not None and received_ns < now_ns:
                pass

    def read(self, limit: int) -> None:
        """Read at most ``limit`` times."""
        for _ in range(limit):
            if self._read_one() is None:
                return

    def statistics(self) -> EndpointStatistics:
        """Return what was read and what the kernel dropped."""
        return EndpointStatistics(self._datagrams, self._overflowed, self._unreachable)

    def close(self) -> None:
        """Close the socket."""
        self._reader.remove(self)
        self._handler = None
        self._on_close(self)
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def _count_icmp_error(self) -> int:
        """Count what ICMP said of an earlier datagram; return 0, a receive time after which there may be more to read."""
        self._unreachable += 1
        return 0

    def _read_one(self) -> int | None:
        """Read one datagram and hand it over; return its receive time, None if there was none."""
        if self._handler is None:
            return None
        try:
            length, ancillary, _, sockaddr = self._sock.recvmsg_into((self._view,), _ANCILLARY_SPACE)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in ICMP_ERRORS:
                return self._count_icmp_error()
            raise
        received_ns = self._clock.now_ns()
        for _, kind, data in ancillary:
            if kind == SO_TIMESTAMPNS and len(data) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                received_ns = seconds * SECOND + nanoseconds + self._clock.unix_offset_ns
            elif kind == SO_RXQ_OVFL and len(data) == _COUNTER.size:
                (self._overflowed,) = _COUNTER.unpack(data)
        self._datagrams += 1
        remote = self._peer or address_of(sockaddr)
        self._handler(self.local, remote, DatagramBatch(self._view[:length], max(1, length), received_ns))
        return received_ns
