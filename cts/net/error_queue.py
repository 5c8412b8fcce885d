"""What ICMP says of the datagrams that a socket has sent, and to whom they went: IP_RECVERR of ip(7), IPV6_RECVERR of ipv6(7).

A socket without a peer is told nothing of it otherwise. With the option, the kernel queues each such message beside what is
received, and also lets the next call on the socket fail by it, whomever that call is for. The queue takes its room out of the
receive buffer, and a socket that has anything there is ready for ever: it is to be emptied, by who waits for sockets, a
bounded part a turn, since anybody can forge ICMP. A call that failed by an error is tried again at once; what is queued waits.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from collections import Counter
from typing import Final

from cts.api import Address, UnreachableHandler
from cts.net.addresses import address_of

__all__ = ["ICMP_ERRORS", "TRIES_WHILE_NEWS_COMES", "ErrorQueue", "IcmpNews", "says_unreachable"]

_ICMP_ERROR_NAMES = """
    ECONNREFUSED ECONNRESET EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN ENONET EMSGSIZE EPROTO ENOPROTOOPT EOPNOTSUPP EACCES
"""
ICMP_ERRORS: Final = frozenset(getattr(errno, name) for name in _ICMP_ERROR_NAMES.split() if hasattr(errno, name))
"""Errors by which a socket reports what ICMP said of an earlier datagram (ip(7), RFC 1122 section 4.1.3.3).

The verdicts tell what became of that datagram, so no read fails by them. A send may also be refused with one of these itself,
so it is tried again only a few times."""

# Python names neither; the numbers are Linux's.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_RECVERR: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, _IP_RECVERR),
    socket.AF_INET6: (socket.IPPROTO_IPV6, _IPV6_RECVERR),
}

_EXTENDED_ERROR: Final = struct.Struct("=IBBBxII")
"""``struct sock_extended_err``: error, origin, type, code, and two values; the address of who sent the message follows."""
_ANCILLARY_SPACE: Final = 512
_AT_ONCE: Final = 256
"""Messages taken in a row, about a millisecond's work: a socket that has more is ready still."""

_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMPV6: Final = 3
_DESTINATION_UNREACHABLE: Final = {_ORIGIN_ICMP: 3, _ORIGIN_ICMPV6: 1}
"""Types of RFC 792 and RFC 4443: nobody at the port, no such host, no way there, or a filter in between."""
_FRAGMENTATION_NEEDED: Final = (_ORIGIN_ICMP, 4)
"""A code of the same type in RFC 792, by which a host learns the size that a path takes; its peer may well be there."""


def says_unreachable(origin: int, kind: int, code: int) -> bool:
    """Tell whether a message, by the numbers of ``struct sock_extended_err``, says that the peer cannot be reached."""
    return _DESTINATION_UNREACHABLE.get(origin) == kind and (origin, code) != _FRAGMENTATION_NEEDED


_SEND_TRIES: Final = 3
TRIES_WHILE_NEWS_COMES: Final = 100
"""Times that a call is tried while each fails by what ICMP has just said, less than a millisecond in all.

A flood of it comes in bursts, which have to last longer to hold a call up."""


class ErrorQueue:
    """The error queue of a socket that has no peer; the socket stays the caller's.

    Raises:
        OSError: the kernel has none for it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock: Final = sock
        self._kind: Final = _RECVERR[sock.family]
        sock.setsockopt(*self._kind, 1)

    def take(self) -> tuple[int, Counter[Address]]:
        """Take out what is there, up to a bound, without waiting.

        Returns:
            How many messages of ICMP there were, and how many of them said of which peer that it cannot be reached. Errors of
            this host's own are neither: the call that met them has raised them.
        """
        came, unreachable = 0, Counter[Address]()
        for _ in range(_AT_ONCE):
            try:
                _, ancillary, _, sockaddr = self._sock.recvmsg(0, _ANCILLARY_SPACE, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                break
            for level, kind, data in ancillary:
                if (level, kind) == self._kind and len(data) >= _EXTENDED_ERROR.size:
                    _, origin, icmp_type, code, _, _ = _EXTENDED_ERROR.unpack_from(data)
                    came += origin in _DESTINATION_UNREACHABLE
                    if sockaddr and says_unreachable(origin, icmp_type, code):
                        unreachable[address_of(sockaddr)] += 1
        return came, unreachable


class IcmpNews:
    """What ICMP says of the datagrams of one socket: counted, told, and kept from being taken for a refusal of another one.

    A connected socket's errors are its peer's, and the kernel keeps the last one only. Any other has an error queue, where
    the system has such a thing.

    Args:
        sock: the socket, which stays the caller's.
        peer: the only remote, if it is connected.

    Attributes:
        unreachable: times that ICMP said that a peer cannot be reached.
        handler: told of whom, and how often; None for nobody.
    """

    def __init__(self, sock: socket.socket, peer: Address | None) -> None:
        self._peer = peer
        self._queue: ErrorQueue | None = None
        if peer is None and sys.platform == "linux":
            # A system that has none (a sandbox) tells nothing, and that is all.
            with contextlib.suppress(OSError):
                self._queue = ErrorQueue(sock)
        self.unreachable = 0
        self.handler: UnreachableHandler | None = None

    def read(self) -> bool:
        """Take in what is in the error queue, up to a bound; tell whether there was anything of ICMP."""
        if self._queue is None:
            return False
        came, unreachable = self._queue.take()
        for remote, times in unreachable.items():
            self._count(remote, times)
        return came > 0

    def was_earlier(self, error: OSError, met: list[OSError], most: int = _SEND_TRIES) -> bool:
        """Tell whether an error may be of an earlier datagram, maybe to another peer, and note it: then one tries again.

        A refusal of the datagram itself stays, so where nothing of ICMP is to be had there are ``most`` such tries. Mostly one
        does, for the call that failed has taken the error off the socket; the queue is looked at once, and not emptied for it.
        """
        if error.errno not in ICMP_ERRORS:
            return False
        met.append(error)
        if len(met) == most + 1:
            return self.read()
        return len(met) <= TRIES_WHILE_NEWS_COMES

    def count(self, met: list[OSError]) -> None:
        """Count errors that turned out to be of earlier datagrams; where there is an error queue, it has told of them."""
        times = sum(error.errno != errno.EMSGSIZE for error in met)
        if times and self._queue is None and self._peer is not None:
            self._count(self._peer, times)

    def dropped_on_the_way_out(self, error: OSError) -> bool:
        """Tell whether an error says that the interface's queue dropped the datagram.

        The kernel says so to sockets with an error queue only; to others, such a datagram was sent and is lost.
        """
        return error.errno == errno.ENOBUFS and self._queue is not None

    def _count(self, remote: Address, times: int) -> None:
        self.unreachable += times
        if self.handler is not None:
            self.handler(remote, times)
