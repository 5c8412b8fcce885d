"""Real UDP with Linux's offloads: many datagrams per system call in both directions (UDP_SEGMENT, UDP_GRO)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from cts.api import Address, DatagramBatch, Message
from cts.net import coalescing, segmentation
from cts.net.addresses import PACKET_INFO_SIZE, Source, pack_sockaddr, unpack_sockaddr
from cts.net.coalescing import CoalescedReceiver, ReceiveMemory
from cts.net.error_queue import ICMP_ERRORS
from cts.net.segmentation import SegmentedSender
from cts.net.udp import UdpEndpoint
from cts.protocol.stamps import Header
from cts.protocol.trains import DATAGRAMS_PER_TRAIN, TRAIN_MAX_BYTES, train_size
from cts.protocol.wire import HEADER_SIZE
from cts.units import SECOND

__all__ = ["Offload", "OffloadedEndpoint", "detect_offload"]

_REFUSES_SEGMENTS = frozenset({errno.EINVAL, errno.EMSGSIZE, errno.EIO, errno.EOPNOTSUPP})
"""What a path says that cannot take segments of this size: its MTU is smaller, or something on it must see whole packets."""

_REFUSED_FOR_NS = 10 * SECOND
"""How long a path that refused is sent to plainly before a train is tried there again, which costs one call: routes change."""

_PEERS_KEPT = 8192


@frozen
class Offload:
    """What the kernel does for whole batches.

    Attributes:
        sends: it cuts one send into many datagrams (UDP_SEGMENT).
        receives: it hands over many datagrams with one read (UDP_GRO).
    """

    sends: bool = False
    receives: bool = False

    def __str__(self) -> str:
        """Return its name, or their names, as the banner has it."""
        names = [name for has, name in ((self.sends, "UDP_SEGMENT"), (self.receives, "UDP_GRO")) if has]
        return " and ".join(names) if names else "none: one datagram per call"


def detect_offload() -> Offload:
    """Return what this kernel can do, tried on loopback sockets; takes about a millisecond."""
    return Offload(segmentation.supported(), coalescing.supported())


@define
class _CoalescedBatch(DatagramBatch):
    """A batch that lies in the receiver's buffer, where its stamps are looked at in place."""

    memory: ReceiveMemory

    def stamp_step(self) -> int | None:
        """Return by how much the stamps grow, if they are all that the datagrams differ in."""
        return self.memory.stamp_step(len(self.data), self.segment_size)


class _Sockaddrs(dict[Address, bytes]):
    """Addresses as the kernel wants them, made when they are first asked for."""

    def __missing__(self, remote: Address) -> bytes:
        if len(self) >= _PEERS_KEPT:
            self.clear()
        sockaddr = self[remote] = pack_sockaddr(remote)
        return sockaddr


