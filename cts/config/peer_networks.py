"""``server.allow``, ``deny`` and ``original_clients``: networks, addresses and names of peers; ``server.limits``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final, Literal, TypeAlias

from attrs import field, frozen

from cts.config.endpoint_text import EVERY_ADDRESS, parse_endpoint
from cts.config.problems import Problem, shown
from cts.protocol.plan import MIN_DATAGRAM_MAX_SIZE
from cts.protocol.wire import MAX_DATAGRAM_SIZE
from cts.units import SECOND, Between, Duration, FrameRate, Rate, Size

__all__ = ["LOCAL", "LimitsConfig", "OriginalClients", "PeerNetwork", "original_clients_problems", "parse_network"]

LOCAL: Final = "local"
"""Stands for loopback, private and link-local networks."""

SYNTAX: Final = (
    'a network "192.0.2.0/24" or "2001:db8::/32", an address "192.0.2.7", a name "host.example", or "local": loopback, '
    "private and link-local networks"
)


def parse_network(text: str) -> str | None:
    """Return a network in the usual notation; None for a name and for :data:`LOCAL`. Raises ValueError: what is allowed."""
    stripped = text.strip()
    if stripped == LOCAL:
        return None
    if stripped == EVERY_ADDRESS:
        raise ValueError(
            f"{shown(text)} is every address; allowed: {SYNTAX}; for all of a family '0.0.0.0/0' or '::/0'"
        )
    if not re.search(r"[/:\[\]]", stripped) and not re.fullmatch("[0-9.]+", stripped):
        try:
            parse_endpoint(stripped)
        except ValueError:
            raise ValueError(f"{shown(text)} is no name that could be known; allowed: {SYNTAX}") from None
        return None
    try:
        if "%" in stripped:
            raise ValueError("a zone is no part of a network")
        return str(ip_network(stripped))
    except ValueError:
        likely = _likely(stripped)
        whole = likely is not None and likely.prefixlen == likely.max_prefixlen
        meant = "" if likely is None else f"; did you mean '{likely.network_address if whole else likely}'?"
        raise ValueError(f"{shown(text)} is no network or address; allowed: {SYNTAX}{meant}") from None


def _likely(text: str) -> IPv4Network | IPv6Network | None:
    """Return the network that an address within it, or one with brackets, a zone or a port was meant to be."""
    bare = re.sub(r"^\[([^\]]*)\](:[0-9]+)?", r"\1", text)
    bare = re.sub(r"^([0-9.]+):[0-9]+$", r"\1", re.sub(r"%[^/]*", "", bare))
    try:
        return ip_network(bare, strict=False)
    except ValueError:
        return None


PeerNetwork = Annotated[str, parse_network]
OriginalClients: TypeAlias = Literal["local", "all", "none"] | tuple[PeerNetwork, ...]
_Some = Annotated[int, Between(1)]
_SomeRate = Annotated[Rate, Between(1)]
_SomeTime = Annotated[Duration, Between(1)]


@frozen
class LimitsConfig:
    """``[server.limits]``: what an address, a network and all peers together may have of a server, and a stream at most.

    Networks have the prefixes that sites are given: /24 (IPv4), /56 (IPv6, RFC 6177). At once, four seconds' STARTs may come.
    Without a bit rate there is no limit but the number of streams. The last six are for streams that clients ask for by HELLO:
    by START they ask for that of ``[stream]``.
    """

    streams_per_address: _Some = 2048
    streams_per_network: _Some = 3072
    ipv4_prefix: Annotated[int, Between(1, 32)] = 24
    ipv6_prefix: Annotated[int, Between(1, 128)] = 56
    starts_per_second_per_address: _Some = 1000
    starts_per_second: _Some = 10_000
    bits_per_second_per_address: _SomeRate | None = None
    bits_per_second: _SomeRate | None = None
    bits_per_second_per_stream: _SomeRate = field(default=Rate(1_000_000_000))
    frame_rate: FrameRate = field(default=FrameRate(1000))
    stream_length: _SomeTime = field(default=Duration(3600 * SECOND))
    buffer_depth: _SomeTime = field(default=Duration(60 * SECOND))
    datagram_max_size: Annotated[Size, Between(MIN_DATAGRAM_MAX_SIZE, MAX_DATAGRAM_SIZE)] = field(
        default=Size(MAX_DATAGRAM_SIZE)
    )
    frame_size: Annotated[Size, Between(1)] = field(default=Size(16 * 1024 * 1024))


def original_clients_problems(clients: OriginalClients) -> Iterable[Problem]:
    """Take a name that is nearly one of the words for that word: names are looked up only when the run begins."""
    words = ("local", "all", "none")
    for index, text in enumerate(() if isinstance(clients, str) else clients):
        near = () if text == LOCAL or "." in text else get_close_matches(text.lower(), words, n=1)
        if near or text in words[1:]:
            meant = near[0] if near else text
            found = (
                f"{shown(text)} in a list is a host's name; allowed: {SYNTAX}; did you mean the text {meant!r} alone?"
            )
            yield Problem(("server", "original_clients", index), found)
