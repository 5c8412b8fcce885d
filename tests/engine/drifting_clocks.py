"""A host whose clock is another one than the world's: what its session sees of a simulated network."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

from attrs import evolve, frozen

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    EndpointStatistics,
    IDatagramEndpoint,
    IPacer,
    Message,
    Turn,
    UnreachableHandler,
)
from cts.clock.virtual_time import VirtualTime
from cts.net.simulated import SimulatedNetwork
from cts.protocol.stamps import Header
from tests.engine.virtual_world import World

__all__ = ["OtherPacer", "with_clock"]


@frozen(eq=False)
class OtherPacer(IPacer):
    """Shows ``offset_ns`` more than the world's when that begins, and gains ``drift`` on it."""

    world: IPacer
    offset_ns: int
    drift: Fraction

    def shows(self, world_ns: int) -> int:
        return self.offset_ns + world_ns + int(world_ns * self.drift // 1)

    def now_ns(self) -> int:
        return self.shows(self.world.now_ns())

    async def wait_until(self, due_ns: int) -> None:
        await self.world.wait_until(self._in_world(due_ns))

    async def wait_past(self, due_ns: int, turn: Turn = Turn.STREAM) -> None:
        await self.world.wait_past(self._in_world(due_ns), turn)

    def _in_world(self, due_ns: int) -> int:
        at_ns = -int(-(due_ns - self.offset_ns) / (1 + self.drift) // 1)
        while self.shows(at_ns) < due_ns:
            at_ns += 1
        return at_ns


@frozen(eq=False)
class _Endpoint(IDatagramEndpoint):
    inner: IDatagramEndpoint
    pacer: OtherPacer

    @property
    def local(self) -> Address:
        return self.inner.local

    @property
    def segment_limit(self) -> int:
        return self.inner.segment_limit

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        return await self.inner.send(remote, header, payload)

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        return await self.inner.send_train(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        return self.inner.send_now(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        return self.inner.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        def handed(local: Address, remote: Address, batch: DatagramBatch) -> None:
            handler(local, remote, evolve(batch, received_ns=self.pacer.shows(batch.received_ns)))

        self.inner.receive_into(handed)

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        self.inner.unreachable_into(handler)

    def drain(self) -> None:
        self.inner.drain()

    def statistics(self) -> EndpointStatistics:
        return self.inner.statistics()

    def close(self) -> None:
        self.inner.close()


@frozen(eq=False)
class _Network:
    inner: SimulatedNetwork
    pacer: OtherPacer

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return _Endpoint(await self.inner.listen(local), self.pacer)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        return _Endpoint(await self.inner.connect(remote), self.pacer)

    def statistics(self) -> EndpointStatistics:
        return self.inner.statistics()


def with_clock(world: World, offset_ns: int, drift: Fraction) -> World:
    """Return the same world as a host sees it whose clock is another one."""
    pacer = OtherPacer(world.pacer, offset_ns, drift)
    network = _Network(world.network, pacer)
    return evolve(world, pacer=cast(VirtualTime, pacer), network=cast(SimulatedNetwork, network))
