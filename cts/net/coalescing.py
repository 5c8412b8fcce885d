"""Receive many datagrams with one system call: UDP_GRO (udp(7), Linux 5.0), with the kernel's time and drop counter.

The kernel may hand over neighbours of one peer as one buffer, each of the segment size but the last, which may be shorter. A
datagram alone comes without a segment size. msghdr, control and data buffers are built once.

SO_TIMESTAMPNS (socket(7)) stamps a buffer when the kernel takes it in, on CLOCK_REALTIME. SO_RXQ_OVFL counts what the
socket has dropped since it was opened; the kernel mentions it only after the first drop, and counts a coalesced buffer as
one drop.
"""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
from typing import Final, TypeAlias

from cts.native import raise_errno
from cts.net.libc import (
    CMSG_HEADER,
    MSG_DONTWAIT,
    MSGHDR_SIZE,
    SO_RXQ_OVFL,
    SO_TIMESTAMPNS,
    SOCKADDR_MAX_SIZE,
    SOL_UDP,
    UDP_GRO,
    available,
    cmsg_space,
    iovec,
    memcmp,
    msghdr,
    recvmsg,
)
from cts.protocol.stamps import differ_in_stamp_only, flatten_stamps, put_back, stamp_step
from cts.units import SECOND

__all__ = ["BUFFER_SIZE", "CoalescedReceiver", "ReceiveMemory", "Received", "supported"]

BUFFER_SIZE: Final = 65536
"""No UDP buffer is larger: the kernel coalesces to less than 64 KiB whatever gro_max_size says."""

Received: TypeAlias = tuple[bytes | None, int, int, int, int]
"""Remote sockaddr, length, segment size, the kernel's receive time in ns, drops; no address is None, no time 0."""

_CONTROL_SIZE: Final = 128
_CONTROL: Final = MSGHDR_SIZE
_NAME: Final = _CONTROL + _CONTROL_SIZE
_FLAGS: Final = ctypes.c_int(MSG_DONTWAIT)
_INT: Final = struct.Struct("=i")
_COUNT: Final = struct.Struct("=I")
_TIMESPEC: Final = struct.Struct("=qq")

# What a receive needs of msghdr (name and control sizes) and of the usual control messages, in one unpack: a timestamp, then
# the segment size or the drop counter, then the segment size. Level and type of a control message are read as one word.
_RESULT: Final = struct.Struct("=8xI28xQ8x 8xQqq 8xQI")
_THIRD: Final = struct.Struct("=QI")
_TIME_SPACE: Final = cmsg_space(_TIMESPEC.size)
_VALUE_SPACE: Final = cmsg_space(_INT.size)
_THIRD_WORD: Final = _CONTROL + _TIME_SPACE + _VALUE_SPACE + 8


def _word(level: int, kind: int) -> int:
    (word,) = struct.unpack("=Q", struct.pack("=ii", level, kind))
    return int(word)


_TIME: Final = _word(socket.SOL_SOCKET, SO_TIMESTAMPNS)
_DROPS: Final = _word(socket.SOL_SOCKET, SO_RXQ_OVFL)
_SEGMENT: Final = _word(SOL_UDP, UDP_GRO)


class ReceiveMemory:
    """What is read into: data, control messages and address of one batch at a time.

    Receivers that hand each batch on at once share one. That also keeps a reader of a thousand sockets within its caches.

    Attributes:
        memory: holds the data of the last batch until the next one, BUFFER_SIZE bytes.
        buffer: a view of it.
    """

    def __init__(self) -> None:
        self.memory: Final = bytearray(BUFFER_SIZE)
        self.buffer: Final = memoryview(self.memory)
        self._data = (ctypes.c_char * BUFFER_SIZE).from_buffer(self.memory)
        self._vector = iovec(ctypes.addressof(self._data), BUFFER_SIZE)
        # msghdr, control messages and remote address side by side, so that one slice resets them and one unpack reads them.
        self.arena: Final = bytearray(_NAME + SOCKADDR_MAX_SIZE)
        self._arena_memory = (ctypes.c_char * len(self.arena)).from_buffer(self.arena)
        base = ctypes.addressof(self._arena_memory)
        message = msghdr(
            base + _NAME, SOCKADDR_MAX_SIZE, ctypes.addressof(self._vector), 1, base + _CONTROL, _CONTROL_SIZE
        )
        self.blank: Final = bytes(message)
        self.message: Final = ctypes.c_void_p(base)
        self.names: Final = {
            size: (ctypes.c_char * size).from_buffer(self.arena, _NAME) for size in (0, 16, SOCKADDR_MAX_SIZE)
        }
        self._start = ctypes.c_void_p(ctypes.addressof(self._data))
        self._second = ctypes.c_void_p()
        self._rest = ctypes.c_size_t()
        self._length = self._segment_size = 0

    def repeats(self, length: int, segment_size: int) -> bool:
        """Tell whether each datagram in ``buffer`` equals its predecessor byte for byte, headers included.

        A shorter last one equals its predecessor's beginning. So if the first is right, all are. One datagram alone repeats.
        """
        if length != self._length or segment_size != self._segment_size:
            self._length, self._segment_size = length, segment_size
            self._second.value = ctypes.addressof(self._data) + segment_size
            self._rest.value = max(0, length - segment_size)
        return memcmp(self._second, self._start, self._rest) == 0

    def stamp_step(self, length: int, segment_size: int) -> int | None:
        """Tell what :meth:`cts.api.DatagramBatch.stamp_step` does of the datagrams in ``buffer``, without a copy."""
        memory = self.memory
        step = stamp_step(memory, length, segment_size)
        if not step:
            return step if step is None or self.repeats(length, segment_size) else None
        if length <= 2 * segment_size:
            return step if differ_in_stamp_only(memory, length, segment_size) else None
        kept = flatten_stamps(memory, length, segment_size)
        if kept is None:
            return None
        same = self.repeats(length, segment_size)
        put_back(memory, length, segment_size, kept)
        return step if same else None


