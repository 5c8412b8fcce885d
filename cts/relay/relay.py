"""The impairment model between real peers: a UDP relay that drops, delays and damages as its links say.

A client is an address that has sent something to an address that the relay listens on. Each has an endpoint of its own towards
the server, so that the server can tell clients apart, and a :class:`~cts.impairment.link.Link` each way. What is read is
offered to the link with the kernel's receive time and sent on when the link says, so that the time that the relay itself
takes adds nothing to the latency unless it is later than that. It knows no protocol, and the two sides need not be of one
address family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Final, Protocol, TypeAlias

import trio
from attrs import define, field, frozen
from attrs.validators import ge

from cts.api import Address, DatagramBatch, IDatagramEndpoint, IPacer
from cts.engine.contracts import INetwork
from cts.errors import UserError, system_error
from cts.impairment.link import Impairment, Link, flipped, link_rng
from cts.impairment.way import TO_CLIENT, TO_SERVER, WAYS, Way
from cts.records.truth_writer import Transmission
from cts.relay.carrier import Carrier, Path
from cts.relay.statistics import NO_ROOM, TOO_MUCH_HELD, RelayStatistics, WayCounts
from cts.units import SECOND

__all__ = ["Relay", "RelayLimits", "RelayWitness"]

_SWEEPS: Final = 16
"""How often within the idle time the table is looked through, at most."""

_Key: TypeAlias = tuple[Address, Address]
"""Where a client sends to, and its address."""


@frozen(kw_only=True)
class RelayLimits:
    """What bounds a relay's memory, whatever is sent to it.

    Attributes:
        clients: clients at once; each has a socket. One more takes the place of the oldest to whom the server has never said
            anything, and for whom nothing is held: strangers displace each other, not those who are served.
        idle_ns: a client of whom nothing was read either way for this long, and for whom nothing is held, is
            forgotten; at the latest a sixteenth of that time later.
        held_bytes: bytes in flight, both ways of all clients, each datagram counted with 256 bytes more than it has;
            exceeded by copies of a batch at most.
    """

    clients: int = field(default=1024, validator=ge(1))
    idle_ns: int = field(default=60 * SECOND, validator=ge(1))
    held_bytes: int = field(default=64 << 20, validator=ge(0))


class RelayWitness(Protocol):
    """Is told the truth of a relay, as :class:`~cts.records.truth_writer.RelayTruthLog` writes it; must not block."""

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        """Take note of a new client and of the address by which the server knows it, before its first datagram."""

    def transmitted(self, transmission: Transmission) -> None:
        """Take note of what the model did to datagrams; their payloads stay as they are."""

    def departed(self, client: int, way: Way, number: int, arrival: int, sent_ns: int | None) -> None:
        """Take note of when a datagram's arrival left the relay, some time after it was due; None if it could not be sent."""


@define(eq=False)
class _Newcomer:
    """A client that has no endpoint towards the server yet."""

    key: _Key
    listener: IDatagramEndpoint
    early: list[DatagramBatch] = field(factory=list)


@frozen(eq=False)
class _Client:
    upstream: IDatagramEndpoint
    to_server: Path
    to_client: Path

    @property
    def last_ns(self) -> int:
        return max(self.to_server.last_ns, self.to_client.last_ns)

    @property
    def holds(self) -> bool:
        return bool(self.to_server.held + self.to_client.held)


