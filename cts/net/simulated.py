"""The simulated network: endpoints in one process, a link each way for every client, time from the run's pacer.

Everything that happens is a function of the impairments and the seed. Every client endpoint is a host of its own with its own
two links, so that what one client meets does not depend on how many others there are. Small datagrams interrupt their receiver
at once; larger ones are handed over together a little later, as a network card's interrupt moderation does, with their exact
arrival times. Whoever drains an endpoint gets everything that has arrived.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import trio
from attrs import Factory, define, field

from cts.api import Address, DatagramBatch, DatagramHandler, EndpointStatistics, IDatagramEndpoint, IPacer, Message
from cts.impairment.link import Arrival, Fate, Impairment, Link, flipped, link_rng
from cts.impairment.way import TO_CLIENT, TO_SERVER, WAYS, Way
from cts.protocol.stamps import Header, headers_of
from cts.records.truth_writer import Transmission
from cts.units import MILLISECOND

__all__ = ["SimulatedEndpoint", "SimulatedNetwork"]

_MODERATION_NS = MILLISECOND
_INTERRUPTS_BELOW = 64
_SEGMENT_LIMIT = 64
_NEVER_NS = 1 << 62
_FIRST_FREE_PORT = 49_152
_LAST_PORT = 65_535


@define(eq=False)
class _Path:
    """One way between a client and whoever it talks to.

    Attributes:
        collected_from_ns, collected_until_ns: arrivals between these are handed over together at the latter; of what arrives
            outside, which datagrams that overtake others do, the next such interval is made.
    """

    client: int
    way: Way
    link: Link
    offered: int = 0
    arrived: int = 0
    collected_from_ns: int = 0
    collected_until_ns: int = -1


@define(eq=False)
class SimulatedEndpoint(IDatagramEndpoint):
    """A socket of the simulated network; made by :class:`SimulatedNetwork`."""

    _network: SimulatedNetwork
    number: int
    local: Address
    peer: Address | None
    segment_limit: int = field(default=_SEGMENT_LIMIT, init=False)
    _handler: DatagramHandler | None = field(default=None, init=False)
    _datagrams: int = field(default=0, init=False)
    _arrivals: list[tuple[int, int, int, Address, bytes, int]] = field(factory=list, init=False)

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Offer one datagram to the link; does not suspend."""
        return self._network.transmit(self, remote, bytes(header), (payload,))

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Offer the datagrams to the link at this instant; does not suspend."""
        return self._network.transmit(self, remote, bytes(header), payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Offer the messages to the link at this instant, all of them."""
        for remote, header, payloads in messages:
            self._network.transmit(self, remote, bytes(header), payloads)
        return len(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Offer one datagram to the link at this instant; it always goes."""
        self._network.transmit(self, remote, datagram, (b"",))
        return True

    def receive_into(self, handler: DatagramHandler) -> None:
        """Hand what arrives to ``handler``."""
        self._handler = handler

    def drain(self) -> None:
        """Hand over everything that arrived before now; what arrives now is the network's to hand over, in its order."""
        self.deliver(self._network.pacer.now_ns() - 1)

    def statistics(self) -> EndpointStatistics:
        """Return what was handed over; nothing overflows here."""
        return EndpointStatistics(self._datagrams, 0)

    def close(self) -> None:
        """Forget what is under way to it."""
        self._handler = None
        self._arrivals.clear()
        self._network.forget(self)

    def arrive(self, at_ns: int, path: int, order: int, remote: Address, data: bytes, segment_size: int) -> None:
        """Take in datagrams that arrive together at ``at_ns``; ties are broken by path, then by order of sending."""
        heappush(self._arrivals, (at_ns, path, order, remote, data, segment_size))

    def deliver(self, now_ns: int) -> None:
        """Hand over what has arrived by ``now_ns``."""
        arrivals = self._arrivals
        while arrivals and arrivals[0][0] <= now_ns:
            at_ns, _, _, remote, data, segment_size = heappop(arrivals)
            if self._handler is not None:
                batch = DatagramBatch(data, segment_size, at_ns)
                self._datagrams += len(batch)
                self._handler(self.local, remote, batch)


@define(eq=False)
class SimulatedNetwork:
    """Hosts and links under one clock.

    Args:
        pacer: the run's clock.
        to_client, to_server: what each client's two links do.
        seed: all chance in this network follows from it.
        on_transmission: told of everything that is offered to a link.
    """

    pacer: IPacer
    _to_client: Impairment = field(kw_only=True)
    _to_server: Impairment = field(kw_only=True)
    _seed: int = field(kw_only=True)
    _on_transmission: Callable[[Transmission], None] | None = field(default=None, kw_only=True)
    _began_ns: int = field(default=Factory(lambda self: self.pacer.now_ns(), takes_self=True), init=False)
    _endpoints: dict[Address, SimulatedEndpoint] = field(factory=dict, init=False)
    _paths: dict[tuple[Address, Way], _Path] = field(factory=dict, init=False)
    _closed: EndpointStatistics = field(factory=EndpointStatistics, init=False)
    _opened: int = field(default=0, init=False)
    _clients: int = field(default=0, init=False)
    _wakes: list[tuple[int, int, SimulatedEndpoint]] = field(factory=list, init=False)
    _waiting: trio.CancelScope | None = field(default=None, init=False)
    _wakes_at_ns: int = field(default=0, init=False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry datagrams until cancelled. Calls ``started()`` at once."""
        task_status.started()
        while True:
            now_ns = self.pacer.now_ns()
            while self._wakes and self._wakes[0][0] <= now_ns:
                heappop(self._wakes)[2].deliver(now_ns)
            with trio.CancelScope() as self._waiting:
                self._wakes_at_ns = self._wakes[0][0] if self._wakes else _NEVER_NS
                await self.pacer.wait_until(self._wakes_at_ns)
            self._waiting = None

    async def listen(self, local: Address) -> IDatagramEndpoint:
        """Return an endpoint bound to ``local``."""
        if local.port == 0:
            local = Address(local.host, self._free_port(local.host))
        return self._open(local, None)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        """Return an endpoint on a client host of its own."""
        self._clients += 1
        number = self._clients
        if ":" in remote.host:
            host = f"fd00::{number >> 16:x}:{number & 0xFFFF:x}"
        else:
            host = f"10.{number >> 16 & 0xFF}.{number >> 8 & 0xFF}.{number & 0xFF}"
        endpoint = self._open(Address(host, _FIRST_FREE_PORT), remote)
        for way in WAYS:
            impairment = self._to_client if way == TO_CLIENT else self._to_server
            link = Link(impairment, link_rng(self._seed, str(number), way), start_ns=self._began_ns)
            self._paths[endpoint.local, way] = _Path(number, way, link)
        return endpoint

    def statistics(self) -> EndpointStatistics:
        """Return what was handed over; nothing overflows here."""
        return sum((endpoint.statistics() for endpoint in self._endpoints.values()), self._closed)

    def transmit(
        self, source: SimulatedEndpoint, remote: Address, header: bytes, payloads: Sequence[bytes | memoryview]
    ) -> int:
        """Offer one datagram per payload to the link between ``source`` and ``remote``; return the bytes offered."""
        is_client = source.peer is not None
        path = self._paths.get((source.local, TO_SERVER) if is_client else (remote, TO_CLIENT))
        headers = headers_of(header, payloads)
        sizes = [len(own) + len(payload) for own, payload in zip(headers, payloads, strict=True)]
        if path is None:
            # A host that is gone or never was: the network takes the datagrams all the same.
            return sum(sizes)
        now_ns = self.pacer.now_ns()
        fates = [_later(fate, now_ns) for fate in path.link.transmit_many(now_ns, sizes)]
        if self._on_transmission is not None:
            self._on_transmission(
                Transmission(
                    at_ns=now_ns,
                    client=path.client,
                    address=source.local if is_client else remote,
                    way=path.way,
                    first=path.offered + 1,
                    header=header,
                    payloads=payloads,
                    fates=fates,
                )
            )
        path.offered += len(sizes)
        destination = self._endpoints.get(remote)
        if destination is not None and (destination.peer is None or destination.peer == source.local):
            self._carry(path, source.local, destination, headers, payloads, fates)
        return sum(sizes)

    def forget(self, endpoint: SimulatedEndpoint) -> None:
        """Close an endpoint's address and its links."""
        if self._endpoints.pop(endpoint.local, None) is not None:
            self._closed += endpoint.statistics()
            for way in WAYS:
                self._paths.pop((endpoint.local, way), None)

    def _carry(
        self,
        path: _Path,
        source: Address,
        destination: SimulatedEndpoint,
        headers: Sequence[Header],
        payloads: Sequence[bytes | memoryview],
        fates: Sequence[Fate],
    ) -> None:
        """Hand datagrams on, those together that arrive together and are one as long as the other."""
        at = 0
        while at < len(fates):
            arrivals = fates[at].arrivals
            end = at + 1
            if len(arrivals) == 1 and arrivals[0].corrupt_bit is None:
                while (
                    end < len(fates) and fates[end].arrivals == arrivals and len(payloads[end - 1]) == len(payloads[at])
                ):
                    end += 1
            size = len(headers[at]) + len(payloads[at])
            data = b"".join([part for place in range(at, end) for part in (headers[place], payloads[place])])
            for arrival in arrivals:
                arrived = data if arrival.corrupt_bit is None else flipped(data, arrival.corrupt_bit)
                self._schedule(path, source, destination, arrival, arrived, max(1, size))
            at = end

    def _schedule(
        self,
        path: _Path,
        source: Address,
        destination: SimulatedEndpoint,
        arrival: Arrival,
        data: bytes,
        segment_size: int,
    ) -> None:
        path.arrived += 1
        at_ns = arrival.arrival_ns
        destination.arrive(at_ns, path.client, path.arrived, source, data, segment_size)
        if segment_size < _INTERRUPTS_BELOW:
            wake_ns = at_ns
        elif path.collected_from_ns <= at_ns <= path.collected_until_ns:
            return
        else:
            path.collected_from_ns = at_ns
            wake_ns = path.collected_until_ns = at_ns + _MODERATION_NS
        heappush(self._wakes, (wake_ns, destination.number, destination))
        if self._waiting is not None and wake_ns < self._wakes_at_ns:
            self._waiting.cancel()

    def _open(self, local: Address, peer: Address | None) -> SimulatedEndpoint:
        if local in self._endpoints:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self._opened += 1
        endpoint = self._endpoints[local] = SimulatedEndpoint(self, self._opened, local, peer)
        return endpoint

    def _free_port(self, host: str) -> int:
        for port in range(_FIRST_FREE_PORT, _LAST_PORT + 1):
            if Address(host, port) not in self._endpoints:
                return port
        raise OSError(errno.EADDRINUSE, "No free port")


def _later(fate: Fate, now_ns: int) -> Fate:
    """Put off by a nanosecond what would arrive at the instant it is sent.

    So all that is sent in an instant is known before any of it arrives, in whatever order tasks come to send it.
    """
    if all(arrival.arrival_ns > now_ns for arrival in fate.arrivals):
        return fate
    arrivals = (arrival._replace(arrival_ns=max(arrival.arrival_ns, now_ns + 1)) for arrival in fate.arrivals)
    return Fate(fate.kind, tuple(arrivals))
