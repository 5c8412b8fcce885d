"""How many streams, and what bit rate, each address and each network has with a server."""

from __future__ import annotations

from attrs import define, field, frozen

from cts.engine.ip_networks import prefix_of

__all__ = ["Population", "PopulationLimits"]


@frozen(kw_only=True)
class PopulationLimits:
    """What peers may have at most; None for no limit.

    Attributes:
        streams_per_address, streams_per_network: streams, those that wait for their turn included.
        ipv4_prefix, ipv6_prefix: bits of an address that say which network it is in.
        bits_per_second_per_address, bits_per_second: the sum of the streams' rates, of an address and in all.
    """

    streams_per_address: int | None = None
    streams_per_network: int | None = None
    ipv4_prefix: int = 24
    ipv6_prefix: int = 56
    bits_per_second_per_address: int | None = None
    bits_per_second: int | None = None


@define
class _Share:
    streams: int = 0
    bits_per_second: int = 0


_NOTHING = _Share()


@define(eq=False)
class Population:
    """Counts them; keeps nothing of who has none, so that it is no larger than the streams are many. O(1)."""

    _limits: PopulationLimits
    _addresses: dict[int, _Share] = field(factory=dict, init=False)
    _networks: dict[int, _Share] = field(factory=dict, init=False)
    _all: _Share = field(factory=_Share, init=False)

    def __len__(self) -> int:
        return self._all.streams

    def beyond(self, number: int, bits_per_second: int) -> str | None:
        """Return which limit another stream of an address would go beyond, by its name; None if there is room."""
        limits = self._limits
        address = self._addresses.get(number, _NOTHING)
        network = self._networks.get(self._network(number), _NOTHING)
        for name, limit, has, more in (
            ("streams_per_address", limits.streams_per_address, address.streams, 1),
            ("streams_per_network", limits.streams_per_network, network.streams, 1),
            (
                "bits_per_second_per_address",
                limits.bits_per_second_per_address,
                address.bits_per_second,
                bits_per_second,
            ),
            ("bits_per_second", limits.bits_per_second, self._all.bits_per_second, bits_per_second),
        ):
            if limit is not None and has + more > limit:
                return name
        return None

    def add(self, number: int, bits_per_second: int) -> None:
        """Count a stream of an address."""
        network = self._network(number)
        for share in (
            self._addresses.setdefault(number, _Share()),
            self._networks.setdefault(network, _Share()),
            self._all,
        ):
            share.streams += 1
            share.bits_per_second += bits_per_second

    def remove(self, number: int, bits_per_second: int) -> None:
        """Count a stream no more that was added."""
        for shares, key in ((self._addresses, number), (self._networks, self._network(number))):
            share = shares[key]
            share.streams -= 1
            share.bits_per_second -= bits_per_second
            if not share.streams:
                del shares[key]
        self._all.streams -= 1
        self._all.bits_per_second -= bits_per_second

    def _network(self, number: int) -> int:
        return prefix_of(number, self._limits.ipv4_prefix, self._limits.ipv6_prefix)
