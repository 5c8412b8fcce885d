"""An endpoint in front of another."""

from __future__ import annotations

from collections.abc import Sequence

from cts.api import Address, DatagramHandler, EndpointStatistics, IDatagramEndpoint, Message, UnreachableHandler

__all__ = ["ThroughEndpoint"]


class ThroughEndpoint(IDatagramEndpoint):
    """Hands everything on; a subclass goes wrong at one thing."""

    def __init__(self, endpoint: IDatagramEndpoint) -> None:
        self.endpoint = endpoint

    @property
    def local(self) -> Address:
        return self.endpoint.local

    @property
    def segment_limit(self) -> int:
        return self.endpoint.segment_limit

    def segment_limit_to(self, remote: Address) -> int:
        return self.endpoint.segment_limit_to(remote)

    def at(self, local: Address) -> IDatagramEndpoint:
        return type(self)(self.endpoint.at(local))

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        return await self.endpoint.send(remote, header, payload)

    async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
        return await self.endpoint.send_train(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        return self.endpoint.send_now(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        return self.endpoint.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        self.endpoint.receive_into(handler)

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        self.endpoint.unreachable_into(handler)

    def drain(self) -> None:
        self.endpoint.drain()

    def statistics(self) -> EndpointStatistics:
        return self.endpoint.statistics()

    def close(self) -> None:
        self.endpoint.close()
