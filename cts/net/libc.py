"""The few calls and structures of the C library that Python's socket module offers only in a slower form.

Python's ``sendmsg`` and ``recvmsg_into`` build msghdr, iovec and control buffers anew for every call; through ctypes they are
built once. Layouts are those of 64-bit Linux: recvmsg(2), cmsg(3), ip(7), ipv6(7). Importing this module never fails:
ask :func:`available` before anything else here is used.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING, Final

from cts.native import function, is_missing, layouts_known

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CMSG_HEADER",
    "LOOPBACK_HOSTS",
    "MSGHDR_SIZE",
    "MSG_DONTWAIT",
    "SOCKADDR_MAX_SIZE",
    "SOL_UDP",
    "SO_RXQ_OVFL",
    "SO_TIMESTAMPNS",
    "UDP_GRO",
    "UDP_SEGMENT",
    "available",
    "cmsg_space",
    "iovec",
    "memcmp",
    "mmsghdr",
    "msghdr",
    "pack_sockaddr",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "unpack_sockaddr",
]

SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
UDP_GRO: Final = 104
SO_TIMESTAMPNS: Final = 35
SO_RXQ_OVFL: Final = 40
MSG_DONTWAIT: Final = 0x40

CMSG_HEADER: Final = struct.Struct("=Qii")
"""``struct cmsghdr``: length with this header and without padding, level, type."""

SOCKADDR_MAX_SIZE: Final = 28
"""``struct sockaddr_in6``, the larger of the two."""

LOOPBACK_HOSTS: Final = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
"""Where a kernel's ability is tried, for each family that UDP has."""

_SOCKADDR_IN: Final = struct.Struct("!H4s8x")
_SOCKADDR_IN6: Final = struct.Struct("!HI16s")
_FAMILY: Final = struct.Struct("=H")
_SCOPE: Final = struct.Struct("=I")


class iovec(ctypes.Structure):  # noqa: N801
    """``struct iovec`` of readv(2): one piece of a message."""

    _fields_ = [("iov_base", ctypes.c_void_p), ("iov_len", ctypes.c_size_t)]


class msghdr(ctypes.Structure):  # noqa: N801
    """``struct msghdr`` of recvmsg(2); pointers are plain addresses, so whoever fills it in keeps the memory alive."""

    _fields_ = [
        ("msg_name", ctypes.c_void_p),
        ("msg_namelen", ctypes.c_uint32),
        ("msg_iov", ctypes.c_void_p),
        ("msg_iovlen", ctypes.c_size_t),
        ("msg_control", ctypes.c_void_p),
        ("msg_controllen", ctypes.c_size_t),
        ("msg_flags", ctypes.c_int),
    ]


MSGHDR_SIZE: Final = ctypes.sizeof(msghdr)


class mmsghdr(ctypes.Structure):  # noqa: N801
    """``struct mmsghdr`` of sendmmsg(2): a message, and how much of it went."""

    _fields_ = [("msg_hdr", msghdr), ("msg_len", ctypes.c_uint)]


sendmsg: Final[Callable[[ctypes.c_int, ctypes.c_void_p, ctypes.c_int], int]] = function("sendmsg", ctypes.c_ssize_t)
sendmmsg: Final[Callable[[ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int], int]] = function(
    "sendmmsg", ctypes.c_int
)
recvmsg: Final[Callable[[ctypes.c_int, ctypes.c_void_p, ctypes.c_int], int]] = function("recvmsg", ctypes.c_ssize_t)
memcmp: Final[Callable[[ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], int]] = function("memcmp", ctypes.c_int)


def available() -> bool:
    """Tell whether the layouts and functions of this module are this platform's."""
    return layouts_known() and MSGHDR_SIZE == 56 and not is_missing(sendmsg, sendmmsg, recvmsg, memcmp)


def cmsg_space(size: int) -> int:
    """Bytes that a control message with ``size`` bytes of data takes: CMSG_SPACE of cmsg(3)."""
    return CMSG_HEADER.size + (size + 7) // 8 * 8


def pack_sockaddr(host: str, port: int) -> bytes:
    """Give the ``sockaddr_in`` or ``sockaddr_in6`` of a numeric address; an IPv6 one may end in ``%scope``.

    The scope is an interface's name or number. Raises ValueError for what is not a numeric address or a port, OSError for
    an interface that does not exist.
    """
    if not 0 <= port <= 0xFFFF:
        raise ValueError(f"port {port} is not in 0..65535")
    address, _, scope = host.partition("%")
    try:
        if ":" not in address:
            packed = _SOCKADDR_IN.pack(port, socket.inet_pton(socket.AF_INET, host))
            return _FAMILY.pack(socket.AF_INET) + packed
        packed = _SOCKADDR_IN6.pack(port, 0, socket.inet_pton(socket.AF_INET6, address))
    except OSError:
        raise ValueError(f"{host!r} is not a numeric address") from None
    index = 0 if not scope else int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    return _FAMILY.pack(socket.AF_INET6) + packed + _SCOPE.pack(index)


def unpack_sockaddr(sockaddr: bytes) -> tuple[str, int]:
    """Give host and port of a ``sockaddr_in`` or ``sockaddr_in6``; a scope becomes ``%name``, or ``%number`` if nameless.

    Raises ValueError for any other family or length.
    """
    family = _FAMILY.unpack_from(sockaddr)[0] if len(sockaddr) >= _FAMILY.size else None
    if family == socket.AF_INET and len(sockaddr) == _FAMILY.size + _SOCKADDR_IN.size:
        port, packed = _SOCKADDR_IN.unpack_from(sockaddr, _FAMILY.size)
        return socket.inet_ntop(socket.AF_INET, packed), port
    if family == socket.AF_INET6 and len(sockaddr) == SOCKADDR_MAX_SIZE:
        port, _flow, packed = _SOCKADDR_IN6.unpack_from(sockaddr, _FAMILY.size)
        host = socket.inet_ntop(socket.AF_INET6, packed)
        (index,) = _SCOPE.unpack_from(sockaddr, SOCKADDR_MAX_SIZE - _SCOPE.size)
        return (f"{host}%{_interface_name(index)}" if index else host), port
    raise ValueError(f"not an IPv4 or IPv6 socket address: {sockaddr.hex()}")


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
