"""From names to addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import trio

from cts.api import Address
from cts.errors import UserError
from cts.net.sockaddr import address_of

__all__ = ["missing_families", "resolve_listen", "resolve_targets"]

_ANY = (Address("0.0.0.0", 0), Address("::", 0))


async def resolve_listen(endpoints: Iterable[tuple[str, int]]) -> list[Address]:
    """Return the addresses to bind: for ``*`` one of each family, for a name every one it has. May suspend.

    Raises:
        UserError: a name does not resolve.
    """
    found: list[Address] = []
    for host, port in endpoints:
        if host == "*":
            found += [Address(any_host, port) for any_host, _ in _ANY if _can_bind(any_host)]
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
    """Tell whether this system has the family of an unspecified address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
    except OSError:
        return False
    return True


async def resolve_targets(endpoints: Iterable[tuple[str, int]]) -> list[Address]:
    """Return one address for each target, the one that the resolver prefers. May suspend.

    Raises:
        UserError: a name does not resolve.
    """
    return [(await _resolve("client.target", host, port))[0] for host, port in endpoints]


async def _resolve(key: str, host: str, port: int) -> list[Address]:
    try:
        answers = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{key}: the name '{host}' does not resolve: {reason}") from error
    return [
        address_of(sockaddr) for family, _, _, _, sockaddr in answers if family in (socket.AF_INET, socket.AF_INET6)
    ]
