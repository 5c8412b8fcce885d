"""Addresses: found by names, and in the forms that sockets know: Python's tuples, and the structures of ip(7) and ipv6(7)."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

import trio

from cts.api import Address
from cts.errors import UserError, is_exhausted, system_reason

__all__ = [
    "PACKET_INFO",
    "PACKET_INFO_SIZE",
    "Source",
    "address_of",
    "ask_for_destinations",
    "destination_of",
    "missing_families",
    "pack_sockaddr",
    "resolve_listen",
    "resolve_names",
    "resolve_targets",
    "sockaddr_of",
    "unpack_sockaddr",
]

_EVERY_HOST = ("0.0.0.0", "::")
_SOCKADDR_IN: Final = struct.Struct("=H2s4s8x")
_SOCKADDR_IN6: Final = struct.Struct("=H2s4x16sI")


def address_of(sockaddr: Sequence[str | int | bytes]) -> Address:
    """Return the address in what the socket module calls one; an IPv6 zone goes behind the host, as ``%interface``."""
    host, port, *rest = sockaddr
    text, zone = str(host), int(rest[1]) if len(rest) == 2 else 0
    if zone:
        try:
            name = socket.if_indextoname(zone)
        except OSError:
            name = str(zone)
        text = f"{text.partition('%')[0]}%{name}"
    return Address(text, int(port))


def sockaddr_of(address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return an address as the socket module wants it: it takes an IPv6 zone as a number of its own.

    Raises:
        OSError: there is no such interface.
    """
    host, _, zone = address.host.partition("%")
    if not zone:
        return address
    return host, address.port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)


def pack_sockaddr(address: Address) -> bytes:
    """Return the ``sockaddr_in`` or ``sockaddr_in6`` of an address.

    Raises:
        ValueError: its host is not numeric, or its port is out of range.
        OSError: there is no such interface.
    """
    host, port, *zone = sockaddr_of(address)
    try:
        if ":" not in host:
            packed = socket.inet_pton(socket.AF_INET, address.host)  # with a zone it is no IPv4 address
            return _SOCKADDR_IN.pack(socket.AF_INET, port.to_bytes(2, "big"), packed)
        packed = socket.inet_pton(socket.AF_INET6, host)
        return _SOCKADDR_IN6.pack(socket.AF_INET6, port.to_bytes(2, "big"), packed, zone[1] if zone else 0)
    except (OSError, OverflowError):
        raise ValueError(f"{address} is not a numeric address and port") from None


def unpack_sockaddr(sockaddr: bytes) -> Address:
    """Return the address in a ``sockaddr_in`` or ``sockaddr_in6``; raises ValueError for any other family or length."""
    family = int.from_bytes(sockaddr[:2], sys.byteorder)
    if family == socket.AF_INET and len(sockaddr) == _SOCKADDR_IN.size:
        _, port, packed = _SOCKADDR_IN.unpack(sockaddr)
        zone = 0
    elif family == socket.AF_INET6 and len(sockaddr) == _SOCKADDR_IN6.size:
        _, port, packed, zone = _SOCKADDR_IN6.unpack(sockaddr)
    else:
        raise ValueError(f"not an IPv4 or IPv6 socket address: {sockaddr.hex()}")
    return address_of((socket.inet_ntop(family, packed), int.from_bytes(port, "big"), 0, zone))


# Which of its addresses a datagram was sent to, and is to leave from: struct in_pktinfo of ip(7), in6_pktinfo of ipv6(7).
# Python names the options of IPv6 alone; the numbers are Linux's.
_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49
_IPV6_PKTINFO: Final = 50
_IN_PKTINFO: Final = struct.Struct("=i4s4s")
_IN6_PKTINFO: Final = struct.Struct("=16sI")
PACKET_INFO: Final = frozenset({(socket.IPPROTO_IP, _IP_PKTINFO), (socket.IPPROTO_IPV6, _IPV6_PKTINFO)})
"""Level and type of the control messages."""
PACKET_INFO_SIZE: Final = {socket.AF_INET: _IN_PKTINFO.size, socket.AF_INET6: _IN6_PKTINFO.size}
"""Bytes of their data, by address family."""


