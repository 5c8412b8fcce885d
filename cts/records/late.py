"""What came from peers after their streams had been given up with nothing received, as a value."""

from __future__ import annotations

from attrs import evolve, frozen

__all__ = ["LateArrivals"]


@frozen
class LateArrivals:
    """Adds up over streams, sides and processes of one run.

    Attributes:
        waited_ns: how long each stream had waited when it was given up.
        streams: streams of which something came after that.
        datagrams: how many came, for as long as somebody listened.
        soonest_ns, latest_ns: when the first datagram of such a stream came, after its end: the soonest and the latest one.
    """

    waited_ns: int = 0
    streams: int = 0
    datagrams: int = 0
    soonest_ns: int = 0
    latest_ns: int = 0

    def __add__(self, other: LateArrivals) -> LateArrivals:
        if not (self.streams and other.streams):
            return other if other.streams else self
        return LateArrivals(
            self.waited_ns,
            self.streams + other.streams,
            self.datagrams + other.datagrams,
            min(self.soonest_ns, other.soonest_ns),
            max(self.latest_ns, other.latest_ns),
        )

    def with_more(self, datagrams: int) -> LateArrivals:
        """Return it with more datagrams of its streams."""
        return evolve(self, datagrams=self.datagrams + datagrams)
