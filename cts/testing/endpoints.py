"""Endpoints that stand in for a socket: one that records, one whose buffer is full, one that the network refuses."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

import trio
from attrs import define, field, frozen

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    EndpointStatistics,
    Header,
    IDatagramEndpoint,
    Message,
    UnreachableHandler,
    headers_of,
)
from cts.errors import DecodeError
from cts.protocol.wire import NANOSECONDS_PER_TICK, Data, decode_untrusted
from cts.testing.pacers import PATIENCE_S, trio_now_ns

__all__ = ["LOCAL", "PEER", "FailingEndpoint", "RecordingEndpoint", "SentDatagram", "StallingEndpoint", "lend"]

LOCAL = Address("192.0.2.1", 4444)
"""Where the endpoints of this package are bound unless told otherwise (an address for documentation, RFC 5737)."""
PEER = Address("192.0.2.77", 50_000)
"""The peer of this package's streams unless told otherwise."""


@frozen
class SentDatagram:
    """A datagram that an endpoint was given.

    Attributes:
        time_ns: when, in the clock of :class:`~cts.testing.MockPacer`.
        remote: whom for.
        datagram: its bytes, header included.
    """

    time_ns: int
    remote: Address
    datagram: bytes

    def decode(self) -> Data:
        """Return the data datagram that it is.

        Raises:
            DecodeError: it is something else.
        """
        decoded = decode_untrusted(self.datagram)
        if isinstance(decoded, Data):
            return decoded
        raise DecodeError(f"{type(decoded).__name__} is not a data datagram")

    @property
    def sequence(self) -> int:
        """The sequence number in its header."""
        return self.decode().sequence

    @property
    def stamp_ns(self) -> int:
        """The QPC in its header as nanoseconds (a multiple of 100)."""
        return self.decode().qpc * NANOSECONDS_PER_TICK


