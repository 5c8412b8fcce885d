"""Holds datagrams until they are due and sends them then: one task, one heap, a bound on what is held."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

import trio
from attrs import define

from cts.api import Address, IDatagramEndpoint, IPacer
from cts.net.impairment import Link
from cts.net.relay_statistics import BUFFER_FULL, DirectionCounts

__all__ = ["Carrier", "Path"]

_BURST: Final = 64
"""Datagrams sent before others have their turn."""
_PATIENCE_S: Final = 0.02
"""How long a burst waits for a send buffer that is full: longer than a frame takes to drain, too short to hold up others."""
_OVERHEAD: Final = 256
"""What a datagram that is held takes of memory besides its bytes, about."""
_IDLE_NS: Final = 1 << 61


@define(eq=False)
class Path:
    """One direction of one client.

    Attributes:
        client, address: the client's number and address.
        direction: ``to_server`` or ``to_client``.
        link: the model's state.
        counts: where to count.
        endpoint, remote: how its datagrams leave the relay.
        last_ns: when something was last offered; the link's time does not go back behind it.
        held: its datagrams that wait for their time.
    """

    client: int
    address: Address
    direction: str
    link: Link
    counts: DirectionCounts
    endpoint: IDatagramEndpoint
    remote: Address
    last_ns: int
    held: int = 0


class Carrier:
    """Sends each datagram when it is due, those due at one instant in the order in which they were added.

    Args:
        pacer: the run's clock; needs its own ``run`` to run, if it has one.
        limit_bytes: how much may be held, each datagram counted with 256 bytes more than it has.
    """

    def __init__(self, pacer: IPacer, limit_bytes: int) -> None:
        self._pacer = pacer
        self._room = limit_bytes
        self._heap: list[tuple[int, int, Path, bytes]] = []
        self._added = 0
        self._waiting: trio.CancelScope | None = None
        self._wakes_at_ns = 0

    def has_room(self, size: int, count: int) -> bool:
        """Say whether ``count`` datagrams of ``size`` bytes together can be held; copies of them then can, too."""
        return size + count * _OVERHEAD <= self._room

    def take_room(self, counts: DirectionCounts, size: int) -> None:
        """Count a datagram as held."""
        self._room -= size + _OVERHEAD
        counts.held += 1
        counts.held_bytes += size

    def give_room(self, counts: DirectionCounts, size: int) -> None:
        """Count a datagram as held no more."""
        self._room += size + _OVERHEAD
        counts.held -= 1
        counts.held_bytes -= size

    def add(self, due_ns: int, path: Path, datagram: bytes) -> None:
        """Have it sent at ``due_ns``, at once if that has passed."""
        self._added += 1
        self.take_room(path.counts, len(datagram))
        path.held += 1
        heappush(self._heap, (due_ns, self._added, path, datagram))
        if self._waiting is not None and due_ns < self._wakes_at_ns:
            self._waiting.cancel()

    async def run(self) -> None:
        """Send until cancelled; what is held then stays."""
        heap = self._heap
        while True:
            if heap and heap[0][0] <= self._pacer.now_ns():
                await self._send_burst()
                await trio.lowlevel.checkpoint()
                continue
            with trio.CancelScope() as self._waiting:
                self._wakes_at_ns = heap[0][0] if heap else self._pacer.now_ns() + _IDLE_NS
                await self._pacer.wait_until(self._wakes_at_ns)
            self._waiting = None

    async def _send_burst(self) -> None:
        """Send some of what is due; an endpoint suspends while its buffer is full, and not for longer than it is worth."""
        heap, now_ns = self._heap, self._pacer.now_ns
        with trio.CancelScope(deadline=trio.current_time() + _PATIENCE_S) as patience:
            at_ns = now_ns()
            for _ in range(_BURST):
                if not heap or heap[0][0] > at_ns:
                    break
                due_ns, _, path, datagram = heappop(heap)
                try:
                    await path.endpoint.send(path.remote, datagram)
                except OSError as error:
                    path.counts.dropped[f"refused: {error.strerror}"] += 1
                else:
                    at_ns = now_ns()
                    path.counts.count_forwarded(len(datagram), at_ns - due_ns)
                self._end(path, datagram)
        if patience.cancelled_caught:
            path.counts.dropped[BUFFER_FULL] += 1
            self._end(path, datagram)

    def _end(self, path: Path, datagram: bytes) -> None:
        path.held -= 1
        self.give_room(path.counts, len(datagram))
