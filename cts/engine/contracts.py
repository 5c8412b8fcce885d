"""What the engine's parts ask of each other and of the network under them; plugins see none of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from cts.api import Address, EndpointStatistics, IDatagramEndpoint
from cts.records.observer import Observer
from cts.records.results import RunReport

__all__ = ["IAdmission", "INetwork", "ISession"]


class INetwork(Protocol):
    """Where endpoints come from: the kernel, or a simulation."""

    async def listen(self, local: Address) -> IDatagramEndpoint:
        """Return an endpoint bound to ``local`` (port 0: a free one); OSError if it is in use, not ours, or not permitted."""

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        """Return an endpoint with a free port that takes datagrams from ``remote`` only; OSError if there is no way to it."""

    def statistics(self) -> EndpointStatistics:
        """Return what all its endpoints have read and lost, closed ones included."""


class ISession(ABC):
    """One run, in one process or over several.

    Attributes:
        observer: told of everything; may be set between :meth:`bind` and :meth:`run`.
    """

    observer: Observer

    @abstractmethod
    async def bind(self) -> list[Address]:
        """Bind the addresses to listen on, unless that is done, and return them.

        Raises:
            UserError: one cannot be had; those bound before it are closed again.
        """

    @abstractmethod
    def close(self) -> None:
        """Close what was bound; for a session that is not run."""

    @abstractmethod
    async def run(self) -> RunReport:
        """Run to the end and return what was measured; once only.

        Raises:
            UserError: it cannot run as configured.
        """

    @abstractmethod
    def stop(self) -> None:
        """Open no more streams, and give those that run the grace period to end."""

    @abstractmethod
    def stop_now(self) -> None:
        """Cancel the streams that run."""


class IAdmission(ABC):
    """Who may ask a server for a stream; asked before anything is kept of a peer."""

    @abstractmethod
    def refusal(self, remote: Address, received_ns: int) -> str | None:
        """Return why a peer's START is refused, a short text out of a fixed set; None to let it in. Never blocks."""
