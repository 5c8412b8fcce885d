"""What the engine's parts ask of each other and of the network under them; plugins see none of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Protocol

import trio

from cts.api import Address, DatagramBatch, EndpointStatistics, IDatagramEndpoint, Role
from cts.engine.open_streams import OpenStream
from cts.protocol.control.limits import Caps
from cts.records.observer import Observer
from cts.records.results import RunReport

__all__ = [
    "IAdmission",
    "IConnectionManager",
    "IListenerHandler",
    "IListeningSocket",
    "INetwork",
    "ISession",
    "StartAnswer",
]


class INetwork(Protocol):
    """Where endpoints come from: the kernel, or a simulation."""

    async def listen(self, local: Address) -> IDatagramEndpoint:
        """Return an endpoint bound to ``local`` (port 0: a free one); OSError if it is in use, not ours, or not permitted."""

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        """Return an endpoint with a free port that takes datagrams from ``remote`` only; OSError if there is no way to it."""

    def statistics(self) -> EndpointStatistics:
        """Return what all its endpoints have read and lost, closed ones included."""


class IListeningSocket(ABC):
    """A listening socket as its handler sees it."""

    @property
    @abstractmethod
    def endpoint(self) -> IDatagramEndpoint:
        """Where answers to its peers are sent from."""


class IListenerHandler(ABC):
    """Who makes sense of what a listening socket reads."""

    @abstractmethod
    def on_packet_received(
        self, listening_socket: IListeningSocket, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        """Take a batch from one peer. Synchronous; never blocks and never raises on anybody's bytes."""

    @abstractmethod
    def on_unreachable(self, remote: Address, times: int) -> None:
        """Take note that the network said so many times that ``remote`` does not get what is sent to it. Synchronous."""


class ISession(ABC):
    """One run, in one process or over several.

    Attributes:
        observer: told of everything; may be set between :meth:`bind` and :meth:`run`.
    """

    observer: Observer

    @abstractmethod
    async def bind(self) -> list[Address]:
        """Bind the addresses to listen on, and return them; :meth:`run` does it, too, and binds none a second time.

        Over several processes they are only tried, both times: the workers bind them.

        Raises:
            UserError: one cannot be had; those bound before it are closed again.
        """

    @abstractmethod
    def close(self) -> None:
        """Close what was bound; for a session that is not run."""

    @abstractmethod
    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> RunReport:
        """Run to the end and return what was measured; once only. Calls ``started()`` once peers may ask.

        Raises:
            UserError: it cannot run as configured.
        """

    @abstractmethod
    def stop(self) -> None:
        """Open no more streams, and give those that run the grace period to end."""

    @abstractmethod
    def stop_now(self) -> None:
        """Cancel the streams that run."""

    @abstractmethod
    def abandon(self) -> RunReport:
        """Give up on a run that does not end: close its logs and return what is known; streams that run count as cancelled.

        The last call, with the process left right after it. May come from another thread where the event loop is stuck.
        """


class IAdmission(ABC):
    """Who may ask a server for a stream, how often, and how much of it anybody may have. All O(1), and bounded.

    A reason is a short text out of a fixed set, fit to be counted by and to be told to the peer. Whoever asks comes by
    :meth:`refusal`, then by :meth:`take`; what is taken is given back by :meth:`give_back`, once.
    """

    @abstractmethod
    def refusal(self, remote: Address, received_ns: int, *, proven: bool = False) -> str | None:
        """Return why a peer may not ask; None if it may. Nothing is kept of it but what limits how often it asks.

        Args:
            remote: the peer.
            received_ns: when its question came.
            proven: whether it has shown that it receives at that address, which START does not show.
        """

    @abstractmethod
    def take(self, remote: Address, bits_per_second: int, *, instead: bool = False) -> str | None:
        """Take a place for a stream of a peer; return why there is none, None if it is taken.

        Args:
            remote: the peer.
            bits_per_second: the stream's rate.
            instead: whether another stream of the peer gives way to this one, whose place it has for a moment.
        """

    @abstractmethod
    def give_back(self, remote: Address, bits_per_second: int) -> None:
        """Give a place back that was taken: the stream has ended, or will never be."""

    @abstractmethod
    def toward(self, remote: Address, endpoint: IDatagramEndpoint) -> IDatagramEndpoint:
        """Return an endpoint as what a server that receives sends its answers from, to a peer that has shown nothing.

        It sends no more than the anti-amplification limit allows for what :meth:`came` from there.
        """

    @abstractmethod
    def came(self, remote: Address, size: int, datagrams: int) -> None:
        """Take note of datagrams of a peer that is answered, ``size`` bytes in all."""

    @abstractmethod
    def may_answer(self, remote: Address, size: int) -> bool:
        """Tell whether that limit allows for a datagram of so many bytes now; if it does, it counts as sent."""

    @abstractmethod
    def caps_of(self, remote: Address) -> Caps:
        """Return what one stream of a peer may be at most."""

    @abstractmethod
    def limit(self, name: str) -> str:
        """Return what a limit of that name allows, in words."""

    @property
    @abstractmethod
    def held_back(self) -> int:
        """Datagrams that the limit did not allow for."""


class StartAnswer(Enum):
    """What a connection manager makes of a START."""

    AWAITING = "awaiting"
    REPEATED = "repeated START"
    NO_ROOM = "START beyond the limit of awaiting endpoints"


class IConnectionManager(ABC):
    """A server's tables: accepting slots, awaiting endpoints, streams by (role, remote address). All O(1)."""

    @property
    @abstractmethod
    def awaiting(self) -> int:
        """Peers that asked for a stream and have none."""

    @property
    @abstractmethod
    def expired(self) -> int:
        """Awaiting endpoints that were dropped because they had given up."""

    @abstractmethod
    def awaits(self, remote: Address) -> bool:
        """Tell whether a peer has asked for a stream and has none."""

    @abstractmethod
    def withdraw(self, remote: Address) -> IDatagramEndpoint | None:
        """Forget that a peer waits; return where it is answered from, None if it did not."""

    @abstractmethod
    def forget_expired(self, now_ns: int) -> None:
        """Drop those who have not asked for longer than they wait, whose places others may have."""

    @abstractmethod
    def connected(self, role: Role, remote: Address) -> OpenStream | None:
        """Return this side's stream with that peer."""

    @abstractmethod
    def request_start(
        self, remote: Address, endpoint: IDatagramEndpoint, received_ns: int, *, patience_ns: int | None = None
    ) -> StartAnswer:
        """Note that a peer asks for a stream, to be answered from ``endpoint``; it waits, or goes on waiting.

        Args:
            remote, endpoint: the peer, and where to answer it.
            received_ns: when it asked.
            patience_ns: how long after that it waits; None for as long as a START does.
        """

    @abstractmethod
    def open_slot(self) -> None:
        """Add an accepting slot."""

    @abstractmethod
    def match(self, now_ns: int) -> tuple[Address, IDatagramEndpoint] | None:
        """Take the peer that has waited longest and an accepting slot out, and return the peer; None if either lacks."""

    @abstractmethod
    def add(self, stream: OpenStream) -> None:
        """Enter a stream under its role and peer."""

    @abstractmethod
    def remove(self, stream: OpenStream) -> None:
        """Take that stream out, unless a newer one of its peer has its place."""
