"""IP and UDP headers for a datagram that only its payload and its two addresses are known of."""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from cts.api import Address

__all__ = ["internet_checksum", "ip_packet"]

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
"""Version and header length, TOS, total length, identification, flags, TTL, protocol, checksum, addresses (RFC 791, 3.1)."""
_IPV6 = struct.Struct("!IHBB16s16s")
"""Version and flow label, payload length, next header, hop limit, addresses (RFC 8200, section 3)."""
_UDP = struct.Struct("!HHHH")
"""Ports, length, checksum (RFC 768)."""

_UDP_PROTOCOL = 17
_HOPS = 64
_DO_NOT_FRAGMENT = 0x4000
_IPV6_VERSION = 6 << 28
_MAPPED = b"\0" * 10 + b"\xff\xff"


def ip_packet(source: Address, destination: Address, payload: bytes) -> bytes:
    """Return the IP packet that carries ``payload`` over UDP, IPv4 if both addresses are, else IPv6.

    Lengths and checksums are right. What a datagram does not show is made up: no options, 64 hops, not fragmented.

    Args:
        source, destination: the two ends; a ``%scope`` is left out.
        payload: at most 65 507 bytes, what UDP over IPv4 carries.
    """
    source_host, destination_host = _hosts(source.host, destination.host)
    length = _UDP.size + len(payload)
    # The fields of the pseudo header, in an order of their own: a sum of 16-bit words does not mind.
    pseudo = source_host + destination_host + struct.pack("!HH", _UDP_PROTOCOL, length)
    unsummed = _UDP.pack(source.port, destination.port, length, 0)
    checksum = internet_checksum(pseudo + unsummed + payload)
    udp = _UDP.pack(source.port, destination.port, length, checksum)
    header = _ipv4_header if len(source_host) == 4 else _ipv6_header
    return header(source_host, destination_host, length) + udp + payload


def internet_checksum(data: bytes) -> int:
    """Return the ones' complement of the ones' complement sum of the 16-bit words of ``data`` (RFC 1071).

    Of the two forms of zero it is always 0xFFFF: a plain 0 would say "no checksum" in UDP (RFC 768), and sums are the same.
    """
    # 2**16 leaves 1 divided by 0xFFFF, so the number that all bytes form leaves what the sum of its words does.
    return 0xFFFF - int.from_bytes(data + b"\0" if len(data) % 2 else data) % 0xFFFF


def _ipv4_header(source: bytes, destination: bytes, length: int) -> bytes:
    fields = (0x45, 0, _IPV4.size + length, 0, _DO_NOT_FRAGMENT, _HOPS, _UDP_PROTOCOL)
    checksum = internet_checksum(_IPV4.pack(*fields, 0, source, destination))
    return _IPV4.pack(*fields, checksum, source, destination)


def _ipv6_header(source: bytes, destination: bytes, length: int) -> bytes:
    return _IPV6.pack(_IPV6_VERSION, length, _UDP_PROTOCOL, _HOPS, source, destination)


@lru_cache(maxsize=4096)
def _hosts(source: str, destination: str) -> tuple[bytes, bytes]:
    """Return both addresses in bytes, of one family: an IPv4 address that meets an IPv6 one is mapped into it."""
    ends = [ip_address(host.partition("%")[0]) for host in (source, destination)]
    if all(isinstance(end, IPv4Address) for end in ends):
        return ends[0].packed, ends[1].packed
    packed = [end.packed if isinstance(end, IPv6Address) else _MAPPED + end.packed for end in ends]
    return packed[0], packed[1]
