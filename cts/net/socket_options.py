"""What a run sets on each of its sockets: marking, hop limit, interface, buffers, and where a client's are bound."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import frozen

from cts.api import Address
from cts.errors import UserError, is_exhausted, system_error
from cts.net.addresses import sockaddr_of
from cts.net.libc import SO_RCVBUFFORCE, SO_SNDBUFFORCE
from cts.records.buffers import BufferRoom, SocketBuffers

__all__ = ["NOTHING_SET", "SocketOptions", "bind_client", "buffers_of", "configure", "reached_from", "try_out"]

_DEFAULT_BUFFER = 4 << 20
_EVERY_HOST = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
_FORCES = {socket.SO_RCVBUF: SO_RCVBUFFORCE, socket.SO_SNDBUF: SO_SNDBUFFORCE}
_DOUBLED = 2 if sys.platform == "linux" else 1


@frozen(kw_only=True)
class SocketOptions:
    """What a configuration says of sockets; None is what the system does by itself.

    Attributes:
        dscp: the differentiated services codepoint of what is sent, 0 to 63 (RFC 2474).
        ttl: the TTL (IPv4) or hop limit (IPv6) of what is sent.
        interface: the only interface to send and receive by.
        receive_buffer, send_buffer: bytes to ask for; None for 4 MiB, or what the kernel gives without privilege.
        client_host: where client sockets are bound; None for where the route says.
        client_ports: the first and the last of the ports that they take, one each; None for any that is free.
    """

    dscp: int | None = None
    ttl: int | None = None
    interface: str | None = None
    receive_buffer: int | None = None
    send_buffer: int | None = None
    client_host: str | None = None
    client_ports: tuple[int, int] | None = None

    @property
    def binds_clients(self) -> bool:
        """Whether client sockets are bound before they are connected."""
        return self.client_host is not None or self.client_ports is not None

    def reaches(self, remote: Address) -> bool:
        """Tell whether a client's socket can be of that address's family."""
        return self.client_host is None or (":" in self.client_host) == (":" in remote.host)


NOTHING_SET: Final = SocketOptions()


def configure(sock: socket.socket, options: SocketOptions) -> None:
    """Set all but the binding on a new socket.

    Raises:
        OSError: the kernel refused; its text names the key.
    """
    _set_buffer(sock, socket.SO_RCVBUF, options.receive_buffer)
    _set_buffer(sock, socket.SO_SNDBUF, options.send_buffer)
    ipv6 = sock.family == socket.AF_INET6
    if options.dscp is not None:
        # The lower two bits are ECN's (RFC 3168).
        where = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TOS)
        _mark(sock, where, options.dscp << 2, "stream.dscp")
    if options.ttl is not None:
        where = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TTL)
        _mark(sock, where, options.ttl, "run.ttl")
    if options.interface is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(options.interface) + b"\0")
        except OSError as error:
            raise OSError(error.errno, _interface_text(options.interface, error)) from error


def _mark(sock: socket.socket, where: tuple[int, int], value: int, key: str) -> None:
    try:
        sock.setsockopt(*where, value)
    except OSError as error:
        raise OSError(error.errno, f"{key}: this system refuses it: {system_error(error)}") from error


def _interface_text(name: str, error: OSError) -> str:
    if error.errno == errno.ENODEV:
        here = ", ".join(each for _, each in socket.if_nameindex())
        return f"run.interface: there is no interface {name!r} here; allowed: {here}"
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"run.interface: no permission to bind sockets to {name!r}; allowed with CAP_NET_RAW, or left out"
    return f"run.interface: {name!r}: {system_error(error)}"


def _set_buffer(sock: socket.socket, option: int, wanted: int | None) -> None:
    """Ask for room. Whoever asks by name and has the privilege (CAP_NET_ADMIN) gets it beyond the system's limit."""
    asked = _DEFAULT_BUFFER if wanted is None else wanted
    sock.setsockopt(socket.SOL_SOCKET, option, asked)
    if wanted is not None and sys.platform == "linux" and _given(sock, option) < asked:
        # Without the privilege, and on kernels that lack the option, the limit holds.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _FORCES[option], asked)


def _given(sock: socket.socket, option: int) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, option) // _DOUBLED


def _limit(option: int) -> int | None:
    name = "rmem_max" if option == socket.SO_RCVBUF else "wmem_max"
    try:
        return int(Path("/proc/sys/net/core", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def buffers_of(sock: socket.socket, options: SocketOptions) -> SocketBuffers:
    """Return what a socket asked for and got."""

    def room(option: int, wanted: int | None) -> BufferRoom:
        asked = _DEFAULT_BUFFER if wanted is None else wanted
        return BufferRoom(asked, _given(sock, option), wanted is not None, _limit(option))

    return SocketBuffers(
        receive=room(socket.SO_RCVBUF, options.receive_buffer), send=room(socket.SO_SNDBUF, options.send_buffer)
    )


def bind_client(sock: socket.socket, options: SocketOptions, turn: int = 0) -> None:
    """Bind a client's socket where the options say: to the first port that is free, from the ``turn``-th on.

    Raises:
        OSError: there is none, or the address is not to be had; the text names the key.
    """
    host = options.client_host or _EVERY_HOST[sock.family]
    if (":" in host) != (sock.family == socket.AF_INET6):
        raise OSError(errno.EAFNOSUPPORT, f"client.bind: {host} is not of the other end's address family")
    first, last = options.client_ports or (0, 0)
    count = last - first + 1
    for step in range(count):
        local = Address(host, first + (turn + step) % count)
        try:
            sock.bind(sockaddr_of(local))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                text = "is no address of this host" if error.errno == errno.EADDRNOTAVAIL else system_error(error)
                raise OSError(error.errno, f"client.bind: {local if local.port else host} {text}") from error
        else:
            return
    which = f"port {first} is" if count == 1 else f"all {count} ports from {first} to {last} are"
    raise OSError(errno.EADDRINUSE, f"client.bind: {which} in use on {host}")


def reached_from(options: SocketOptions, targets: Iterable[tuple[Address, ...]]) -> list[tuple[Address, ...]]:
    """Return each target's addresses without those that a client's socket cannot be connected to.

    Raises:
        UserError: one has no other.
    """
    found = []
    for target in targets:
        found.append(tuple(address for address in target if options.reaches(address)))
        if not found[-1]:
            text = f"no address of this one is of the family of {options.client_host}: {', '.join(map(str, target))}"
            raise UserError(f"client.bind: client.target: {text}")
    return found


def try_out(options: SocketOptions, *, ipv6: bool = False, client: bool = False) -> SocketBuffers:
    """Open a socket with the options, as one of the run's own; return the buffers that it got.

    Args:
        options: what to try.
        ipv6: the address family, unless the options name an address.
        client: whether to try where client sockets are bound, too.

    Raises:
        UserError: the options cannot be had; says which one, and what is allowed.
    """
    if client and options.client_host is not None:
        ipv6 = ":" in options.client_host
    try:
        with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            configure(sock, options)
            if ipv6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if client and options.binds_clients:
                bind_client(sock, options)
            return buffers_of(sock, options)
    except OSError as error:
        if is_exhausted(error):
            raise
        raise UserError(system_error(error)) from error
