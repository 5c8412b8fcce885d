"""An endpoint in front of another, to derive from: what a class does not do otherwise is handed on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from cts.api.network import DatagramHandler, IDatagramEndpoint, Message, UnreachableHandler
from cts.protocol.stamps import Header
from cts.records.snapshots import Address, EndpointStatistics

__all__ = ["ForwardingEndpoint"]


class ForwardingEndpoint(IDatagramEndpoint):
    """Hands everything on to the endpoint behind it, whose promises and errors are its own.

    Who looks at what is sent overrides ``send``, ``send_train``, ``send_now`` and ``try_send``: each goes to the endpoint
    behind by itself, none by way of another.

    Args:
        endpoint: the one behind.
    """

    def __init__(self, endpoint: IDatagramEndpoint) -> None:
        self._endpoint = endpoint

    @property
    def local(self) -> Address:
        """That of the endpoint behind."""
        return self._endpoint.local

    def at(self, local: Address) -> IDatagramEndpoint:
        """Return this one in front of the endpoint behind at one of its addresses."""
        behind = self._endpoint.at(local)
        if behind is self._endpoint:
            return self
        there = copy(self)
        ForwardingEndpoint.__init__(there, behind)
        return there

    @property
    def segment_limit(self) -> int:
        """That of the endpoint behind."""
        return self._endpoint.segment_limit

    def segment_limit_to(self, remote: Address) -> int:
        """That of the endpoint behind."""
        return self._endpoint.segment_limit_to(remote)

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send one datagram."""
        return await self._endpoint.send(remote, header, payload)

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send one datagram per payload."""
        return await self._endpoint.send_train(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Hand the messages on."""
        return self._endpoint.send_now(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Hand the datagram on."""
        return self._endpoint.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        """Have the endpoint behind read for ``handler``."""
        self._endpoint.receive_into(handler)

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        """Have the endpoint behind tell ``handler``."""
        self._endpoint.unreachable_into(handler)

    def drain(self) -> None:
        """Drain the endpoint behind."""
        self._endpoint.drain()

    def statistics(self) -> EndpointStatistics:
        """Return those of the endpoint behind."""
        return self._endpoint.statistics()

    def close(self) -> None:
        """Close the endpoint behind."""
        self._endpoint.close()
