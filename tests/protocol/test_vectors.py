"""Datagrams and logs that the original wrote: the same list drives decoding, encoding, damage, the plan and a receiver."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypedDict

import pytest
from attrs import frozen

from cts.errors import DecodeError
from cts.metrics.counters import FrameTotals
from cts.protocol.plan import StreamPlan
from cts.protocol.task import DatagramBatch, IOAction, IOStatus
from cts.protocol.wire import ConnectionId, Data, Datagram, Start, decode_untrusted
from cts.records.snapshots import Address
from cts.records.stream_results import SUCCEEDED
from tests.protocol.sides import receiver_of

SECOND = 1_000_000_000
PATTERN = b"".join(number.to_bytes(2, "little") for number in range(32_768))
LENGTHS_TRIED_AT_LEAST = 100


class DatagramRecord(TypedDict):
    """One captured datagram; its first bytes are there, the rest follows from them."""

    t: float
    length: int
    head: str
    sha256: str


class Capture(TypedDict):
    """One captured stream."""

    bits_per_second: int
    frames_per_second: int
    stream_length_seconds: int
    buffer_depth_seconds: int
    datagram_max_size: int
    datagrams: list[DatagramRecord]
    client_connection_log: str


@frozen
class Vector:
    """A captured datagram, rebuilt, and what it must decode to."""

    at_ns: int
    data: bytes
    sha256: str
    decoded: Datagram


def rebuild(record: DatagramRecord) -> Vector:
    """Return the datagram with the value read from its bytes by hand, apart from the code under test."""
    head = bytes.fromhex(record["head"])
    decoded: Datagram
    if head == b"START":
        data, decoded = head, Start()
    elif head.startswith(b"\x00\x10"):
        data, decoded = head, ConnectionId(head[2:38].decode("ascii"))
    else:
        data = head[:26] + PATTERN[: record["length"] - 26]
        sequence, qpc, qpf = (int.from_bytes(head[at : at + 8], "little") for at in (2, 10, 18))
        decoded = Data(sequence, qpc, qpf, data[26:])
    return Vector(round(record["t"] * SECOND), data, record["sha256"], decoded)


CAPTURES: dict[str, Capture] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).parent.parent.glob("vectors/*.json"))
}
VECTORS = {name: [rebuild(record) for record in capture["datagrams"]] for name, capture in CAPTURES.items()}
EACH = pytest.mark.parametrize("name", list(CAPTURES))


def plan_of(capture: Capture) -> StreamPlan:
    return StreamPlan(
        capture["bits_per_second"],
        capture["frames_per_second"],
        capture["stream_length_seconds"] * SECOND,
        capture["buffer_depth_seconds"] * SECOND,
        capture["datagram_max_size"],
    )


def logged_row(capture: Capture) -> dict[str, str]:
    """Return the one row of the connection log that the original's client wrote."""
    header, row = capture["client_connection_log"].splitlines()
    return dict(zip(header.split(","), row.split(","), strict=True))


Shown = tuple[object, ...] | None
"""What a datagram says, and how long its payload is: to compare every payload would take minutes."""


def by_the_table(datagram: memoryview) -> Shown:
    """Read damaged bytes by the table of the wire format; None if they are none of the protocol's."""
    flag = bytes(datagram[:2])
    if bytes(datagram[:6]) == b"START":
        return ("START",)
    if flag == b"\0\0" and len(datagram) > 26:
        numbers = (int.from_bytes(datagram[at : at + 8], "little", signed=True) for at in (2, 10, 18))
        return (*numbers, len(datagram) - 26)
    if flag == b"\x00\x10" and len(datagram) >= 39 and datagram[38] == 0:
        text = bytes(datagram[2:38]).decode("latin-1")
        parts = text.split("-")
        if [len(part) for part in parts] == [8, 4, 4, 4, 12] and set("".join(parts)) <= set("0123456789abcdefABCDEF"):
            return (text,)
    return None


def by_the_decoder(datagram: memoryview) -> Shown:
    try:
        decoded = decode_untrusted(datagram)
    except DecodeError:
        return None
    if isinstance(decoded, Data):
        return (decoded.sequence, decoded.qpc, decoded.qpf, len(decoded.payload))
    return (decoded.text,) if isinstance(decoded, ConnectionId) else ("START",)


def some_of(length: int) -> list[int]:
    """Every position of a short datagram; of a long one, those near its ends and a few between."""
    if length <= 5000:
        return list(range(length))
    return [*range(LENGTHS_TRIED_AT_LEAST + 1), *range(257, length, 4099), *range(length - 30, length)]


# ------------------------------------------------------------------------------------------------ the datagrams