@define(eq=False)
class OffloadedEndpoint(UdpEndpoint):
    """A UDP socket that sends trains of datagrams and reads coalesced batches.

    Args:
        sock, peer, clock, reader, memory, on_close: as for :class:`UdpEndpoint`.
        offload: whether to send trains, and whether to read batches.
        on_refusal: told each time that the path to a peer turns out to take no segments, with the reason.
    """

    _offload: Offload
    _on_refusal: Callable[[Address, str], None]
    _receiver: CoalescedReceiver | None = field(default=None, init=False)
    _sender: SegmentedSender = field(init=False)
    segment_limit: int = field(init=False)
    _checked: Sequence[memoryview] = field(default=(), init=False)
    # Until when remotes that refused are sent to plainly.
    _refused_until_ns: dict[Address, int] = field(factory=dict, init=False)
    _closed: bool = field(default=False, init=False)
    _batch: _CoalescedBatch = field(init=False)
    _addresses: dict[bytes, Address] = field(factory=dict, init=False)
    _sockaddrs: _Sockaddrs = field(factory=_Sockaddrs, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self._offload.receives:
            self._receiver = CoalescedReceiver(self._sock.fileno(), self._memory)
            if self._told_destinations:
                self._receiver.ask_for_destinations(PACKET_INFO_SIZE[self._sock.family])
        self._sender = SegmentedSender(self._sock.fileno())
        self.segment_limit = DATAGRAMS_PER_TRAIN if self._offload.sends else 1
        # Every batch is this one: a handler has it for the call only.
        self._batch = _CoalescedBatch(b"", 1, 0, self._memory)

    def segment_limit_to(self, remote: Address) -> int:
        """Return how much one call to that remote can carry now."""
        if self._refused_until_ns and (until_ns := self._refused_until_ns.get(remote)) is not None:
            if self._clock.now_ns() < until_ns:
                return 1
            del self._refused_until_ns[remote]
        return self.segment_limit

    async def send_train(
        self,
        remote: Address,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None = None,
    ) -> int:
        """Send the datagrams in one call; wait while the send buffer is full, go on plainly where the path refuses segments."""
        if self._refused_until_ns and self.segment_limit_to(remote) == 1:
            return await super().send_train(remote, header, payloads, source)
        if payloads is not self._checked or self.segment_limit == 1 or len(header) != HEADER_SIZE * len(payloads):
            if not self._fits(header, payloads):
                return await self._send_otherwise(remote, header, payloads, source)
            self._checked = payloads
        sockaddr = None if self._peer is not None else self._sockaddrs[remote]
        try:
            return self._send_train(sockaddr, header, payloads, source)
        except OSError as error:
            first = error
        if self._icmp.dropped_on_the_way_out(first):
            return train_size(payloads)
        try:
            # What ICMP said of an earlier datagram, maybe to another peer, is no refusal of this one.
            if first.errno not in _REFUSES_SEGMENTS or (first.errno in ICMP_ERRORS and self.read_errors()):
                met = [first] if first.errno in ICMP_ERRORS else None
                return await self._until_sent(
                    lambda: self._send_train(sockaddr, header, payloads, source), header, payloads, met
                )
        except OSError as error:
            if error.errno not in _REFUSES_SEGMENTS:
                raise
            first = error
        # Where this is refused just the same it was not the segments.
        sent = await super().send_train(remote, header, payloads, source)
        if len(self._refused_until_ns) >= _PEERS_KEPT:
            self._refused_until_ns.clear()
        self._refused_until_ns[remote] = self._clock.now_ns() + _REFUSED_FOR_NS
        self._on_refusal(remote, first.strerror or str(first))
        return sent

    def send_now(self, messages: Sequence[Message], source: Source | None = None) -> int:
        """Hand over messages in one call, in more where an earlier one's error comes between; none that is to be seen to."""
        if self._closed or self.segment_limit == 1:
            return 0
        gone = 0
        met: list[OSError] = []
        while gone < len(messages):
            try:
                gone += self._send_many(messages[gone:] if gone else messages, source)
            except OSError as error:
                if self._icmp.dropped_on_the_way_out(error):
                    gone += 1
                elif not self._icmp.was_earlier(error, met, most=1):
                    break
            except ValueError:
                break
            else:
                if met:
                    self._icmp.count(met)
                    met = []
        return gone

    def _send_many(self, messages: Sequence[Message], source: Source | None) -> int:
        return self._sender.send_many(messages, self._sockaddrs if self._peer is None else None, source)

    def _send_train(
        self,
        sockaddr: bytes | None,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None,
    ) -> int:
        if self._closed:
            # The number of its descriptor may be another socket's by now.
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._sender.send(sockaddr, header, payloads, source)

    def _fits(self, header: Header, payloads: Sequence[memoryview]) -> bool:
        """Tell whether one segmented call can carry the train."""
        most = min(self.segment_limit, TRAIN_MAX_BYTES // (HEADER_SIZE + len(payloads[0]))) if payloads else 0
        return 1 < len(payloads) <= most and len(header) in (HEADER_SIZE, HEADER_SIZE * len(payloads))

    async def _send_otherwise(
        self,
        remote: Address,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None,
    ) -> int:
        """Send a train that is too long for one call in several, and one that cannot be segmented plainly."""
        longest = TRAIN_MAX_BYTES // (HEADER_SIZE + len(payloads[0])) if payloads else 0
        most = min(self.segment_limit, longest)
        alike, each = len(header) == HEADER_SIZE, len(header) == HEADER_SIZE * len(payloads)
        if most <= 1 or len(payloads) <= most or not (alike or each):
            return await super().send_train(remote, header, payloads, source)
        sent = 0
        for at in range(0, len(payloads), most):
            own = header if alike else header[HEADER_SIZE * at : HEADER_SIZE * (at + most)]
            sent += await self.send_train(remote, own, payloads[at : at + most], source)
        return sent

    def close(self) -> None:
        """Close the socket."""
        self._closed = True
        super().close()

    def _read_one(self) -> int | None:
        receiver = self._receiver
        if receiver is None:
            return super()._read_one()
        if self._handler is None:
            return None
        tries = 0
        while True:
            try:
                received = receiver.receive()
                break
            except OSError as error:
                tries += 1
                if not self._read_again(error, tries):
                    return None
        if received is None:
            return None
        sockaddr, length, segment_size, stamp_ns, self._overflowed = received
        received_ns = self._clock.of(stamp_ns) if stamp_ns else self._clock.now_ns()
        batch = self._batch
        batch.data = self._view[:length]
        batch.segment_size = segment_size or 1
        batch.received_ns = received_ns
        self._datagrams += -(-length // segment_size) if length else 1
        local = self._at(receiver.destination) if receiver.destination else self.local
        self._handler(local, self._peer or self._address_of(sockaddr or b""), batch)
        return received_ns

    def _address_of(self, sockaddr: bytes) -> Address:
        address = self._addresses.get(sockaddr)
        if address is None:
            if len(self._addresses) >= _PEERS_KEPT:
                self._addresses.clear()
            address = self._addresses[sockaddr] = unpack_sockaddr(sockaddr)
        return address
