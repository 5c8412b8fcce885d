"""Trains: datagrams of one frame that leave together in one call, each behind its header; and how much leaves at once.

All payloads of a train have one length, only the last may be shorter: what UDP_SEGMENT can cut apart (udp(7), Linux 4.18).
"""

from __future__ import annotations

from collections.abc import Sequence

from cts.protocol.wire import HEADER_SIZE

__all__ = [
    "BYTES_AT_ONCE",
    "DATAGRAMS_PER_TRAIN",
    "TRAINS_AT_ONCE",
    "TRAINS_PER_STAMP",
    "TRAIN_MAX_BYTES",
    "Train",
    "cut_trains",
    "fault_of_trains",
    "train_size",
]

Train = tuple[memoryview, ...]
"""The payloads of a train's datagrams."""

TRAIN_MAX_BYTES = 65_507
"""Bytes of a train with its headers: the largest UDP payload over IPv4, and so of one call."""

DATAGRAMS_PER_TRAIN = 64
"""UDP_MAX_SEGMENTS of the kernels before 6.9; later ones take 128."""

TRAINS_AT_ONCE = 8
BYTES_AT_ONCE = 256 * 1024
"""Trains, and bytes, in one call (sendmmsg): the stamp of the last is as old as it takes to send the others, about 60 us."""

TRAINS_PER_STAMP = 4
"""Trains of one frame behind one stamp, which must not grow old while they leave (about 15 us each)."""


def train_size(train: Sequence[memoryview]) -> int:
    """Return the bytes of a train's datagrams, headers included."""
    return (HEADER_SIZE + len(train[0])) * (len(train) - 1) + HEADER_SIZE + len(train[-1])


def fault_of_trains(trains: Sequence[Train], datagram_sizes: Sequence[int], segment_limit: int) -> str | None:
    """Tell what keeps ``trains`` from being the datagrams, of these sizes, of a frame; None for nothing."""
    for train in trains:
        if not all(isinstance(payload, memoryview) and payload.nbytes == len(payload) for payload in train):
            return "a payload is not a memoryview of bytes"
        if not 0 < len(train) <= segment_limit:
            return f"a train of {len(train)} datagrams, {segment_limit} are allowed"
        *others, last = map(len, train)
        if others and (min(others) != max(others) or last > others[0]):
            return "the payloads of a train differ in length; only the last may, and be shorter"
        if train_size(train) > TRAIN_MAX_BYTES:
            return f"a train of {train_size(train)} bytes, {TRAIN_MAX_BYTES} are allowed"
    if sorted(HEADER_SIZE + len(payload) for train in trains for payload in train) != sorted(datagram_sizes):
        return "they are not the frame's datagrams"
    return None


def cut_trains(payloads: Sequence[memoryview], segment_limit: int) -> tuple[Train, ...]:
    """Cut the payloads of a frame into trains of at most ``segment_limit`` datagrams and TRAIN_MAX_BYTES.

    Equal trains are the same object, so that a network may cache what it builds for one.
    """
    limit = max(1, min(segment_limit, TRAIN_MAX_BYTES // (HEADER_SIZE + len(payloads[0]))))
    trains: list[Train] = []
    known: dict[tuple[int, int], Train] = {}
    at = 0
    while at < len(payloads):
        end = at + 1
        while end < len(payloads) and end - at < limit and len(payloads[end - 1]) == len(payloads[at]):
            end += 1
        train = tuple(payloads[at:end])
        trains.append(known.setdefault((len(train), len(train[-1])), train))
        at = end
    return tuple(trains)