@define(eq=False, kw_only=True)
class RecordingEndpoint(IDatagramEndpoint):
    """Records what it is given to send, in copies; hands over what a test delivers. Never suspends.

    Args:
        local: the address that it says it is bound to.
        segment_limit: how many datagrams it says one call can carry.

    Attributes:
        sent: every datagram so far, in order.
        calls: how many datagrams each send so far carried.
        handler: who takes what is delivered, once ``receive_into`` was called.
        unreachable_handler: who is told of peers that cannot be reached, once ``unreachable_into`` was called.
        drained: how often ``drain`` was called.
        closed: whether ``close`` was called.
    """

    local: Address = LOCAL
    segment_limit: int = 1
    sent: list[SentDatagram] = field(factory=list, init=False)
    calls: list[int] = field(factory=list, init=False)
    handler: DatagramHandler | None = field(default=None, init=False)
    unreachable_handler: UnreachableHandler | None = field(default=None, init=False)
    drained: int = field(default=0, init=False)
    closed: bool = field(default=False, init=False)
    _received: int = field(default=0, init=False)
    _unreachable: int = field(default=0, init=False)

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Record one datagram and return its size."""
        return await self._take(remote, header, (payload,))

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Record one datagram per payload and return the size of all.

        Raises:
            AssertionError: the payloads are not what a segmented send can carry.
        """
        sizes = [len(payload) for payload in payloads]
        if not sizes:
            raise AssertionError("send_train was given no payloads")
        if any(size != sizes[0] for size in sizes[:-1]) or sizes[-1] > sizes[0]:
            raise AssertionError(
                f"send_train was given payloads of {sizes} bytes; all must have one length, only the last may be"
                " shorter (Frame.trains cuts a frame that way)"
            )
        return await self._take(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Record the messages that can go without waiting; none where one call carries one datagram."""
        gone = 0
        if self.segment_limit > 1:
            for remote, header, train in messages:
                if not self._has_room(len(train)):
                    break
                self._record(remote, header, train)
                gone += 1
        return gone

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Record one datagram if it can go without waiting and is not refused; tell whether it went."""
        gone = self._has_room(1) and not self.closed
        if gone:
            self._record(remote, datagram, (b"",))
        return gone

    def deliver(self, data: bytes, remote: Address = PEER, *, segment_size: int | None = None) -> DatagramBatch:
        """Hand a batch that arrives now to the handler, and take its memory back as soon as that returns.

        Args:
            data: the datagrams one behind the other.
            remote: whom from.
            segment_size: bytes of each; the whole of ``data`` is one datagram if None.

        Returns:
            The batch with a copy of the data that lasts.

        Raises:
            AssertionError: nobody receives here, or the handler kept hold of the batch's memory.
        """
        if self.handler is None:
            raise AssertionError("nobody has called receive_into on this endpoint")
        handler = self.handler
        lasting = lend(data, segment_size or len(data), lambda batch: handler(self.local, remote, batch))
        self._received += len(lasting)
        return lasting

    def receive_into(self, handler: DatagramHandler) -> None:
        """Hand what is delivered to ``handler`` from now on."""
        self.handler = handler

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        """Tell ``handler`` from now on of what :meth:`bring_back` is told."""
        self.unreachable_handler = handler

    def bring_back(self, remote: Address = PEER, times: int = 1) -> None:
        """Say as the network does that ``remote`` does not get what is sent to it.

        Raises:
            AssertionError: nobody is told here.
        """
        if self.unreachable_handler is None:
            raise AssertionError("nobody has called unreachable_into on this endpoint")
        self._unreachable += times
        self.unreachable_handler(remote, times)

    def drain(self) -> None:
        """Count the call; what is delivered is always handed over at once."""
        self.drained += 1

    def statistics(self) -> EndpointStatistics:
        """Return how many datagrams were delivered, and how often :meth:`bring_back` was told of one."""
        return EndpointStatistics(self._received, 0, self._unreachable)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    async def _take(self, remote: Address, header: Header, payloads: Sequence[bytes | memoryview]) -> int:
        if not self._has_room(len(payloads)):
            await self._out_of_room()
        return self._record(remote, header, payloads)

    def _record(self, remote: Address, header: Header, payloads: Sequence[bytes | memoryview]) -> int:
        datagrams = [
            bytes(own) + bytes(payload) for own, payload in zip(headers_of(header, payloads), payloads, strict=True)
        ]
        now_ns = trio_now_ns()
        self.sent += [SentDatagram(now_ns, remote, datagram) for datagram in datagrams]
        self.calls.append(len(datagrams))
        return sum(map(len, datagrams))

    def _has_room(self, datagrams: int) -> bool:
        """Tell whether ``datagrams`` more go through at once."""
        return True

    async def _out_of_room(self) -> None:
        """Do what happens to a send that finds no room; where a subclass suspends or refuses."""


@define(eq=False, kw_only=True)
class StallingEndpoint(RecordingEndpoint):
    """An endpoint whose send buffer is full from one datagram on, once, for an hour of the mock clock.

    After that, also if that wait was cancelled, it takes everything at once and without a checkpoint, so that a sender
    that ignores its cancellation comes to an end.

    Args:
        after: datagrams that it takes before.
        on_stall: called when the wait begins.
        segment_limit: how many datagrams it says one call can carry.

    Attributes:
        stalled: whether the wait has begun.
    """

    _after: int
    _on_stall: Callable[[], None]
    stalled: bool = field(default=False, init=False)

    def _has_room(self, datagrams: int) -> bool:
        return self.stalled or len(self.sent) + datagrams <= self._after

    async def _out_of_room(self) -> None:
        self.stalled = True
        self._on_stall()
        await trio.sleep(PATIENCE_S)


@define(eq=False, kw_only=True)
class FailingEndpoint(RecordingEndpoint):
    """An endpoint whose network refuses one datagram and all after it.

    Args:
        after: datagrams that it takes before.
        segment_limit: how many datagrams it says one call can carry.

    Attributes:
        error: what it raises.
        refused: whether it has raised.
    """

    _after: int
    error: OSError = field(factory=lambda: OSError(errno.ENETUNREACH, "Network is unreachable"), init=False)
    refused: bool = field(default=False, init=False)

    def _has_room(self, datagrams: int) -> bool:
        return len(self.sent) + datagrams <= self._after

    async def _out_of_room(self) -> None:
        self.refused = True
        raise self.error


def lend(data: bytes, segment_size: int, take: Callable[[DatagramBatch], None]) -> DatagramBatch:
    """Hand ``take`` a batch whose memory is taken back and overwritten as soon as it returns, as a socket's reader does.

    Returns:
        The batch with a copy of the data that lasts.

    Raises:
        AssertionError: ``take`` kept a view of the memory.
    """
    lasting = DatagramBatch(data, segment_size, trio_now_ns())
    buffer = bytearray(data)
    take(DatagramBatch(memoryview(buffer), segment_size, lasting.received_ns))
    buffer[:] = b"\xee" * len(buffer)
    try:
        buffer.append(0)  # refused while anybody has a view of it
    except BufferError:
        raise AssertionError(
            "a view of a batch's data was kept after the call that handed it over: keep a copy"
        ) from None
    return lasting
