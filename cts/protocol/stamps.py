"""Stamps that tell the datagrams of a frame apart: put into headers by the block, and looked at by the batch.

The wire has no datagram number. The QPC of each datagram stands in for one: within a frame each has a QPC of its own, greater
than that of the one before. Datagrams that leave together have consecutive ones: the first the time at which they leave, each
further one tick (100 ns) more.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

from cts.protocol.wire import DATA_FLAG, DATA_HEADER, HEADER_SIZE, TICKS_PER_SECOND

__all__ = [
    "STEP_LIMIT",
    "Header",
    "differ_in_stamp_only",
    "flatten_stamps",
    "header_block",
    "headers_of",
    "put_back",
    "stamp_step",
]

Header = bytes | bytearray
"""What stands before payloads: one header for each, in a block one behind the other, or one that is the same for all."""

STEP_LIMIT = 256
"""Datagrams of a batch, at most, whose stamps are looked at together."""

_BITS = 8 * HEADER_SIZE
_STAMP_AT = struct.calcsize("<Hq")
_STAMP = struct.Struct("<Q")
_STAMP_END = _STAMP_AT + _STAMP.size
_RAMP = bytes(range(256)) * 2


@lru_cache(maxsize=256)
def _factors(datagrams: int) -> tuple[int, int]:
    """Return the block for frame 0 at tick 0, and what a sequence beside a stamp is multiplied by to be in each header."""
    headers = (DATA_HEADER.pack(DATA_FLAG, 0, tick, TICKS_PER_SECOND) for tick in range(datagrams))
    ones = sum(1 << (_BITS * place) for place in range(datagrams))
    return int.from_bytes(b"".join(headers), "little"), ones << 16


def header_block(sequence: int, tick: int, datagrams: int) -> bytes:
    """Return the headers of datagrams of one frame that leave together, stamped ``tick``, ``tick`` + 1, and so on."""
    template, ones = _factors(datagrams)
    return (template + (sequence | tick << 64) * ones).to_bytes(HEADER_SIZE * datagrams, "little")


def headers_of(header: Header, payloads: Sequence[bytes | memoryview]) -> list[Header]:
    """Return the header of each datagram: a piece of the block, or what is the same for all."""
    count = len(payloads)
    if count < 2 or len(header) != HEADER_SIZE * count:
        return [header] * count
    return [header[at : at + HEADER_SIZE] for at in range(0, len(header), HEADER_SIZE)]


def differ_in_stamp_only(memory: bytes | bytearray, length: int, size: int) -> bool:
    """Tell whether of two datagrams the second, as far as it goes, is the first but for the stamp.

    Args:
        memory: one behind the other.
        length, size: bytes of both, and of the first, which is not the shorter one.
    """
    head_alike = memory[size : size + _STAMP_AT] == memory[:_STAMP_AT]
    return head_alike and memory[size + _STAMP_END : length] == memory[_STAMP_END : length - size]


def flatten_stamps(memory: bytearray, length: int, size: int) -> list[bytearray] | None:
    """Give each datagram the first one's stamp where they are consecutive; return what :func:`put_back` needs, else None.

    Args:
        memory: the datagrams one behind the other, changed in place.
        length: bytes of them all; the last datagram has more than a header.
        size: of each datagram but the last.
    """
    count = -(-length // size)
    if count > STEP_LIMIT:
        return None
    (stamp,) = _STAMP.unpack_from(memory, _STAMP_AT)
    low = stamp & 0xFF
    # Byte by byte of the number, for all datagrams at once: one copy and one comparison each.
    column = memory[_STAMP_AT:length:size]
    if column != _RAMP[low : low + count]:
        return None
    kept = [column]
    memory[_STAMP_AT:length:size] = bytes((low,)) * count
    at, before_carry = _STAMP_AT + 1, 256 - low
    while before_carry < count and at < _STAMP_END:
        stamp >>= 8
        low, high = stamp & 0xFF, stamp + 1 & 0xFF
        column = memory[at:length:size]
        if column != bytes((low,)) * before_carry + bytes((high,)) * (count - before_carry):
            put_back(memory, length, size, kept)
            return None
        kept.append(column)
        memory[at:length:size] = bytes((low,)) * count
        at += 1
        if high:
            break
    return kept


def put_back(memory: bytearray, length: int, size: int, kept: list[bytearray]) -> None:
    """Undo :func:`flatten_stamps`."""
    for at, column in enumerate(kept, _STAMP_AT):
        memory[at:length:size] = column


def stamp_step(data: bytes | bytearray | memoryview, length: int, size: int) -> int | None:
    """Return by how much the second stamp is more than the first, as far as one look can go on from there: 0, 1, else None."""
    if length <= size:
        return 0
    rest = length % size
    if size <= HEADER_SIZE or 0 < rest <= HEADER_SIZE:
        return None
    step = _STAMP.unpack_from(data, size + _STAMP_AT)[0] - _STAMP.unpack_from(data, _STAMP_AT)[0]
    return step if 0 <= step <= 1 else None
