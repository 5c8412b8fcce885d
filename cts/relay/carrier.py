"""Holds datagrams until they are due and sends them then: one task, one heap, a bound on what is held."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from heapq import heappop, heappush
from types import coroutine
from typing import Final, TypeAlias

import trio
from attrs import define

from cts.api import Address, IDatagramEndpoint, IPacer
from cts.impairment.link import Link
from cts.impairment.way import Way
from cts.relay.statistics import BUFFER_FULL, WayCounts

__all__ = ["Carrier", "Departed", "Path"]

_BURST: Final = 64
"""Datagrams sent before others have their turn."""
_PATIENCE_S: Final = 0.02
"""How long a burst waits for a send buffer that is full: longer than a frame takes to drain, too short to hold up others."""
_OVERHEAD: Final = 256
"""What a datagram that is held takes of memory besides its bytes, about."""
_IDLE_NS: Final = 1 << 61


@define(eq=False)
class Path:
    """One way of one client.

    Attributes:
        client, address: the client's number and address.
        way: ``to_server`` or ``to_client``.
        link: the model's state.
        counts: where to count.
        endpoint, remote: how its datagrams leave the relay.
        last_ns: when something was last offered; the link's time does not go back behind it.
        held: its datagrams that wait for their time.
    """

    client: int
    address: Address
    way: Way
    link: Link
    counts: WayCounts
    endpoint: IDatagramEndpoint
    remote: Address
    last_ns: int
    held: int = 0


Departed: TypeAlias = Callable[[Path, int, int, int | None], None]
"""Told what became of each datagram: path, number, which of its arrivals it was, and when it was sent, None if it was not."""


class Carrier:
    """Sends each datagram when it is due, those due at one instant in the order in which they were added.

    Args:
        pacer: the run's clock; needs its own ``run`` to run, if it has one.
        limit_bytes: how much may be held, each datagram counted with 256 bytes more than it has.
        departed: see :data:`Departed`; must not block. What is still held at the end is not told of.
    """

    def __init__(self, pacer: IPacer, limit_bytes: int, departed: Departed | None = None) -> None:
        self._pacer = pacer
        self._room = limit_bytes
        self.departed = departed
        self._heap: list[tuple[int, int, Path, bytes, int, int]] = []
        self._added = 0
        self._waiting: trio.CancelScope | None = None
        self._wakes_at_ns = 0

    def has_room(self, size: int, count: int) -> bool:
        """Tell whether ``count`` datagrams of ``size`` bytes together can be held; copies of them then can, too."""
        return size + count * _OVERHEAD <= self._room

    def take_room(self, counts: WayCounts, size: int) -> None:
        """Count a datagram as held."""
        self._room -= size + _OVERHEAD
        counts.held += 1
        counts.held_bytes += size

    def give_room(self, counts: WayCounts, size: int) -> None:
        """Count a datagram as held no more."""
        self._room += size + _OVERHEAD
        counts.held -= 1
        counts.held_bytes -= size

    def add(self, due_ns: int, path: Path, datagram: bytes, number: int, arrival: int) -> None:
        """Have it sent at ``due_ns``, at once if that has passed.

        Args:
            due_ns: when.
            path: its way.
            datagram: its bytes.
            number, arrival: its number on that way, and which of its arrivals this is, from 0; only for :data:`Departed`.
        """
        self._added += 1
        self.take_room(path.counts, len(datagram))
        path.held += 1
        heappush(self._heap, (due_ns, self._added, path, datagram, number, arrival))
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
            for _ in range(_BURST):
                if not heap or heap[0][0] > now_ns():
                    break
                due_ns, _, path, datagram, number, arrival = heappop(heap)
                sent_ns = None
                try:
                    sent_ns = await _last_went_on_ns(path.endpoint.send(path.remote, datagram), now_ns)
                except OSError as error:
                    path.counts.dropped[f"refused: {error.strerror}"] += 1
                else:
                    path.counts.count_forwarded(len(datagram), sent_ns - due_ns)
                self._end(path, datagram, number, arrival, sent_ns)
        if patience.cancelled_caught:
            path.counts.dropped[BUFFER_FULL] += 1
            self._end(path, datagram, number, arrival, None)

    def _end(self, path: Path, datagram: bytes, number: int, arrival: int, sent_ns: int | None) -> None:
        path.held -= 1
        self.give_room(path.counts, len(datagram))
        if self.departed is not None:
            self.departed(path, number, arrival, sent_ns)


@coroutine
def _last_went_on_ns(
    sending: Coroutine[object, object, int], now_ns: Callable[[], int]
) -> Generator[object, object, int]:
    """Run a send to its end and return when it last went on: when it began, or after its last wait for room.

    The kernel takes the datagram a few microseconds after that. The time when the send returns would say less: a send
    wakes whoever receives, and on a busy machine that one may then run for milliseconds before this task goes on.
    """
    answer: object = None
    while True:
        went_on_ns = now_ns()
        try:
            awaited = sending.send(answer)
        except StopIteration:
            return went_on_ns
        answer = yield awaited
