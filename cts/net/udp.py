"""Real UDP, one datagram per system call: works wherever Python has sockets."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import trio
from attrs import define, field

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    EndpointStatistics,
    ForwardingEndpoint,
    IDatagramEndpoint,
    Message,
    UnreachableHandler,
)
from cts.net.addresses import PACKET_INFO, Source, address_of, ask_for_destinations, destination_of, sockaddr_of
from cts.net.coalescing import ReceiveMemory
from cts.net.error_queue import ICMP_ERRORS, TRIES_WHILE_NEWS_COMES, IcmpNews
from cts.net.libc import SO_MEMINFO, SO_RXQ_OVFL, SO_TIMESTAMPNS
from cts.net.readers import Readable, SocketReader
from cts.net.receive_clock import ReceiveClock
from cts.protocol.stamps import Header, headers_of
from cts.units import SECOND

__all__ = ["EndpointAt", "UdpEndpoint"]

_TIMESPEC = struct.Struct("@qq")
_COUNTER = struct.Struct("@I")
_MEMINFO = struct.Struct("@32xI")
_ANCILLARY_SPACE = 128

_PLACES_KEPT = 1024
"""Addresses of its own that an endpoint remembers: a loopback interface has millions."""
_ROOM_WAITS = 20
"""Milliseconds that a send waits for room in an interface's queue; what still has none then is not sent."""


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
    _icmp: IcmpNews = field(init=False)
    # Where it is bound to every address: itself at each of them, by packet information.
    _destinations: dict[bytes, Address] = field(factory=dict, init=False)
    _places: dict[Address, EndpointAt] = field(factory=dict, init=False)
    _told_destinations: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.local = address_of(self._sock.getsockname())
        self._view = self._memory.buffer
        if self._peer is None and ip_address(self.local.host.partition("%")[0]).is_unspecified:
            self._told_destinations = ask_for_destinations(self._sock)
        self._icmp = IcmpNews(self._sock, self._peer)

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""
        return self._sock.fileno()

    def at(self, local: Address) -> IDatagramEndpoint:
        """Return it at one of its addresses, of which something was received there."""
        return self._places.get(local, self)

    async def send(
        self,
        remote: Address,
        header: Header,
        payload: bytes | memoryview = b"",
        source: Source | None = None,
    ) -> int:
        """Send one datagram in one call, from ``source`` if it is given; wait while the send buffer is full."""
        ancillary = () if source is None else (source,)

        def attempt() -> int:
            if self._peer is not None:
                return self._sock.sendmsg((header, payload))
            to = sockaddr_of(remote) if "%" in remote.host else remote
            return self._sock.sendmsg((header, payload), ancillary, 0, to)

        return await self._until_sent(attempt, header, (payload,))

    async def send_train(
        self,
        remote: Address,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None = None,
    ) -> int:
        """Send the datagrams one by one."""
        pairs = zip(headers_of(header, payloads), payloads, strict=True)
        return sum([await self.send(remote, own, payload, source) for own, payload in pairs])

    def send_now(self, messages: Sequence[Message], source: Source | None = None) -> int:
        """Hand over nothing: one datagram a call is what :meth:`send_train` is for."""
        return 0

    def try_send(self, remote: Address, datagram: bytes, source: Source | None = None) -> bool:
        """Send one small datagram at once, or not at all; tell whether it went."""
        ancillary = () if source is None else (source,)
        met: list[OSError] = []
        while True:
            try:
                if self._peer is not None:
                    self._sock.send(datagram)
                else:
                    self._sock.sendmsg((datagram,), ancillary, 0, sockaddr_of(remote))
            except OSError as error:
                if not self._icmp.was_earlier(error, met, most=1):
                    return False
            except (TypeError, ValueError, OverflowError):
                # By these Python refuses what is no address of this socket's family.
                return False
            else:
                self._icmp.count(met)
                return True

    async def _until_sent(
        self,
        attempt: Callable[[], int],
        header: Header,
        payloads: Sequence[bytes | memoryview],
        met: list[OSError] | None = None,
    ) -> int:
        """Return what ``attempt`` returns; try again when the socket can take more, and after ICMP errors, some already met."""
        met, waits = met or [], 0
        while True:
            try:
                sent = attempt()
            except BlockingIOError:
                full = True
            except OSError as error:
                full = False
                if self._icmp.was_earlier(error, met):
                    continue
                if self._icmp.dropped_on_the_way_out(error):
                    return sum(map(len, headers_of(header, payloads))) + sum(map(len, payloads))
                if error.errno != errno.ENOBUFS or waits == _ROOM_WAITS:
                    raise
                waits += 1
            else:
                # A refusal of this datagram would have stayed.
                self._icmp.count(met)
                return sent
            if full:
                # What waits in the error queue would make the socket seem ready.
                self._icmp.read()
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

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        """Tell ``handler`` of whom ICMP says that it cannot be reached."""
        self._icmp.handler = handler

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

    def read_errors(self) -> bool:
        """Take in what ICMP said of what was sent, as far as the kernel keeps it; tell whether there was anything."""
        return self._icmp.read()

    def statistics(self) -> EndpointStatistics:
        """Return what was read and what the kernel dropped, also since the last datagram that was read."""
        self._count_drops()
        return EndpointStatistics(self._datagrams, self._overflowed, self._icmp.unreachable)

    def _count_drops(self) -> None:
        """Ask the socket itself: with a datagram comes only what was dropped before it."""
        if sys.platform != "linux" or self.fileno() < 0:
            return
        # What cannot be asked has said with its datagrams what it could.
        with contextlib.suppress(OSError, struct.error):
            (drops,) = _MEMINFO.unpack(self._sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size))
            self._overflowed += (drops - self._overflowed) & 0xFFFFFFFF  # the kernel's counter wraps at 32 bits

    def close(self) -> None:
        """Close the socket."""
        self._reader.remove(self)
        self._handler = self._icmp.handler = None
        self._on_close(self)
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def _at(self, info: bytes) -> Address:
        """Return the address that a datagram was sent to, by its packet information."""
        local = self._destinations.get(info)
        if local is None:
            if len(self._destinations) >= _PLACES_KEPT:
                self._destinations.clear()
                self._places.clear()
            local, source = destination_of(info, self.local.port)
            self._destinations[info] = local
            if not ip_address(local.host.partition("%")[0]).is_multicast:
                self._places[local] = EndpointAt(self, local, source)
        return local

    def _read_again(self, error: OSError, tries: int) -> bool:
        """Count what ICMP said of an earlier datagram, and tell whether to read what waits behind that.

        The failed call took it off the socket. To take a message out of the error queue has the next call fail by the next one.
        """
        if error.errno not in ICMP_ERRORS:
            return self._reader.reads_on(self, error)
        self._icmp.count([error])
        return tries < TRIES_WHILE_NEWS_COMES and self._handler is not None

    def _read_one(self) -> int | None:
        """Read one datagram and hand it over; return its receive time, None if there was none."""
        if self._handler is None:
            return None
        tries = 0
        while True:
            try:
                length, ancillary, _, sockaddr = self._sock.recvmsg_into((self._view,), _ANCILLARY_SPACE)
                break
            except BlockingIOError:
                return None
            except OSError as error:
                tries += 1
                if not self._read_again(error, tries):
                    return None
        received_ns = self._clock.now_ns()
        local = self.local
        for level, kind, data in ancillary:
            if (level, kind) in PACKET_INFO:
                local = self._at(data)
            elif kind == SO_TIMESTAMPNS and len(data) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                received_ns = self._clock.of(seconds * SECOND + nanoseconds)
            elif kind == SO_RXQ_OVFL and len(data) == _COUNTER.size:
                (self._overflowed,) = _COUNTER.unpack(data)
        self._datagrams += 1
        remote = self._peer or address_of(sockaddr)
        self._handler(local, remote, DatagramBatch(self._view[:length], max(1, length), received_ns))
        return received_ns


class EndpointAt(ForwardingEndpoint):
    """Sends through the whole endpoint, from one of its addresses; all else is the whole endpoint's.

    Args:
        endpoint: the whole one.
        address: the address, with the endpoint's port.
        source: what has a datagram leave from there.
    """

    _endpoint: UdpEndpoint

    def __init__(self, endpoint: UdpEndpoint, address: Address, source: Source) -> None:
        super().__init__(endpoint)
        self._address = address
        self._source = source

    @property
    def local(self) -> Address:
        """The one address."""
        return self._address

    def at(self, local: Address) -> IDatagramEndpoint:
        """Return itself, which is at one address already."""
        return self

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send one datagram from here."""
        return await self._endpoint.send(remote, header, payload, self._source)

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send a train from here."""
        return await self._endpoint.send_train(remote, header, payloads, self._source)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Hand over some messages from here, without waiting."""
        return self._endpoint.send_now(messages, self._source)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Send one small datagram from here at once, or not at all."""
        return self._endpoint.try_send(remote, datagram, self._source)

    def close(self) -> None:
        """Leave the whole endpoint open: it has others."""