@define(eq=False, kw_only=True)
class Relay:
    """Carries datagrams between clients and one server.

    Args:
        listen: addresses that clients send to.
        upstream: the server.
        network: where endpoints come from; :meth:`run` needs it to be running.
        pacer: the run's clock, also the network's.
        to_client, to_server: what the two links of each client do, ``overhead_bytes`` of the address family included.
        seed: all chance follows from it, and from the number of the client, which counts them from 1.
        limits: see :class:`RelayLimits`.
        call_witness: returns who is told the truth, given when the relay began, once the addresses are bound and before
            anything is read; may raise UserError. None for nobody.
    """

    _listen: Sequence[Address]
    _upstream: Address
    _network: INetwork
    _pacer: IPacer
    _to_client: Impairment
    _to_server: Impairment
    _seed: int
    _limits: RelayLimits = field(factory=RelayLimits)
    _call_witness: Callable[[int], RelayWitness] | None = None
    _witness: RelayWitness | None = field(default=None, init=False)
    _carrier: Carrier = field(init=False)
    _began_ns: int = field(init=False)
    _counts: dict[Way, WayCounts] = field(factory=lambda: {way: WayCounts() for way in WAYS}, init=False)
    _clients: dict[_Key, _Client] = field(factory=dict, init=False)
    _unanswered: dict[_Key, _Client] = field(factory=dict, init=False)
    _displaced: int = field(default=0, init=False)
    _newcomers: dict[_Key, _Newcomer] = field(factory=dict, init=False)
    _clients_total: int = field(default=0, init=False)
    _arrived: trio.MemorySendChannel[_Newcomer] = field(init=False)
    _to_open: trio.MemoryReceiveChannel[_Newcomer] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._carrier = Carrier(self._pacer, self._limits.held_bytes)
        self._began_ns = self._pacer.now_ns()
        self._arrived, self._to_open = trio.open_memory_channel[_Newcomer](self._limits.clients)

    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> None:
        """Relay until cancelled; once only. Calls ``started()`` with the bound addresses. What is in flight at the end is lost.

        Raises:
            UserError: an address cannot be had, or leads back to the relay.
        """
        listeners: list[IDatagramEndpoint] = []
        try:
            for address in self._listen:
                try:
                    listeners.append(await self._network.listen(address))
                except OSError as error:
                    raise UserError(f"cannot listen on {address}: {system_error(error)}") from error
            bound = [endpoint.local for endpoint in listeners]
            for local in bound:
                if _leads_to(self._upstream, local):
                    raise UserError(f"{self._upstream} is the relay itself, which listens on {local}; name the server")
            self._began_ns = self._pacer.now_ns()
            if self._call_witness is not None:
                self._witness = self._call_witness(self._began_ns)
                self._carrier.departed = partial(_tell, self._witness)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._carrier.run)
                nursery.start_soon(self._open_upstreams)
                nursery.start_soon(self._forget_idle)
                for endpoint in listeners:
                    endpoint.receive_into(partial(self._read_from_client, endpoint))
                task_status.started(bound)
        finally:
            for endpoint in listeners:
                endpoint.close()
            for client in self._clients.values():
                client.upstream.close()

    @property
    def clients(self) -> int:
        """Clients that it knows now."""
        return len(self._clients) + len(self._newcomers)

    def statistics(self) -> RelayStatistics:
        """Return what was done so far."""
        network = self._network.statistics()
        return RelayStatistics(
            elapsed_ns=self._pacer.now_ns() - self._began_ns,
            clients=self.clients,
            clients_total=self._clients_total + len(self._newcomers),
            to_server=self._counts[TO_SERVER].copy(),
            to_client=self._counts[TO_CLIENT].copy(),
            displaced=self._displaced,
            overflowed=network.overflowed,
            unreachable=network.unreachable,
        )

    def _read_from_client(
        self, listener: IDatagramEndpoint, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        client = self._clients.get((local, remote))
        if client is not None:
            self._offer(client.to_server, batch)
        else:
            self._keep_early((local, remote), listener.at(local), batch)

    def _offer(self, path: Path, batch: DatagramBatch) -> None:
        """Hand what was read to the link, and what gets through to the carrier; what cannot be held never was on the link."""
        datagrams = [bytes(each) for each in batch.datagrams()]
        # Receive times come from the wall clock, which may be set back.
        now_ns = path.last_ns = max(path.last_ns, batch.received_ns)
        if not self._carrier.has_room(len(batch.data), len(datagrams)):
            path.counts.dropped[TOO_MUCH_HELD] += len(datagrams)
            return
        sizes = [len(each) for each in datagrams]
        first = path.link.offered + 1
        fates = path.link.transmit_many(now_ns, sizes)
        path.counts.count_offered(sizes, fates)
        if self._witness is not None:
            self._witness.transmitted(
                Transmission(
                    at_ns=now_ns,
                    client=path.client,
                    address=path.address,
                    way=path.way,
                    first=first,
                    header=b"",
                    payloads=datagrams,
                    fates=fates,
                )
            )
        for number, (datagram, fate) in enumerate(zip(datagrams, fates, strict=True), first):
            for index, arrival in enumerate(fate.arrivals):
                bit = arrival.corrupt_bit
                data = datagram if bit is None else flipped(datagram, bit)
                self._carrier.add(arrival.arrival_ns, path, data, number, index)

    def _keep_early(self, key: _Key, listener: IDatagramEndpoint, batch: DatagramBatch) -> None:
        """Keep what a client sent until it has an endpoint towards the server."""
        counts = self._counts[TO_SERVER]
        newcomer = self._newcomers.get(key)
        if newcomer is None:
            if not self._has_room_for_another():
                counts.dropped[NO_ROOM] += len(batch)
                return
            newcomer = self._newcomers[key] = _Newcomer(key, listener)
            self._arrived.send_nowait(newcomer)
        for datagram in batch.datagrams():
            if self._carrier.has_room(len(datagram), 1):
                self._carrier.take_room(counts, len(datagram))
                newcomer.early.append(DatagramBatch(bytes(datagram), max(1, len(datagram)), batch.received_ns))
            else:
                counts.dropped[TOO_MUCH_HELD] += 1

    def _has_room_for_another(self) -> bool:
        if self.clients < self._limits.clients:
            return True
        key, client = next(iter(self._unanswered.items()), (None, None))
        if key is None or client is None or client.holds:
            return False
        self._forget(key)
        self._displaced += 1
        return True

    def _forget(self, key: _Key) -> None:
        self._unanswered.pop(key, None)
        self._clients.pop(key).upstream.close()

    async def _open_upstreams(self) -> None:
        """Make clients of newcomers, in the order in which they came; it is that of their numbers."""
        counts = self._counts[TO_SERVER]
        async for newcomer in self._to_open:
            refused = None
            try:
                upstream = await self._network.connect(self._upstream)
            except OSError as error:
                refused = f"no socket towards the server: {error.strerror}"
            del self._newcomers[newcomer.key]
            for batch in newcomer.early:
                self._carrier.give_room(counts, len(batch.data))
            if refused is not None:
                counts.dropped[refused] += len(newcomer.early)
            else:
                client = self._admit(newcomer, upstream)
                for batch in newcomer.early:
                    self._offer(client.to_server, batch)

    def _admit(self, newcomer: _Newcomer, upstream: IDatagramEndpoint) -> _Client:
        self._clients_total += 1
        address = newcomer.key[1]
        # The kernel may have taken the first datagram before the relay began.
        seen_ns = max([self._began_ns, *(batch.received_ns for batch in newcomer.early[:1])])

        def path(way: Way, endpoint: IDatagramEndpoint, remote: Address) -> Path:
            rng = link_rng(self._seed, str(self._clients_total), way)
            return Path(
                client=self._clients_total,
                address=address,
                way=way,
                link=Link(self._to_client if way == TO_CLIENT else self._to_server, rng, start_ns=self._began_ns),
                counts=self._counts[way],
                endpoint=endpoint,
                remote=remote,
                last_ns=seen_ns,
            )

        to_client = path(TO_CLIENT, newcomer.listener, address)
        client = _Client(upstream, path(TO_SERVER, upstream, self._upstream), to_client)
        self._clients[newcomer.key] = self._unanswered[newcomer.key] = client
        if self._witness is not None:
            self._witness.client(seen_ns, self._clients_total, address, upstream.local)
        upstream.receive_into(partial(self._read_from_server, newcomer.key, to_client))
        return client

    def _read_from_server(
        self, key: _Key, to_client: Path, _local: Address, _remote: Address, batch: DatagramBatch
    ) -> None:
        self._unanswered.pop(key, None)
        self._offer(to_client, batch)

    async def _forget_idle(self) -> None:
        idle_ns = self._limits.idle_ns
        while True:
            now_ns = self._pacer.now_ns()
            for key, client in list(self._clients.items()):
                if client.last_ns + idle_ns <= now_ns and not client.holds:
                    self._forget(key)
            oldest_ns = min((client.last_ns for client in self._clients.values()), default=now_ns)
            await self._pacer.wait_until(max(oldest_ns + idle_ns, now_ns + idle_ns // _SWEEPS))


def _tell(witness: RelayWitness, path: Path, number: int, arrival: int, sent_ns: int | None) -> None:
    witness.departed(path.client, path.way, number, arrival, sent_ns)


def _leads_to(target: Address, local: Address) -> bool:
    """Tell whether a datagram for ``target`` certainly comes back to a socket bound to ``local``."""
    if target == local:
        return True
    ours, theirs = ip_address(local.host), ip_address(target.host)
    return target.port == local.port and ours.version == theirs.version and ours.is_unspecified and theirs.is_loopback
