"""The few calls and structures of the C library that Python's socket module offers only in a slower form.

Python's ``sendmsg`` and ``recvmsg_into`` build msghdr, iovec and control buffers anew for every call; through ctypes they are
built once. Layouts are those of 64-bit Linux: recvmsg(2), cmsg(3), ip(7), ipv6(7). Importing this module never fails:
ask :func:`available` before anything else here is used.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Final

from cts.native import function, is_missing, layouts_known

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CMSG_HEADER",
    "MSGHDR_SIZE",
    "MSG_DONTWAIT",
    "SOCKADDR_MAX_SIZE",
    "SOL_UDP",
    "SO_MEMINFO",
    "SO_RCVBUFFORCE",
    "SO_RXQ_OVFL",
    "SO_SNDBUFFORCE",
    "SO_TIMESTAMPNS",
    "UDP_GRO",
    "UDP_SEGMENT",
    "available",
    "cmsg_space",
    "iovec",
    "memcmp",
    "mmsghdr",
    "msghdr",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
]

SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
UDP_GRO: Final = 104
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
SO_RXQ_OVFL: Final = 40
SO_MEMINFO: Final = 55
"""Nine counters of a socket, of which the last is what it has dropped: SK_MEMINFO_DROPS (Linux 4.12)."""
MSG_DONTWAIT: Final = 0x40

CMSG_HEADER: Final = struct.Struct("=Qii")
"""``struct cmsghdr``: length with this header and without padding, level, type."""

SOCKADDR_MAX_SIZE: Final = 28
"""``struct sockaddr_in6``, the larger of the two."""


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
    """Return the bytes that a control message with ``size`` bytes of data takes: CMSG_SPACE of cmsg(3)."""
    return CMSG_HEADER.size + (size + 7) // 8 * 8
