"""What a relay has done so far: running counts of a way, and the snapshots that are shown of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import Factory, define, evolve, frozen

from cts.impairment.link import Fate, FateKind
from cts.metrics.histogram import Histogram

__all__ = ["BUFFER_FULL", "NO_ROOM", "TOO_MUCH_HELD", "RelayStatistics", "WayCounts"]

NO_ROOM: Final = "no room for another client"
TOO_MUCH_HELD: Final = "too much in flight"
BUFFER_FULL: Final = "send buffer full"


@define
class WayCounts:
    """One way of all clients, those that were forgotten included.

    What the model drops is in ``fates``, what the relay itself could not carry in ``dropped``. Of what the model let through,
    delivered + duplicated, each is forwarded, held, or dropped because it could not be sent; what could not be held, or had no
    client to belong to, never came before the model.

    Attributes:
        offered, offered_bytes: datagrams that went through the model, and their payload.
        fates: what the model did to them, every fate with its count.
        duplicated: copies that the model made.
        corrupted: arrivals, copies included, of which the model flipped a bit.
        forwarded, forwarded_bytes: datagrams that were sent on, copies included, and their payload.
        held, held_bytes: datagrams that wait for their time, and their payload.
        dropped: datagrams that the relay dropped for reasons of its own, by reason.
        lateness: how long after they were due datagrams were sent, nanoseconds.
    """

    offered: int = 0
    offered_bytes: int = 0
    fates: dict[FateKind, int] = Factory(lambda: dict.fromkeys(FateKind, 0))
    duplicated: int = 0
    corrupted: int = 0
    forwarded: int = 0
    forwarded_bytes: int = 0
    held: int = 0
    held_bytes: int = 0
    dropped: Counter[str] = Factory(Counter)
    lateness: Histogram = Factory(Histogram)

    @property
    def delivered(self) -> int:
        """Datagrams that the model let through, copies not counted."""
        return self.fates[FateKind.DELIVERED]

    @property
    def greatest_lateness_ns(self) -> int:
        """The longest time from when a datagram was due to when it was sent."""
        return self.lateness.greatest

    @property
    def lost(self) -> int:
        """Datagrams that the model dropped, for whichever reason."""
        return self.offered - self.delivered

    def count_offered(self, sizes: Sequence[int], fates: Sequence[Fate]) -> None:
        """Note what the model did to datagrams of these sizes."""
        self.offered += len(sizes)
        self.offered_bytes += sum(sizes)
        for fate in fates:
            self.fates[fate.kind] += 1
            for arrival in fate.arrivals:
                self.duplicated += arrival.is_copy
                self.corrupted += arrival.corrupt_bit is not None

    def count_forwarded(self, size: int, late_ns: int) -> None:
        """Note that a datagram was sent on, this much after it was due."""
        self.forwarded += 1
        self.forwarded_bytes += size
        self.lateness.record(late_ns)

    def copy(self) -> WayCounts:
        """Return the counts as they are now."""
        lateness = Histogram.of((self.lateness,))
        return evolve(self, fates=dict(self.fates), dropped=Counter(self.dropped), lateness=lateness)


@frozen(kw_only=True)
class RelayStatistics:
    """A relay at one moment.

    Attributes:
        elapsed_ns: nanoseconds since it began.
        clients: clients that it knows.
        clients_total: clients that it has known, each as often as it came anew after it was forgotten.
        displaced: clients that had to give their place to another, for the server had never said anything to them.
        to_server, to_client: the two ways.
        overflowed: datagrams that the kernel dropped before the relay read them.
        unreachable: times that the network said (by ICMP) that the server, or a client, does not get what is sent to it.
    """

    elapsed_ns: int
    clients: int
    clients_total: int
    to_server: WayCounts
    to_client: WayCounts
    overflowed: int
    displaced: int = 0
    unreachable: int = 0

    @property
    def dropped(self) -> int:
        """Datagrams that the relay or its kernel dropped, both ways: what the model knows nothing of."""
        return sum(self.to_server.dropped.values()) + sum(self.to_client.dropped.values()) + self.overflowed
