"""A world in virtual time: a simulated network, and the sessions and hand-driven peers that a test puts in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import TypeVar

import trio
from attrs import define, field, frozen

from cts.api import Address, DatagramBatch, IConnectedSocketFactory, IDatagramEndpoint, ISender, StreamPlan
from cts.clock.virtual_time import VirtualTime
from cts.config import Config
from cts.engine.broker import Target
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.contracts import INetwork
from cts.engine.senders import AutoSender
from cts.engine.session import Session
from cts.engine.shared_keys import NO_KEYS, SharedKeys
from cts.impairment.link import Impairment
from cts.net.simulated import SimulatedNetwork
from cts.output.ordering import OrderedObserver
from cts.protocol.wire import START, ConnectionId, Datagram, decode_untrusted
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.records.truth_writer import Transmission
from cts.runs.session_settings import session_settings
from cts.runs.simulated_session import simulated_chance, simulated_connection_id
from tests.engine.small_stream import PATH, PLAN, SERVER, datagrams_of

T = TypeVar("T")


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
    _forged: Iterator[int] = field(factory=count)

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
        targets: Sequence[Address | Target] = (SERVER,),
        make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
        factory: IConnectedSocketFactory | None = None,
        observer: Observer | None = None,
        began_ns: int | None = None,
        keys: SharedKeys = NO_KEYS,
    ) -> Session:
        """Return a session in this world; its role comes from its configuration."""
        return Session(
            session_settings(config),
            network=network or self.network,
            pacer=self.pacer,
            listen=listen,
            targets=[each if isinstance(each[0], Address) else (each,) for each in targets],
            make_sender=make_sender,
            factory=factory or DefaultConnectedSocketFactory(None),
            new_connection_id=lambda remote: simulated_connection_id(1, remote),
            observer=OrderedObserver([observer or self.recorder], self.pacer.now_ns),
            began_ns=began_ns,
            chance=partial(simulated_chance, 1),
            keys=keys,
        )

    def forge(self, to: Address, sender: Address, datagram: bytes) -> None:
        """Have a datagram arrive now, if anybody listens there, that somebody else has sent in that name."""
        endpoint = self.network._endpoints.get(to)
        if endpoint is not None:
            now_ns = self.pacer.now_ns()
            endpoint.arrive(now_ns, 0, next(self._forged), sender, datagram, len(datagram))
            endpoint.deliver(now_ns)

    async def serve(self, session: Session) -> Running:
        """Start a session in the background; returns once it has bound and peers may ask."""
        running = Running(session)
        await self.nursery.start(running.run)
        return running

    def sent_to(self, client: int) -> list[Transmission]:
        """Return what was offered to a client's link."""
        return [each for each in self.transmissions if each.client == client and each.way == "to_client"]


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
            await nursery.start(pacer.run)
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
