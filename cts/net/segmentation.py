"""Send many datagrams with one system call: UDP_SEGMENT (udp(7), Linux 4.18).

The kernel cuts one buffer into datagrams of a segment size given in a control message; all are of that size but the last,
which may be shorter. Here every datagram is a header of its own followed by a payload. iovecs of a layout (a sequence of
payloads) are built once and used again: only the block of headers and the address are rewritten.

A path may refuse segments: EINVAL or EMSGSIZE where a datagram is larger than the path's MTU (segments are never
fragmented), EIO where checksums or IPsec stand against it. One datagram alone is sent without the control message, so it
may be fragmented.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import frozen

from cts.native import raise_errno
from cts.net.addresses import Source, address_of, pack_sockaddr
from cts.net.libc import (
    CMSG_HEADER,
    MSG_DONTWAIT,
    SOCKADDR_MAX_SIZE,
    SOL_UDP,
    UDP_SEGMENT,
    available,
    cmsg_space,
    iovec,
    mmsghdr,
    msghdr,
    sendmmsg,
    sendmsg,
)
from cts.protocol.stamps import Header
from cts.protocol.trains import DATAGRAMS_PER_TRAIN, TRAIN_MAX_BYTES, TRAINS_AT_ONCE
from cts.protocol.wire import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SegmentedSender", "supported"]

_LAYOUTS_MAX: Final = 16
_FLAGS: Final = ctypes.c_int(MSG_DONTWAIT)
Remote = TypeVar("Remote")
_SEGMENT_CMSG: Final = struct.Struct("=QiiH6x")


@frozen(eq=False)
class _Layout:
    """Where the pieces of one message lie; ``kept`` holds everything that the addresses inside point to."""

    vector: int
    pieces: int
    control: int | None
    control_size: int
    kept: tuple[object, ...]


class _Slot:
    """One message that is sent again and again: its own headers and address, and payloads that seldom change."""

    def __init__(self, message: msghdr) -> None:
        self._message = message
        self._headers = bytearray(HEADER_SIZE * DATAGRAMS_PER_TRAIN)
        self._headers_memory = (ctypes.c_char * len(self._headers)).from_buffer(self._headers)
        self._name = bytearray(SOCKADDR_MAX_SIZE)
        self._name_memory = (ctypes.c_char * SOCKADDR_MAX_SIZE).from_buffer(self._name)
        self._sockaddr: bytes | None = None
        self._layouts: OrderedDict[tuple[int, Source | None], tuple[Sequence[memoryview], _Layout]] = OrderedDict()
        self._payloads: Sequence[memoryview] | None = None
        self._source: Source | None = None
        self._kept: object = None

    def put(
        self,
        sockaddr: bytes | None,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None,
    ) -> None:
        """Make the message one to ``sockaddr``, from ``source``, with its own of ``header`` before each of ``payloads``."""
        if sockaddr is not self._sockaddr:
            if sockaddr is not None and self._sockaddr is not None and len(sockaddr) == len(self._sockaddr):
                self._name[: len(sockaddr)] = sockaddr
                self._sockaddr = sockaddr
            else:
                self._set_name(sockaddr)
        if payloads is not self._payloads or source is not self._source:
            self._select(payloads, source)
        size = HEADER_SIZE * len(payloads)
        if len(header) != size:
            if len(header) != HEADER_SIZE:
                raise ValueError(
                    f"{len(header)} bytes of headers: {HEADER_SIZE} are wanted, or as many for each datagram"
                )
            header = bytes(header) * len(payloads)
        self._headers[:size] = header

    def _set_name(self, sockaddr: bytes | None) -> None:
        size = len(sockaddr or b"")
        if size > SOCKADDR_MAX_SIZE:
            raise ValueError(f"a socket address of {size} bytes: at most {SOCKADDR_MAX_SIZE} are allowed")
        self._name[:size] = sockaddr or b""
        self._sockaddr = sockaddr
        self._message.msg_name = ctypes.addressof(self._name_memory) if sockaddr else None
        self._message.msg_namelen = size

    def _select(self, payloads: Sequence[memoryview], source: Source | None) -> None:
        key = id(payloads), source
        known = self._layouts.get(key)
        if known is not None:
            self._layouts.move_to_end(key)
            layout = known[1]
        else:
            layout = self._build(payloads, source)
            if _never_changes(payloads):
                self._layouts[key] = payloads, layout
                if len(self._layouts) > _LAYOUTS_MAX:
                    self._layouts.popitem(last=False)
        message = self._message
        message.msg_iov, message.msg_iovlen = layout.vector, layout.pieces
        message.msg_control, message.msg_controllen = layout.control, layout.control_size
        self._kept = layout
        # What may change is looked at anew each time.
        self._payloads = payloads if key in self._layouts else None
        self._source = source

    def _build(self, payloads: Sequence[memoryview], source: Source | None) -> _Layout:
        _check(payloads)
        kept: list[object] = []
        vector = (iovec * (2 * len(payloads)))()
        headers = ctypes.addressof(self._headers_memory)
        for index, payload in enumerate(payloads):
            memory = _memory_of(payload)
            kept.append(memory)
            vector[2 * index] = iovec(headers + HEADER_SIZE * index, HEADER_SIZE)
            vector[2 * index + 1] = iovec(ctypes.cast(memory, ctypes.c_void_p).value, payload.nbytes)
        cmsg = b""
        if len(payloads) > 1:
            cmsg = _SEGMENT_CMSG.pack(CMSG_HEADER.size + 2, SOL_UDP, UDP_SEGMENT, HEADER_SIZE + payloads[0].nbytes)
        if source is not None:
            cmsg += CMSG_HEADER.pack(CMSG_HEADER.size + len(source.data), source.level, source.kind)
            cmsg += source.data.ljust(cmsg_space(len(source.data)) - CMSG_HEADER.size, b"\0")
        if not cmsg:
            return _Layout(ctypes.addressof(vector), len(vector), None, 0, (vector, *kept))
        control = ctypes.create_string_buffer(cmsg, len(cmsg))
        return _Layout(
            ctypes.addressof(vector), len(vector), ctypes.addressof(control), len(control), (vector, control, *kept)
        )


class SegmentedSender:
    """Sends trains of datagrams on a UDP socket, each train with one ``sendmsg``, or several with one ``sendmmsg``.

    ``fd`` stays the caller's, who stops using this object before it closes the socket. Never suspends and never blocks.

    Of a train go all datagrams or none. ``sockaddr`` is None on a connected socket; ``source`` is where they leave from, None
    for where the kernel chooses. ``payloads`` are held on to and must never
    change: equal lengths but for a shorter last one, at most DATAGRAMS_PER_TRAIN of them, and no more than TRAIN_MAX_BYTES
    with the headers. What breaks these rules raises ValueError.
    """

    def __init__(self, fd: int) -> None:
        self._fd = ctypes.c_int(fd)
        self._messages = (mmsghdr * TRAINS_AT_ONCE)()
        self._first = ctypes.c_void_p(ctypes.addressof(self._messages))
        self._count = ctypes.c_uint()
        self._slots = [_Slot(self._messages[0].msg_hdr)]

    def send(
        self,
        sockaddr: bytes | None,
        header: Header,
        payloads: Sequence[memoryview],
        source: Source | None = None,
    ) -> int:
        """Send a header + payload as one datagram for each payload; return the bytes handed over.

        ``header`` is a block of headers, one for each payload, or one that is the same for all.

        Raises BlockingIOError when the send buffer is full, and another OSError for what the kernel refuses (EMSGSIZE,
        ENOBUFS, an earlier datagram's ECONNREFUSED, ...).
        """
        self._slots[0].put(sockaddr, header, payloads, source)
        sent = sendmsg(self._fd, self._first, _FLAGS)
        if sent < 0:
            raise_errno()
        return sent

    def send_many(
        self,
        trains: Sequence[tuple[Remote, Header, Sequence[memoryview]]],
        sockaddrs: Mapping[Remote, bytes] | None,
        source: Source | None = None,
    ) -> int:
        """Send the first TRAINS_AT_ONCE trains (remote, header, payloads) with one call; return how many went, at least one.

        ``sockaddrs`` has each remote's socket address; None on a connected socket. Raises as :meth:`send` does if the first
        cannot go.
        """
        slots = self._slots
        count = min(len(trains), TRAINS_AT_ONCE)
        while len(slots) < count:
            slots.append(_Slot(self._messages[len(slots)].msg_hdr))
        for slot, (remote, header, payloads) in zip(slots, trains, strict=False):
            slot.put(None if sockaddrs is None else sockaddrs[remote], header, payloads, source)
        self._count.value = count
        gone = sendmmsg(self._fd, self._first, self._count, _FLAGS)
        if gone < 0:
            raise_errno()
        return gone


def _never_changes(payloads: Sequence[memoryview]) -> bool:
    return isinstance(payloads, tuple) and all(isinstance(payload.obj, bytes) for payload in payloads)


def _check(payloads: Sequence[memoryview]) -> None:
    sizes = [payload.nbytes for payload in payloads]
    if not 1 <= len(sizes) <= DATAGRAMS_PER_TRAIN:
        raise ValueError(f"{len(sizes)} datagrams in one call: 1 to {DATAGRAMS_PER_TRAIN} are allowed")
    if any(size != sizes[0] for size in sizes[:-1]) or sizes[-1] > sizes[0]:
        raise ValueError("datagrams of one call must have one size, but for a shorter last one")
    total = sum(sizes) + HEADER_SIZE * len(sizes)
    if total > TRAIN_MAX_BYTES:
        raise ValueError(f"{total} bytes in one call: at most {TRAIN_MAX_BYTES} are allowed")


def _memory_of(payload: memoryview) -> ctypes.Array[ctypes.c_char] | ctypes.c_char_p:
    """Find where a payload's bytes lie, as an object that keeps them there; copy them only where that is not to be had."""
    if not payload.readonly:
        return (ctypes.c_char * payload.nbytes).from_buffer(payload)
    owner = payload.obj
    # ctypes takes no address of read-only memory, but of a bytes object's start; what equals its start may be sent from there.
    if isinstance(owner, bytes) and payload == memoryview(owner)[: payload.nbytes]:
        return ctypes.c_char_p(owner)
    return ctypes.c_char_p(bytes(payload))


def supported() -> bool:
    """Tell whether this kernel sends segments: send two over the loopback address and read them back.

    May block for up to a second where the kernel accepts segments but loses them; otherwise takes well under a millisecond.
    """
    if not available():
        return False
    header = bytearray(range(HEADER_SIZE))
    payloads = [memoryview(b"segment")[:size] for size in (7, 3)]
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as receiving, socket.socket(type=socket.SOCK_DGRAM) as sending:
            receiving.bind(("127.0.0.1", 0))
            receiving.settimeout(1.0)
            sender = SegmentedSender(sending.fileno())
            sender.send(pack_sockaddr(address_of(receiving.getsockname())), header, payloads)
            return [receiving.recv(TRAIN_MAX_BYTES) for _ in payloads] == [bytes(header + part) for part in payloads]
    except OSError:
        return False
