"""What the engine's tests run on: virtual time, the simulated network, sessions and hand-driven peers in it.

The stream is small and its numbers are round: 20 frames of 400 + 400 + 200 bytes, one every 100 ms, 1 s of buffer. A
receiver of base ``b`` renders first at ``b`` + 1 s and ends at ``b`` + 2.9 s. Every link takes 20 ms unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import attrs
import trio
from attrs import define, field, frozen

from cts.api import Address, DatagramBatch, IConnectedSocketFactory, IDatagramEndpoint, INetwork, ISender, StreamPlan
from cts.config import Config, structure_config
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.engine.virtual_time import VirtualTime
from cts.net.delay import Constant
from cts.net.impairment import Impairment
from cts.net.loss import Ranges
from cts.net.simulated import SimulatedNetwork, Transmission
from cts.observer import Observer, RunSnapshot, StreamInfo
from cts.output.ordering import OrderedObserver
from cts.output.summary import RunReport
from cts.protocol.payload import PATTERN
from cts.protocol.result import StreamResult
from cts.protocol.wire import START, ConnectionId, Data, Datagram, decode_untrusted
from cts.session import Session, plan_of
from cts.simulation import simulate, simulated_connection_id

MS = 1_000_000
SECOND = 1000 * MS
LATENCY = 20 * MS
FOREVER = 3600 * SECOND
SERVER = Address("192.0.2.1", 4444)
CLIENT = Address("10.0.0.1", 49152)
"""The first client of a simulated network."""
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"

PATH = Impairment(delay=Constant(LATENCY))
NOTHING_LOST: tuple[tuple[int, int], ...] = ()

T = TypeVar("T")


def config_of(direction: str = "pull", **tables: Mapping[str, object]) -> Config:
    """Return the small stream's configuration with these tables laid over it."""
    raw: dict[str, dict[str, object]] = {
        "stream": {
            "direction": direction,
            "bits_per_second": 80_000,
            "frame_rate": 10,
            "stream_length": "2s",
            "buffer_depth": "1s",
            "datagram_max_size": 400,
        },
        "server": {"listen": [str(SERVER)]},
        "client": {"target": [str(SERVER)]},
        "output": {"console": "quiet"},
    }
    for table, keys in tables.items():
        raw.setdefault(table, {}).update(keys)
    return structure_config(raw)


PLAN = plan_of(config_of())
FIRST_RENDER = PLAN.render_offset_ns(1)
LAST_SEND = PLAN.send_offset_ns(PLAN.final_frame)
END = PLAN.end_offset_ns
RETRY = PLAN.interval_ns + 500 * MS + 1
"""When a client's second START leaves, after its base."""


def losing(*ranges: tuple[int, int], path: Impairment = PATH) -> Impairment:
    """Return a link that loses the datagrams of these ranges, counted from 1 in its direction."""
    return attrs.evolve(path, loss=Ranges(ranges))


def datagrams_of(sequence: int, plan: StreamPlan = PLAN) -> list[bytes]:
    """Return the datagrams of a frame as a peer would send them."""
    return [Data(sequence, 0, 10_000_000, PATTERN[: size - 26]).encode() for size in plan.datagram_sizes]


@frozen
class Received:
    """A datagram that a hand-driven peer got."""

    at_ns: int
    remote: Address
    data: bytes

    def decode(self) -> Datagram:
        return decode_untrusted(self.data)


class Recorder(Observer):
    """Keeps everything that an observer is told."""

    def __init__(self) -> None:
        self.opened: list[StreamInfo] = []
        self.ended: list[StreamResult] = []
        self.statuses: list[RunSnapshot] = []

    def stream_opened(self, stream: StreamInfo) -> None:
        self.opened.append(stream)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.ended.append(result)

    def status(self, snapshot: RunSnapshot) -> None:
        self.statuses.append(snapshot)


