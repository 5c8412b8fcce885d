"""``client.bind``: where a client's sockets are bound, and whether all of its connections find a place there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from cts.config.endpoint_text import EVERY_ADDRESS, bracketed, parse_endpoint
from cts.config.problems import Problem, shown

__all__ = ["ClientBind", "bind_problems", "own_port_problems", "parse_bind"]

SYNTAX = (
    'an address of this host, ports, or both: "192.0.2.7", "192.0.2.7:5000", "[2001:db8::7]:5000-5099" or "5000-5099"'
)
_PORTS = "([0-9]{1,5})(?: *- *([0-9]{1,5}))?"
_SHAPE = re.compile(rf"(\[[^\[\]]*\]|[^:\[\]]*?)(?::{_PORTS})?")


class ClientBind(NamedTuple):
    """What the text says.

    Attributes:
        host: a numeric address, with ``%interface`` where it needs one; None for where the route says.
        ports: the first and the last one; None for any that is free.
    """

    host: str | None
    ports: tuple[int, int] | None


def parse_bind(value: int | str) -> ClientBind:
    """Split into address and ports, of which a number alone is one; raises ValueError, whose text says what is allowed."""
    text = str(value)
    stripped = text.strip()
    alone = re.fullmatch(f":?{_PORTS}", stripped)
    if alone is not None:
        return ClientBind(None, _ports(text, alone[1], alone[2]))
    found = _SHAPE.fullmatch(stripped)
    if found is None:
        likely = bracketed(stripped, port=None)
        meant = f"; did you mean {', or '.join(map(repr, likely))}?" if likely else ""
        raise ValueError(f"{shown(text)} is no address and ports; allowed: {SYNTAX}{meant}")
    return ClientBind(_host(text, found[1]), None if found[2] is None else _ports(text, found[2], found[3]))


def _host(text: str, written: str) -> str | None:
    if written == EVERY_ADDRESS:
        return None
    try:
        host, _ = parse_endpoint(written)
        address = ip_address(host.partition("%")[0])
    except ValueError as error:
        zone = "%eth0]" in str(error)
        why = "is link-local and does not say on which interface" if zone else "has no numeric address"
        raise ValueError(f"{shown(text)} {why}; allowed: {SYNTAX}{' with %eth0 behind the address' * zone}") from None
    if address.is_multicast:
        raise ValueError(f"{shown(text)} is the address of a group; allowed: {SYNTAX}")
    return None if address.is_unspecified else host


def _ports(text: str, first: str, last: str | None) -> tuple[int, int]:
    ports = int(first), int(last or first)
    if not 1 <= ports[0] <= 65_535 or ports[1] > 65_535:
        raise ValueError(f"{shown(text)} has a port that is not one of 1 to 65535; allowed: {SYNTAX}")
    if ports[1] < ports[0]:
        raise ValueError(f"{shown(text)} has its last port before its first; allowed: {SYNTAX}")
    return ports


def bind_problems(bind: ClientBind, connections: int, remotes: Sequence[tuple[str, str]]) -> Iterable[Problem]:
    """Return what does not go together.

    Args:
        bind: where sockets are bound.
        connections: how many there are at once; each takes a port.
        remotes: the key, and the host, of each address that is connected to.
    """
    path = ("client", "bind")
    if bind.ports is not None and bind.ports[1] - bind.ports[0] + 1 < connections:
        first, last = bind.ports
        count = f"port {first} is one" if first == last else f"ports {first} to {last} are {last - first + 1}"
        wide = f'"{first}-{first + connections - 1}"' if first + connections - 1 <= 65_535 else "a lower first port"
        text = (
            f"{count}, and client.connections is {connections}: each at once takes a port; allowed: {wide}, or no port"
        )
        yield Problem(path, text, (("client", "connections"),))
    if bind.host is None:
        return
    mine = ":" in bind.host
    for key, host in remotes:
        theirs = None if host == EVERY_ADDRESS else _is_ipv6(host)
        if host == EVERY_ADDRESS:
            text = f"{bind.host} is IPv{6 if mine else 4}, and {key} is every address of both families"
            yield Problem(path, f"{text}; allowed: no address here, or a client.target", (tuple(key.split(".")),))
        elif theirs is not None and theirs != mine:
            text = f"{bind.host} is IPv{6 if mine else 4}, and {key} has {host}"
            yield Problem(path, f"{text}; allowed: an address of the same family", (tuple(key.split(".")),))


def own_port_problems(bind: ClientBind, listen: Iterable[tuple[str, int]]) -> Iterable[Problem]:
    """Return what is wrong where a client's port is one that its own run's server listens on."""
    if bind.ports is None:
        return
    for host, port in listen:
        same = bind.host is None or host in (EVERY_ADDRESS, "0.0.0.0", "::", bind.host)
        if same and bind.ports[0] <= port <= bind.ports[1]:
            text = f"port {port} is the one that this run's server listens on; allowed: other ports, or none"
            yield Problem(("client", "bind"), text, (("server", "listen"),))


def _is_ipv6(host: str) -> bool | None:
    """Tell whether a host is an IPv6 address, None for a name."""
    try:
        return ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        return None
