"""Streams that were given up with nothing received, and what of them comes after all.

A client's endpoint listens on for a second; a server, which reads on anyway, remembers its peers for as long.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define, field

from cts.api import Address, DatagramBatch, IDatagramEndpoint, IPacer, StreamPlan, StreamResult
from cts.protocol.remark import came_late
from cts.protocol.task import StreamError
from cts.records.late import LateArrivals
from cts.records.snapshots import StreamInfo
from cts.records.stream_results import came_to_nothing
from cts.units import SECOND

__all__ = ["LISTEN_ON_NS", "GivenUpPeers", "Latecomers", "Listening", "gave_up"]

LISTEN_ON_NS = SECOND
"""Longer than usual round trips, and not so long that a person minds to wait."""

_PEERS_AT_MOST = 4096


def gave_up(result: StreamResult) -> bool:
    """Tell whether a stream ended for want of any data, or of any answer, from its peer."""
    return came_to_nothing(result) and result.result == StreamError.NOT_ALL_DATA_TRANSFERRED.value


@define(eq=False)
class Latecomers:
    """Counts what comes too late for the streams of one side.

    Args:
        plan: the arithmetic of streams that have none of their own.
        remarked: told when the first datagram of a stream has come.

    Attributes:
        late: what came.
    """

    _plan: StreamPlan
    _remarked: Callable[[StreamInfo, str], None]
    late: LateArrivals = field(factory=LateArrivals, init=False)

    def of(self, stream: StreamInfo, ended_ns: int) -> Callable[[DatagramBatch], None]:
        """Return what takes batches of a stream that ended at ``ended_ns``, in the run's clock."""
        first, plan = True, stream.plan or self._plan

        def take(batch: DatagramBatch) -> None:
            nonlocal first
            after_ns = batch.received_ns - ended_ns
            if first:
                first = False
                self.late += LateArrivals(plan.render_offset_ns(1), 1, len(batch), after_ns, after_ns)
                self._remarked(stream, came_late(plan, after_ns))
            else:
                self.late = self.late.with_more(len(batch))

        return take


@define(eq=False)
class Listening:
    """Endpoints of a client's streams that were given up, while they listen on.

    Args:
        nursery: where they do, a task each.
        pacer: the run's clock.
    """

    _nursery: trio.Nursery
    _pacer: IPacer
    _scopes: set[trio.CancelScope] = field(factory=set, init=False)
    _stopped: bool = field(default=False, init=False)

    def start(self, endpoint: IDatagramEndpoint, peer: Address, take: Callable[[DatagramBatch], None]) -> None:
        """Give ``take`` what comes to an endpoint from now on for :data:`LISTEN_ON_NS`, and close it."""
        if self._stopped:
            endpoint.close()
            return
        endpoint.receive_into(lambda _local, _remote, batch: take(batch))
        self._nursery.start_soon(self._listen_on, endpoint, name=f"listening on to {peer}")

    def stop(self) -> None:
        """Close them all now."""
        self._stopped = True
        for scope in self._scopes:
            scope.cancel()

    async def _listen_on(self, endpoint: IDatagramEndpoint) -> None:
        scope = trio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                await self._pacer.wait_until(self._pacer.now_ns() + LISTEN_ON_NS)
        finally:
            self._scopes.remove(scope)
            endpoint.close()


@define(eq=False)
class GivenUpPeers:
    """Peers of a server whose streams were given up not long ago."""

    _peers: dict[Address, tuple[int, Callable[[DatagramBatch], None]]] = field(factory=dict, init=False)

    def add(self, peer: Address, ended_ns: int, take: Callable[[DatagramBatch], None]) -> None:
        """Remember a peer, in the place of the oldest where there are too many: anybody may have asked for streams."""
        self._peers.pop(peer, None)
        if len(self._peers) >= _PEERS_AT_MOST:
            del self._peers[next(iter(self._peers))]
        self._peers[peer] = ended_ns, take

    def take(self, peer: Address, batch: DatagramBatch) -> bool:
        """Take a batch of a peer that has no stream; tell whether it had one until not long ago."""
        ended_ns, take = self._peers.get(peer, (None, None))
        if ended_ns is None or take is None:
            return False
        if batch.received_ns - ended_ns > LISTEN_ON_NS:
            del self._peers[peer]
            return False
        take(batch)
        return True