class Peer:
    """An endpoint that a test drives by hand: sends raw bytes when it is told to, keeps what arrives."""

    def __init__(self, world: World, endpoint: IDatagramEndpoint) -> None:
        self._world = world
        self.endpoint = endpoint
        self.received: list[Received] = []
        endpoint.receive_into(self._take)

    @property
    def address(self) -> Address:
        return self.endpoint.local

    async def send(self, remote: Address, *datagrams: bytes, at_ns: int | None = None) -> None:
        """Send datagrams at an instant, now if None."""
        if at_ns is not None:
            await self._world.pacer.wait_until(at_ns)
        for datagram in datagrams:
            await self.endpoint.send(remote, datagram)

    async def start(self, *, at_ns: int | None = None) -> None:
        """Send START to the server."""
        await self.send(SERVER, START, at_ns=at_ns)

    async def stream(self, remote: Address, base_ns: int, sequences: Sequence[int]) -> None:
        """Send frames at their instants after ``base_ns``."""
        for sequence in sequences:
            await self.send(remote, *datagrams_of(sequence), at_ns=base_ns + PLAN.send_offset_ns(sequence))

    def decoded(self) -> list[Datagram]:
        """Return what arrived, decoded."""
        self.endpoint.drain()
        return [each.decode() for each in self.received]

    def names(self) -> list[int]:
        """Return the arrival instants of connection ids."""
        self.endpoint.drain()
        return [each.at_ns for each in self.received if isinstance(each.decode(), ConnectionId)]

    def starts(self) -> list[int]:
        """Return the arrival instants of STARTs."""
        return [each.at_ns for each in self.received if each.data == START]

    def _take(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        self.received += [Received(batch.received_ns, remote, bytes(each)) for each in batch.datagrams()]


@define(eq=False)
class World:
    """One run in virtual time: a network, and what a test puts in it."""

    pacer: VirtualTime
    network: SimulatedNetwork
    transmissions: list[Transmission]
    nursery: trio.Nursery
    recorder: Recorder = field(factory=Recorder)

    async def until(self, at_ns: int) -> None:
        await self.pacer.wait_until(at_ns)

    async def connect(self, remote: Address = SERVER) -> Peer:
        return Peer(self, await self.network.connect(remote))

    async def listen(self, local: Address = SERVER) -> Peer:
        return Peer(self, await self.network.listen(local))

    def session(
        self,
        config: Config,
        *,
        network: INetwork | None = None,
        listen: Sequence[Address] = (SERVER,),
        targets: Sequence[Address] = (SERVER,),
        make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
        factory: IConnectedSocketFactory | None = None,
        observer: Observer | None = None,
    ) -> Session:
        """Return a session in this world; its role comes from its configuration."""
        return Session(
            config,
            plan=plan_of(config),
            network=network or self.network,
            pacer=self.pacer,
            listen=listen,
            targets=targets,
            make_sender=make_sender,
            factory=factory or DefaultConnectedSocketFactory(None),
            new_connection_id=lambda remote: simulated_connection_id(1, remote),
            observer=OrderedObserver([observer or self.recorder], self.pacer.now_ns),
        )

    async def serve(self, session: Session) -> Running:
        """Start a session in the background; returns once it has bound and peers may ask."""
        running = Running(session)
        await self.nursery.start(running.run)
        return running

    def sent_to(self, client: int) -> list[Transmission]:
        """Return what was offered to a client's link."""
        return [each for each in self.transmissions if each.client == client and each.direction == "to_client"]


class Running:
    """A session in the background."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._report: RunReport | None = None
        self._over = trio.Event()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        self._report = await self.session.run(task_status=task_status)
        self._over.set()

    async def report(self) -> RunReport:
        """Wait for the session to end."""
        await self._over.wait()
        assert self._report is not None
        return self._report

    async def stop(self) -> RunReport:
        """Stop it and wait for its streams to end."""
        self.session.stop()
        return await self.report()


def in_world(
    main: Callable[[World], Awaitable[T]],
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    seed: int = 1,
) -> T:
    """Run ``main`` in a world of its own and return what it returns. Its own exception comes out as it is."""
    pacer = VirtualTime()

    async def everything() -> T:
        transmissions: list[Transmission] = []
        network = SimulatedNetwork(
            pacer, to_client=to_client, to_server=to_server, seed=seed, on_transmission=transmissions.append
        )
        results: list[T] = []
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.keep_going)
            await nursery.start(network.run)
            try:
                results.append(await main(World(pacer, network, transmissions, nursery)))
            except Exception as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return results[0]

    return trio.run(everything, clock=pacer)


@frozen
class Sides:
    """Both sides of a run, each with a session of its own."""

    direction: str
    server: RunReport
    client: RunReport
    transmissions: Sequence[Transmission]

    @property
    def receiver(self) -> StreamResult:
        """The only stream of the receiving side."""
        (result,) = (self.client if self.direction == "pull" else self.server).results
        return result

    @property
    def sender(self) -> StreamResult:
        """The only stream of the sending side."""
        (result,) = (self.server if self.direction == "pull" else self.client).results
        return result

    def sent_at(self, direction: str) -> list[int]:
        """Return the instants at which something was offered to the client's link of that direction."""
        return [each.at_ns for each in self.transmissions if each.direction == direction]


def both_sides(
    direction: str,
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    **tables: Mapping[str, object],
) -> Sides:
    """Run a server and a client, each as its own session; the server is stopped when the client is done."""

    async def main(world: World) -> Sides:
        roles = ("server", "client")
        configs = [config_of(direction, **{"run": {"role": role, "grace": "1h"}, **tables}) for role in roles]
        server = await world.serve(world.session(configs[0]))
        client = await world.session(configs[1]).run()
        return Sides(direction, await server.stop(), client, world.transmissions)

    return in_world(main, to_client=to_client, to_server=to_server)


def simulated(
    config: Config,
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    seed: int = 1,
    observers: Sequence[Observer] = (),
    make_sender: Callable[..., ISender] = lambda plan: AutoSender(None, plan),
    factory: IConnectedSocketFactory | None = None,
    on_transmission: Callable[[Transmission], None] | None = None,
) -> RunReport:
    """Run a loopback configuration through :func:`cts.simulation.simulate`."""
    return simulate(
        config,
        seed=seed,
        to_client=to_client,
        to_server=to_server,
        make_sender=make_sender,
        factory=factory or DefaultConnectedSocketFactory(None),
        observers=observers,
        on_transmission=on_transmission,
    )