def test_there_are_captures() -> None:
    assert [len(vectors) for vectors in VECTORS.values()] == [62, 102]


@EACH
def test_every_captured_datagram_is_rebuilt_byte_for_byte(name: str) -> None:
    for vector, record in zip(VECTORS[name], CAPTURES[name]["datagrams"], strict=True):
        assert len(vector.data) == record["length"]
        assert hashlib.sha256(vector.data).hexdigest() == vector.sha256


@EACH
def test_every_captured_datagram_decodes(name: str) -> None:
    for vector in VECTORS[name]:
        assert decode_untrusted(vector.data) == vector.decoded
        assert decode_untrusted(memoryview(vector.data)) == vector.decoded


@EACH
def test_every_captured_datagram_encodes_to_its_bytes(name: str) -> None:
    for vector in VECTORS[name]:
        assert vector.decoded.encode() == vector.data
        assert decode_untrusted(vector.data).encode() == vector.data


@EACH
def test_every_captured_datagram_cut_short_is_a_value_or_refused(name: str) -> None:
    for vector in VECTORS[name]:
        whole = memoryview(vector.data)
        for length in some_of(len(whole)):
            assert by_the_decoder(whole[:length]) == by_the_table(whole[:length])


@EACH
def test_every_captured_datagram_with_more_behind_it_is_a_value_or_refused(name: str) -> None:
    for vector in VECTORS[name]:
        for more in (b"\0", b"\xff", b"START", bytes(26), vector.data[:200]):
            extended = memoryview(vector.data + more)
            assert by_the_decoder(extended) == by_the_table(extended)
            assert isinstance(vector.decoded, Start) == (by_the_decoder(extended) is None)


@EACH
def test_every_captured_datagram_with_a_bit_flipped_is_a_value_or_refused(name: str) -> None:
    for vector in VECTORS[name]:
        buffer = bytearray(vector.data)
        damaged = memoryview(buffer)
        for at in [at for at in some_of(len(buffer)) if at < 64 or at % 401 == 0]:
            for bit in range(8):
                buffer[at] ^= 1 << bit
                assert by_the_decoder(damaged) == by_the_table(damaged)
                buffer[at] ^= 1 << bit


# ------------------------------------------------------------------------------------------------ the stream


@EACH
def test_the_plan_yields_the_captured_sizes_frame_by_frame(name: str) -> None:
    plan = plan_of(CAPTURES[name])
    sizes: dict[int, list[int]] = {}
    for vector in VECTORS[name]:
        if isinstance(vector.decoded, Data):
            sizes.setdefault(vector.decoded.sequence, []).append(len(vector.data))
    assert sizes == {sequence: list(plan.datagram_sizes) for sequence in range(1, plan.final_frame + 1)}


@EACH
def test_a_receiver_that_hears_the_captured_stream_judges_as_the_original_did(name: str) -> None:
    plan, logged = plan_of(CAPTURES[name]), logged_row(CAPTURES[name])
    receiver = receiver_of(plan, base_ns=0, connection_id=None)
    recv = receiver.initiate_io(0)
    for vector in VECTORS[name]:
        if vector.decoded != Start():
            batch = DatagramBatch(vector.data, len(vector.data), vector.at_ns)
            assert receiver.complete_io(recv, now_ns=vector.at_ns, data=batch) is IOStatus.CONTINUE
    task = receiver.initiate_io(plan.end_offset_ns + 1)
    assert task.action is IOAction.ABORT
    assert receiver.complete_io(task, now_ns=plan.end_offset_ns + 1) is IOStatus.COMPLETED

    verdicts = ("Completed", "Dropped", "Repeated", "Errors")
    assert receiver.counts == FrameTotals(*(int(logged[verdict]) for verdict in verdicts))
    assert receiver.handshake.connection_id == logged["ConnectionId"]
    assert receiver.frames.bytes_received == plan.transfer_size
    assert receiver.measured_until_ns is not None
    # The original reads a clock of milliseconds: its rate is right to about one in two thousand.
    rate = receiver.frames.bytes_received * 8 * SECOND / receiver.measured_until_ns
    assert rate == pytest.approx(int(logged["Bits/Sec"]), rel=0.002)


@EACH
def test_addresses_and_success_are_written_as_in_the_original_log(name: str) -> None:
    logged = logged_row(CAPTURES[name])
    host, port = logged["LocalAddress"].split(":")
    assert str(Address(host, int(port))) == logged["LocalAddress"]
    assert logged["Result"] == SUCCEEDED


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Address("fe80::1%eth0", 4444)) == "[fe80::1%eth0]:4444"
