"""Sets of IP networks, and IP addresses as numbers: an IPv4 address and its IPv4-mapped form (RFC 4291, 2.5.5.2) are one."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final

__all__ = ["LOCAL_NETWORKS", "Networks", "number_of", "prefix_of"]

LOCAL_NETWORKS: Final = (
    *("127.0.0.0/8", "::1/128"),
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    *("169.254.0.0/16", "fe80::/10"),
)
"""Loopback (RFC 1122, RFC 4291), private (RFC 1918, RFC 4193) and link-local (RFC 3927, RFC 4291) networks."""

_MAPPED: Final = 0xFFFF << 32
"""``::ffff:0:0/96``, where the IPv4 addresses are."""


def number_of(host: str) -> int:
    """Return a numeric address, with or without a zone, as a number of 128 bits.

    Raises:
        OSError: it is not numeric.
    """
    if ":" in host:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, host.partition("%")[0]), "big")
    return _MAPPED | int.from_bytes(socket.inet_pton(socket.AF_INET, host), "big")


def prefix_of(number: int, ipv4_length: int, ipv6_length: int) -> int:
    """Return what stands for the network of that prefix length that an address is in; no two networks have the same."""
    if number >> 32 == 0xFFFF:
        return ~(number >> (32 - ipv4_length))
    return number >> (128 - ipv6_length)


class Networks:
    """Networks, asked whether an address is in one: as many steps as there are prefix lengths, however many networks.

    Args:
        networks: in the usual notation; an address alone is a network, too. A zone is left out.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        # By family, for every IPv4 address is in ::/0 as well; then by how far to shift.
        self._of: dict[bool, dict[int, set[int]]] = {True: {}, False: {}}
        for text in networks:
            address, _, length = text.partition("/")
            network = ip_network(address.partition("%")[0] + ("/" + length if length else ""))
            number, shift = number_of(str(network.network_address)), network.max_prefixlen - network.prefixlen
            ipv4 = number >> 32 == 0xFFFF and shift <= 32
            self._of[ipv4].setdefault(shift, set()).add(number >> shift)

    def __contains__(self, number: int) -> bool:
        """Tell whether an address, as :func:`number_of` has it, is in one of them."""
        for shift, prefixes in self._of[number >> 32 == 0xFFFF].items():  # noqa: SIM110 - any() takes twice as long
            if number >> shift in prefixes:
                return True
        return False