class CoalescedReceiver:
    """Reads batches of datagrams from a UDP socket, each batch with one ``recvmsg``.

    ``fd`` stays the caller's, who stops using this object before closing the socket. Never suspends or blocks. Raises OSError
    where the kernel lacks UDP_GRO.

    Attributes:
        into: where :meth:`receive` puts a batch, until the next one of any receiver that shares it.
        destination: packet information of the last batch; empty where it was not asked for.
    """

    def __init__(self, fd: int, into: ReceiveMemory | None = None) -> None:
        with socket.socket(fileno=fd) as borrowed:
            try:
                borrowed.setsockopt(SOL_UDP, UDP_GRO, 1)
                borrowed.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                borrowed.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            finally:
                borrowed.detach()
        self.into: Final = into or ReceiveMemory()
        self._fd = ctypes.c_int(fd)
        self._remote = b""
        self._drops = 0
        self._info_space = self._info_size = 0
        self.destination = b""

    def ask_for_destinations(self, size: int) -> None:
        """Take note that the socket tells where each batch was sent to, in so many bytes, as its last control message."""
        self._info_space = cmsg_space(size)
        self._info_size = size

    def receive(self) -> Received | None:
        """Read the next batch; return None when there is none.

        The segment size is the length where the kernel coalesced nothing. Drops only grow; they are what was lost before
        this batch was queued, counted in buffers, each of up to 64 datagrams. A peer's address is the same object as long
        as the peer stays the same.

        Raises OSError for an error that the socket holds (a connected one's ECONNREFUSED, ...).
        """
        into = self.into
        arena = into.arena
        arena[:MSGHDR_SIZE] = into.blank
        length = recvmsg(self._fd, into.message, _FLAGS)
        if length < 0:
            if ctypes.get_errno() == errno.EAGAIN:
                return None
            raise_errno()
        name_size, control_size, kind, sec, nsec, kind2, value2 = _RESULT.unpack_from(arena)
        segment_size = length
        if (space := self._info_space) and control_size >= space:
            # The kernel puts it behind all others.
            at = _CONTROL + control_size - space + CMSG_HEADER.size
            self.destination = bytes(arena[at : at + self._info_size])
            control_size -= space
        if kind != _TIME:
            sec, nsec, segment_size = self._walk(control_size, length)
        elif control_size == _TIME_SPACE + _VALUE_SPACE and kind2 == _SEGMENT:
            segment_size = value2
        elif control_size != _TIME_SPACE:
            kind3, value3 = _THIRD.unpack_from(arena, _THIRD_WORD)
            if control_size == _TIME_SPACE + 2 * _VALUE_SPACE and kind2 == _DROPS and kind3 == _SEGMENT:
                self._count_drops(value2)
                segment_size = value3
            else:
                sec, nsec, segment_size = self._walk(control_size, length)
        remote = into.names[name_size].raw
        if remote != self._remote:
            self._remote = remote
        return self._remote or None, length, segment_size, sec * SECOND + nsec, self._drops

    def _count_drops(self, value: int) -> None:
        self._drops += (value - self._drops) & 0xFFFFFFFF  # the kernel's counter wraps at 32 bits

    def _walk(self, control_size: int, length: int) -> tuple[int, int, int]:
        """Read control messages in any order; return seconds, nanoseconds and segment size."""
        sec, nsec, segment_size = 0, 0, length
        at, end = _CONTROL, _CONTROL + control_size
        while at + CMSG_HEADER.size <= end:
            size, level, kind = CMSG_HEADER.unpack_from(self.into.arena, at)
            if size < CMSG_HEADER.size:
                break
            data = at + CMSG_HEADER.size
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                sec, nsec = _TIMESPEC.unpack_from(self.into.arena, data)
            elif (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
                self._count_drops(_COUNT.unpack_from(self.into.arena, data)[0])
            elif (level, kind) == (SOL_UDP, UDP_GRO):
                (segment_size,) = _INT.unpack_from(self.into.arena, data)
            at += (size + 7) // 8 * 8
        return sec, nsec, segment_size


def supported() -> bool:
    """Tell whether this kernel coalesces and stamps: a socket on the loopback address reads what it sent itself.

    May block for up to a second where the kernel loses the datagram; otherwise takes well under a millisecond.
    """
    if not available():
        return False
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            receiver = CoalescedReceiver(sock.fileno())
            sock.bind(("127.0.0.1", 0))
            sock.sendto(b"datagram", sock.getsockname())
            select.select([sock], [], [], 1.0)
            received = receiver.receive()
    except OSError:
        return False
    return received is not None and received[1:3] == (8, 8) and received[3] > 0
