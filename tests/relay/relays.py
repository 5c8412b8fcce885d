"""Relays in virtual time: before a simulated network that does nothing, or before sockets that a test feeds by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio
from attrs import define, field, frozen

from cts.api import Address, IPacer
from cts.engine.contracts import INetwork
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.impairment.way import Way
from cts.records.truth_writer import Transmission
from cts.relay.relay import Relay, RelayLimits, RelayWitness
from tests.engine.virtual_world import Peer, World, in_world
from tests.net.fake_sockets import FakeNetwork, FakeSocket

T = TypeVar("T")

MS = 1_000_000
SECOND = 1000 * MS
LATENCY = 20 * MS
LATE = Impairment(delay=Constant(LATENCY))
CLEAR = Impairment()
HOP = 1000
AROUND = Impairment(delay=Constant(HOP))
"""The simulated network around a relay: what each of its hops does."""

SERVER = Address("192.0.2.1", 4444)
RELAY = Address("192.0.2.9", 4445)
ALICE, BOB, CAROL = (Address(f"203.0.113.{number}", 1000) for number in (1, 2, 3))


class Notes:
    """Keeps everything that a witness is told, in order."""

    def __init__(self) -> None:
        self.began_ns: int | None = None
        self.told: list[tuple[int, int, Address, Address] | Transmission] = []
        self.departures: list[tuple[int, str, int, int, int | None]] = []

    def begin(self, began_ns: int) -> RelayWitness:
        self.began_ns = began_ns
        return self

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        self.told.append((now_ns, number, address, upstream))

    def transmitted(self, transmission: Transmission) -> None:
        self.told.append(transmission)

    def departed(self, client: int, way: Way, number: int, arrival: int, sent_ns: int | None) -> None:
        self.departures.append((client, way, number, arrival, sent_ns))

    @property
    def clients(self) -> list[tuple[int, int, Address, Address]]:
        return [each for each in self.told if isinstance(each, tuple)]

    @property
    def transmissions(self) -> list[Transmission]:
        return [each for each in self.told if isinstance(each, Transmission)]


def relay_of(
    network: INetwork,
    pacer: IPacer,
    *,
    listen: Sequence[Address] = (RELAY,),
    upstream: Address = SERVER,
    to_client: Impairment = LATE,
    to_server: Impairment = LATE,
    seed: int = 1,
    limits: RelayLimits | None = None,
    call_witness: Callable[[int], RelayWitness] | None = None,
) -> Relay:
    return Relay(
        listen=listen,
        upstream=upstream,
        network=network,
        pacer=pacer,
        to_client=to_client,
        to_server=to_server,
        seed=seed,
        limits=limits or RelayLimits(),
        call_witness=call_witness,
    )


@frozen
class Scene:
    """A relay between simulated clients and a simulated server that a test drives by hand."""

    world: World
    relay: Relay
    server: Peer
    notes: Notes

    async def client(self) -> Peer:
        return await self.world.connect(RELAY)

    async def until(self, at_ns: int) -> None:
        await self.world.until(at_ns)


def before_a_server(
    main: Callable[[Scene], Awaitable[T]],
    *,
    to_client: Impairment = LATE,
    to_server: Impairment = LATE,
    seed: int = 1,
    limits: RelayLimits | None = None,
) -> T:
    """Run ``main`` with a relay; the simulated network around it takes :data:`HOP` a hop and loses nothing."""

    async def scene(world: World) -> T:
        notes = Notes()
        relay = relay_of(
            world.network,
            world.pacer,
            to_client=to_client,
            to_server=to_server,
            seed=seed,
            limits=limits,
            call_witness=notes.begin,
        )
        server = await world.listen(SERVER)
        await world.nursery.start(relay.run)
        return await main(Scene(world, relay, server, notes))

    return in_world(scene, to_client=AROUND, to_server=AROUND)


@define(eq=False)
class Workbench:
    """A relay on sockets that a test feeds by hand."""

    world: World
    network: FakeNetwork
    relay: Relay
    notes: Notes
    scope: trio.CancelScope = field(factory=trio.CancelScope)

    @property
    def listener(self) -> FakeSocket:
        return self.network.listeners[0]

    @property
    def now_ns(self) -> int:
        return self.world.pacer.now_ns()

    async def until(self, at_ns: int) -> None:
        """Wait until this instant and all that happens in it."""
        await self.world.until(at_ns + 1)

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        await self.world.until(self.now_ns + 1)

    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> None:
        with self.scope:
            await self.relay.run(task_status=task_status)


def on_a_workbench(
    main: Callable[[Workbench], Awaitable[T]],
    *,
    to_client: Impairment = LATE,
    to_server: Impairment = LATE,
    seed: int = 1,
    limits: RelayLimits | None = None,
    listen: Sequence[Address] = (RELAY,),
) -> T:
    """Run ``main`` with a relay on fake sockets."""

    async def scene(world: World) -> T:
        network, notes = FakeNetwork(world.pacer), Notes()
        relay = relay_of(
            network,
            world.pacer,
            listen=listen,
            to_client=to_client,
            to_server=to_server,
            seed=seed,
            limits=limits,
            call_witness=notes.begin,
        )
        workbench = Workbench(world, network, relay, notes)
        await world.nursery.start(workbench.run)
        return await main(workbench)

    return in_world(scene)
