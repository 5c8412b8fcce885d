"""How a UDP socket is opened: its buffers, its timestamps, its address."""

from __future__ import annotations

import socket
import sys

from cts.api import Address
from cts.net.addresses import sockaddr_of
from cts.net.libc import SO_RXQ_OVFL, SO_TIMESTAMPNS

__all__ = ["open_udp_socket"]

_SOCKET_BUFFER = 4 << 20


def open_udp_socket(
    *, local: Address | None = None, remote: Address | None = None, shared: bool = False, shared_later: bool = False
) -> socket.socket:
    """Return a nonblocking UDP socket with large buffers and kernel receive times, bound or connected.

    Args:
        local, remote: what to bind to, or to connect to.
        shared_later: whether nobody has the address now, and this user's others may bind it from then on.
        shared: whether other processes bind the same address; the kernel then spreads peers over them (SO_REUSEPORT).

    Raises:
        OSError: the kernel refused the address.
    """
    address = local or remote
    family = socket.AF_INET6 if address is not None and ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        if family == socket.AF_INET6:
            # "*" means a socket for each family.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if local is not None:
            sock.bind(sockaddr_of(local))
        if shared_later:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if remote is not None:
            sock.connect(sockaddr_of(remote))
    except OSError:
        sock.close()
        raise
    return sock
