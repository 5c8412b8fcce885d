"""How a UDP socket is opened: its buffers, its timestamps, its address."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Final

from cts.api import Address
from cts.net.addresses import sockaddr_of
from cts.net.libc import SO_RXQ_OVFL, SO_TIMESTAMPNS
from cts.net.socket_options import NOTHING_SET, SocketOptions, bind_client, configure

__all__ = ["open_udp_socket", "untold"]

_WITNESSES: Final = (
    (
        (SO_TIMESTAMPNS, "when a datagram came (SO_TIMESTAMPNS): the time at which it was read counts instead"),
        (SO_RXQ_OVFL, "with datagrams what it dropped (SO_RXQ_OVFL): overflow may read less than there was"),
    )
    if sys.platform == "linux"
    else ()
)
"""Options by which the kernel tells of datagrams, and what it does not tell without."""


def open_udp_socket(
    *,
    local: Address | None = None,
    remote: Address | None = None,
    shared: bool = False,
    shared_later: bool = False,
    options: SocketOptions = NOTHING_SET,
    turn: int = 0,
) -> socket.socket:
    """Return a nonblocking UDP socket with large buffers and, where the kernel has them, receive times; bound or connected.

    Args:
        local, remote: what to bind to, or to connect to.
        shared_later: whether nobody has the address now, and this user's others may bind it from then on.
        shared: whether other processes bind the same address; the kernel then spreads peers over them (SO_REUSEPORT).
        options: what else to set; where to bind is theirs to say for a socket that is connected.
        turn: which of the ports that they name is tried first.

    Raises:
        OSError: the kernel refused the address.
    """
    address = local or remote
    family = socket.AF_INET6 if address is not None and ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        configure(sock, options)
        for option, _ in _WITNESSES:
            _ask_for(sock, option)
        if family == socket.AF_INET6:
            # "*" means a socket for each family.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            _share(sock)
        if local is not None:
            sock.bind(sockaddr_of(local))
        if shared_later:
            _share(sock)
        if remote is not None:
            if local is None and options.binds_clients:
                bind_client(sock, options, turn)
            sock.connect(sockaddr_of(remote))
    except OSError:
        sock.close()
        raise
    return sock


def untold() -> list[str]:
    """Return what to tell a person of what this kernel does not tell of datagrams, tried on a socket if one is to be had."""
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            return [f"this kernel does not tell {what}" for option, what in _WITNESSES if not _ask_for(sock, option)]
    except OSError:
        return []


def _ask_for(sock: socket.socket, option: int) -> bool:
    """Switch an option on; return whether this kernel has it. Emulated kernels and sandboxes lack some."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:
            raise
        return False
    return True


def _share(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} (SO_REUSEPORT, without which run.processes is 1)") from error
