"""What the engine's parts ask of each other and of the network under them; plugins see none of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Protocol

from cts.api import Address, DatagramBatch, EndpointStatistics, IConnectedSocket, IDatagramEndpoint, Role

__all__ = ["IConnectionManager", "IListenerHandler", "IListeningSocket", "INetwork", "StartAnswer"]


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


class StartAnswer(Enum):
    """What a connection manager makes of a START."""

    AWAITING = "awaiting"
    REPEATED = "repeated START"
    NO_ROOM = "START beyond the limit of awaiting endpoints"


class IConnectionManager(ABC):
    """A server's tables: accepting slots, awaiting endpoints, connected sockets by (role, remote address). All O(1)."""

    @property
    @abstractmethod
    def expired(self) -> int:
        """Awaiting endpoints that were dropped because they had given up."""

    @abstractmethod
    def connected(self, role: Role, remote: Address) -> IConnectedSocket | None:
        """Return this side's stream with that peer."""

    @abstractmethod
    def request_start(self, remote: Address, listening_socket: IListeningSocket, received_ns: int) -> StartAnswer:
        """Note that a peer without a stream asks for one: it becomes an awaiting endpoint, or stays one."""

    @abstractmethod
    def open_slot(self) -> None:
        """Add an accepting slot."""

    @abstractmethod
    def match(self, now_ns: int) -> tuple[Address, IListeningSocket] | None:
        """Take an awaiting endpoint and an accepting slot out and return the endpoint, oldest first; None if either lacks."""

    @abstractmethod
    def add(self, connected_socket: IConnectedSocket) -> None:
        """Enter a stream under its role and peer."""

    @abstractmethod
    def remove(self, role: Role, remote: Address) -> None:
        """Take that stream out."""