class Source(NamedTuple):
    """A control message that has a datagram leave from one address."""

    level: int
    kind: int
    data: bytes


def ask_for_destinations(sock: socket.socket) -> bool:
    """Have a socket that is bound to every address tell which one each datagram was sent to; False where it cannot."""
    if sys.platform != "linux":
        return False
    ipv4 = sock.family == socket.AF_INET
    option = (socket.IPPROTO_IP, _IP_PKTINFO) if ipv4 else (socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO)
    try:
        sock.setsockopt(*option, 1)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:
            raise
        return False
    return True


def destination_of(data: bytes, port: int) -> tuple[Address, Source]:
    """Return the address that packet information tells of, and what has an answer leave from there."""
    if len(data) == _IN_PKTINFO.size:
        _, local, _ = _IN_PKTINFO.unpack(data)
        host = socket.inet_ntop(socket.AF_INET, local)
        return Address(host, port), Source(socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, local, bytes(4)))
    packed, interface = _IN6_PKTINFO.unpack(data)
    # Only a link-local address needs its interface; any other route is the kernel's to choose.
    zone = interface if packed[:2] == b"\xfe\x80" else 0
    local = address_of((socket.inet_ntop(socket.AF_INET6, packed), port, 0, zone))
    return local, Source(socket.IPPROTO_IPV6, _IPV6_PKTINFO, _IN6_PKTINFO.pack(packed, zone))


async def resolve_listen(endpoints: Iterable[tuple[str, int]]) -> list[Address]:
    """Return the addresses to bind: for ``*`` one of each family, for a name every one it has. May suspend.

    Raises:
        UserError: a name does not resolve, or there is no address.
        OSError: there is no descriptor or memory left to find out which.
    """
    found: list[Address] = []
    for host, port in endpoints:
        if host == "*":
            every = [Address(each, port) for each in _EVERY_HOST if _can_bind(each)]
            if not every:
                raise UserError("server.listen: '*': this system lets this process have UDP over neither IPv4 nor IPv6")
            found += every
        else:
            found += await _resolve("server.listen", host, port)
    return list(dict.fromkeys(found))


def missing_families(endpoints: Iterable[str], resolved: Iterable[Address]) -> list[str]:
    """Return what to tell of address families that ``*`` stands for and this system does not have."""
    if not any(each.startswith("*") for each in endpoints):
        return []
    hosts = {address.host for address in resolved}
    missing = [name for host, name in (("0.0.0.0", "IPv4"), ("::", "IPv6")) if host not in hosts]
    return [f"this system has no {name}: '*' listens on the other family alone" for name in missing]


def _can_bind(host: str) -> bool:
    """Tell whether this system has the family of an unspecified address.

    Raises:
        OSError: it has no descriptor or memory left to find out.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
    except OSError as error:
        if is_exhausted(error):
            raise
        return False
    return True


async def resolve_names(names: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return the numeric addresses of each name, of which those are given that each key has. May suspend.

    Raises:
        UserError: a name does not resolve.
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, hosts in names.items():
        for host in hosts:
            answers = await _resolve(key, host.strip(), 0)
            found[host] = tuple(dict.fromkeys(address.host for address in answers))
    return found


async def resolve_targets(endpoints: Iterable[tuple[str, int]]) -> list[tuple[Address, ...]]:
    """Return the addresses of each target in the order in which to try them. May suspend.

    That is the resolver's (RFC 6724), with the families in turn (RFC 8305, section 4).

    Raises:
        UserError: a name does not resolve.
    """
    return [_in_turn(await _resolve("client.target", host, port)) for host, port in endpoints]


def _in_turn(addresses: Iterable[Address]) -> tuple[Address, ...]:
    families: dict[bool, list[Address]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(":" in address.host, []).append(address)
    turns = zip_longest(*families.values())
    return tuple(address for turn in turns for address in turn if address is not None)


async def _resolve(key: str, host: str, port: int) -> list[Address]:
    try:
        answers = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = system_reason(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{key}: the name '{host}' does not resolve: {reason}") from error
    return [
        address_of(sockaddr) for family, _, _, _, sockaddr in answers if family in (socket.AF_INET, socket.AF_INET6)
    ]
