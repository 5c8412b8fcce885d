"""What a stream runs on: a clock, and an endpoint that datagrams go to and come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

from cts.protocol.stamps import Header, headers_of
from cts.protocol.task import DatagramBatch
from cts.records.snapshots import Address, EndpointStatistics

__all__ = ["DatagramHandler", "IDatagramEndpoint", "IPacer", "Message", "Turn", "UnreachableHandler"]

DatagramHandler = Callable[[Address, Address, DatagramBatch], None]
"""Called with (local, remote, batch) for what was read; must not block. The batch's data is valid during the call only."""

UnreachableHandler = Callable[[Address, int], None]
"""Called with (remote, times): so often the network has said since that the remote cannot be reached; must not block."""

Message = tuple[Address, Header, Sequence[memoryview]]
"""A remote, a header for each payload (a block, see :meth:`Frame.stamp`), and a train of payloads (:meth:`Frame.trains`)."""


class Turn(IntEnum):
    """Who goes first of those who wait past one and the same instant of virtual time."""

    STREAM = 0
    """What a stream still has to say or to end then."""
    STATUS = 1
    """How the run stands, which no end of a stream then may contradict."""
    STOP = 2
    """The end of the run, which cuts off nothing that ends then by itself."""


class IPacer(ABC):
    """The run's clock, and who wakes a sender."""

    @abstractmethod
    def now_ns(self) -> int:
        """Return the time in nanoseconds; only differences mean anything."""

    @abstractmethod
    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``; never returns early. Always a checkpoint, also for a time that has passed."""

    async def wait_past(self, due_ns: int, turn: Turn = Turn.STREAM) -> None:
        """Suspend until ``due_ns`` has come and, where time is virtual, everything else that happens then has happened.

        Of those who wait so for one instant, who has an earlier ``turn`` is done before one with a later turn wakes.
        """
        await self.wait_until(due_ns)

    async def run_in_gaps(self, steps: Iterator[None]) -> None:
        """Take the steps of something that can wait, at moments when no stream has anything to do, if there are any.

        Waits before the first step, too. Where time is virtual, each comes when everything else of its instant has happened.
        """
        while True:
            await self.wait_past(self.now_ns(), Turn.STATUS)
            try:
                next(steps)
            except StopIteration:
                return


class IDatagramEndpoint(ABC):
    """A bound UDP socket, or what stands in for one: where datagrams go and come from. It knows no protocol."""

    @property
    @abstractmethod
    def local(self) -> Address:
        """The address it is bound to."""

    def at(self, local: Address) -> IDatagramEndpoint:
        """Return this endpoint as it is at one of its addresses: what it sends leaves from there.

        An endpoint that is bound to every address has its handler told which one each batch was sent to, and an answer has to
        leave from that one. Any other endpoint is itself.
        """
        return self

    @property
    def segment_limit(self) -> int:
        """How many datagrams one :meth:`send_train` can carry in a single call to the kernel; 1 without an offload."""
        return 1

    def segment_limit_to(self, remote: Address) -> int:
        """How many datagrams one :meth:`send_train` to ``remote`` can carry now: 1 where the path there refuses more."""
        return self.segment_limit

    @abstractmethod
    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send one datagram, ``header`` followed by ``payload``.

        Suspends only while the socket's send buffer is full. Both buffers may be reused as soon as it returns.

        Returns:
            Bytes handed to the network.

        Raises:
            OSError: the network refused it for good.
        """

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send one datagram per payload in as few calls as this endpoint can.

        All payloads have one length, only the last may be shorter. Suspends, returns and raises as :meth:`send` does.

        Args:
            remote: whom to.
            header: a block with a header of HEADER_SIZE bytes for each payload, one behind the other, as :meth:`Frame.stamp`
                gives for so many datagrams; anything of another length stands before every payload. :func:`headers_of` says
                what that is for each.
            payloads: what follows in each datagram.
        """
        sent = 0
        for own, payload in zip(headers_of(header, payloads), payloads, strict=True):
            sent += await self.send(remote, own, payload)
        return sent

    def send_now(self, messages: Sequence[Message]) -> int:
        """Hand over messages in one call and without waiting; return how many went, from the first on.

        Stops before the first message that would have to wait, that the network refuses, or that this endpoint does not send
        this way: give that one to :meth:`send_train`, which waits, raises, or sends it otherwise. Never suspends. Offer only
        messages that may leave at the same moment.
        """
        return 0

    @abstractmethod
    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Send one datagram of some tens of bytes now, or not at all; return whether it was handed to the network.

        Returns False if it would have to wait, or the network refuses it, or the endpoint is closed. Never suspends or raises,
        and keeps nothing about ``remote``: made for answers to strangers, of whom there may be any number.
        """

    @abstractmethod
    def receive_into(self, handler: DatagramHandler) -> None:
        """From now on hand every batch that is read to ``handler``."""

    def unreachable_into(self, handler: UnreachableHandler) -> None:  # noqa: B027
        """From now on tell ``handler`` whenever the network says (by ICMP) that a remote does not get what is sent to it.

        An endpoint that cannot know tells nothing. Whoever stands in front of another hands this on.
        """

    @abstractmethod
    def drain(self) -> None:
        """Read what has arrived up to now and hand it over before returning; never suspends."""

    @abstractmethod
    def statistics(self) -> EndpointStatistics:
        """Return what it has read and lost so far."""

    @abstractmethod
    def close(self) -> None:
        """Close it; nothing is handed over after that. Closing twice is harmless."""
