"""Send many datagrams with one system call: UDP_SEGMENT (udp(7), Linux 4.18).

The kernel cuts one buffer into datagrams of a segment size given in a control message; all are of that size but the last,
which may be shorter. Here every datagram is the same header followed by a payload. msghdr and iovec of a layout (a sequence
of payloads) are built once and used again: only header and address are rewritten.

A path may refuse segments: EINVAL or EMSGSIZE where a datagram is larger than the path's MTU (segments are never
fragmented), EIO where checksums or IPsec stand against it. One datagram alone is sent without the control message, so it
may be fragmented.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from attrs import frozen

from cts.net.libc import (
    CMSG_HEADER,
    LOOPBACK_HOSTS,
    MSG_DONTWAIT,
    SOCKADDR_MAX_SIZE,
    SOL_UDP,
    UDP_SEGMENT,
    available,
    iovec,
    msghdr,
    pack_sockaddr,
    raise_errno,
    sendmsg,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEADER_SIZE", "SEGMENTS_MAX", "SEND_MAX_SIZE", "SegmentedSender", "supported"]

HEADER_SIZE: Final = 26
SEGMENTS_MAX: Final = 64
"""UDP_MAX_SEGMENTS of the kernels before 6.9; later ones take 128."""

SEND_MAX_SIZE: Final = 65507
"""Largest UDP payload over IPv4, and so of one call."""

_LAYOUTS_MAX: Final = 64
_FLAGS: Final = ctypes.c_int(MSG_DONTWAIT)
_SEGMENT_CMSG: Final = struct.Struct("=QiiH6x")


@frozen(eq=False)
class _Layout:
    """One message with its iovec; ``kept`` holds everything that the addresses inside point to."""

    payloads: Sequence[memoryview]
    message: msghdr
    address: ctypes.c_void_p
    kept: tuple[object, ...]


class SegmentedSender:
    """Sends batches of datagrams on a UDP socket, each batch with one ``sendmsg``.

    ``fd`` stays the caller's, who stops using this object before it closes the socket. Never suspends and never blocks.
    """

    def __init__(self, fd: int) -> None:
        self._fd = ctypes.c_int(fd)
        self._header = bytearray(HEADER_SIZE)
        self._header_memory = (ctypes.c_char * HEADER_SIZE).from_buffer(self._header)
        self._name = bytearray(SOCKADDR_MAX_SIZE)
        self._name_memory = (ctypes.c_char * SOCKADDR_MAX_SIZE).from_buffer(self._name)
        self._sockaddr: bytes | None = None
        self._layouts: OrderedDict[int, _Layout] = OrderedDict()
        self._layout = _Layout([], msghdr(), ctypes.c_void_p(), ())

    def send(self, sockaddr: bytes | None, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
        """Send ``header`` + payload as one datagram for each payload, all of them or none; give the bytes handed over.

        ``sockaddr`` is None on a connected socket. ``payloads`` is held on to and must never change: equal lengths but for a
        shorter last one, at most SEGMENTS_MAX of them, and no more than SEND_MAX_SIZE bytes with the headers.

        Raises BlockingIOError when the send buffer is full, another OSError for what the kernel refuses (EMSGSIZE, ENOBUFS, an
        earlier datagram's ECONNREFUSED, ...) and ValueError for arguments that break the rules above.
        """
        if sockaddr is not self._sockaddr:
            self._set_sockaddr(sockaddr)
        layout = self._layout
        if payloads is not layout.payloads:
            layout = self._select(payloads)
        self._header[:] = header
        sent = sendmsg(self._fd, layout.address, _FLAGS)
        if sent < 0:
            raise_errno()
        return sent

    def _select(self, payloads: Sequence[memoryview]) -> _Layout:
        layout = self._layouts.get(id(payloads))
        if layout is None:
            layout = self._build(payloads)
            if not _never_changes(payloads):
                return layout
            self._layouts[id(payloads)] = layout
            if len(self._layouts) > _LAYOUTS_MAX:
                self._layouts.popitem(last=False)
        else:
            self._layouts.move_to_end(id(payloads))
        self._layout = layout
        return layout

    def _set_sockaddr(self, sockaddr: bytes | None) -> None:
        before, size = len(self._sockaddr or b""), len(sockaddr or b"")
        if size > SOCKADDR_MAX_SIZE:
            raise ValueError(f"a socket address of {size} bytes: at most {SOCKADDR_MAX_SIZE} are allowed")
        if sockaddr is not None:
            self._name[:size] = sockaddr
        self._sockaddr = sockaddr
        if size != before:
            for layout in self._layouts.values():
                self._set_name(layout.message)

    def _set_name(self, message: msghdr) -> None:
        message.msg_name = ctypes.addressof(self._name_memory) if self._sockaddr else None
        message.msg_namelen = len(self._sockaddr or b"")

    def _build(self, payloads: Sequence[memoryview]) -> _Layout:
        _check(payloads)
        kept: list[object] = []
        vector = (iovec * (2 * len(payloads)))()
        for index, payload in enumerate(payloads):
            memory = _memory_of(payload)
            kept.append(memory)
            vector[2 * index] = iovec(ctypes.addressof(self._header_memory), HEADER_SIZE)
            vector[2 * index + 1] = iovec(ctypes.cast(memory, ctypes.c_void_p).value, payload.nbytes)
        message = msghdr(msg_iov=ctypes.addressof(vector), msg_iovlen=len(vector))
        if len(payloads) > 1:
            cmsg = _SEGMENT_CMSG.pack(CMSG_HEADER.size + 2, SOL_UDP, UDP_SEGMENT, HEADER_SIZE + payloads[0].nbytes)
            control = ctypes.create_string_buffer(cmsg, len(cmsg))
            message.msg_control = ctypes.addressof(control)
            message.msg_controllen = len(control)
            kept.append(control)
        self._set_name(message)
        return _Layout(payloads, message, ctypes.c_void_p(ctypes.addressof(message)), (vector, *kept))


def _never_changes(payloads: Sequence[memoryview]) -> bool:
    return isinstance(payloads, tuple) and all(isinstance(payload.obj, bytes) for payload in payloads)


def _check(payloads: Sequence[memoryview]) -> None:
    sizes = [payload.nbytes for payload in payloads]
    if not 1 <= len(sizes) <= SEGMENTS_MAX:
        raise ValueError(f"{len(sizes)} datagrams in one call: 1 to {SEGMENTS_MAX} are allowed")
    if any(size != sizes[0] for size in sizes[:-1]) or sizes[-1] > sizes[0]:
        raise ValueError("datagrams of one call must have one size, but for a shorter last one")
    total = sum(sizes) + HEADER_SIZE * len(sizes)
    if total > SEND_MAX_SIZE:
        raise ValueError(f"{total} bytes in one call: at most {SEND_MAX_SIZE} are allowed")


def _memory_of(payload: memoryview) -> ctypes.Array[ctypes.c_char] | ctypes.c_char_p:
    """Find where a payload's bytes lie, as an object that keeps them there; copy them only where that is not to be had."""
    if not payload.readonly:
        return (ctypes.c_char * payload.nbytes).from_buffer(payload)
    owner = payload.obj
    # ctypes takes no address of read-only memory, but of a bytes object's start; what equals its start may be sent from there.
    if isinstance(owner, bytes) and payload == memoryview(owner)[: payload.nbytes]:
        return ctypes.c_char_p(owner)
    return ctypes.c_char_p(bytes(payload))


def supported(family: socket.AddressFamily) -> bool:
    """Say whether this kernel sends segments: sends two to itself over ``family``'s loopback address and reads them back.

    May block for up to a second where the kernel accepts segments but loses them; otherwise takes well under a millisecond.
    """
    host = LOOPBACK_HOSTS.get(family)
    if host is None or not available():
        return False
    header = bytearray(range(HEADER_SIZE))
    payloads = [memoryview(b"segment")[:size] for size in (7, 3)]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as receiving, socket.socket(family, socket.SOCK_DGRAM) as sending:
            receiving.bind((host, 0))
            receiving.settimeout(1.0)
            sender = SegmentedSender(sending.fileno())
            sender.send(pack_sockaddr(host, receiving.getsockname()[1]), header, payloads)
            return [receiving.recv(SEND_MAX_SIZE) for _ in payloads] == [bytes(header + part) for part in payloads]
    except OSError:
        return False
