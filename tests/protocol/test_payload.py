"""The payload pattern, the recognition of it, and what a receiver does about other payloads."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, StreamError, Verify
from cts.protocol.wire import PATTERN, Data, matches_pattern
from tests.protocol.sides import receiver_of

SECOND = 1_000_000_000
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
NUMBERS = b"".join(number.to_bytes(2, "little") for number in range(32_768))
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, datagram_max_size=400)  # 20 frames of 400 + 400 + 200 bytes


def test_the_pattern_is_the_sixteen_bit_numbers_to_32767_in_order() -> None:
    assert PATTERN == NUMBERS


def test_an_odd_length_ends_in_half_a_number() -> None:
    assert matches_pattern(b"\0\0\1\0\2")
    assert not matches_pattern(b"\0\0\1\0\3")


def test_the_pattern_starts_at_number_0_in_every_datagram() -> None:
    assert not matches_pattern(NUMBERS[2:100])


@settings(deadline=None)
@given(st.integers(1, len(NUMBERS)))
def test_every_prefix_matches_however_it_is_held(length: int) -> None:
    assert matches_pattern(NUMBERS[:length])
    assert matches_pattern(memoryview(NUMBERS)[:length])


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_one_flipped_bit_anywhere_is_seen(length: int, data: st.DataObject) -> None:
    payload = bytearray(NUMBERS[:length])
    payload[data.draw(st.integers(0, length - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not matches_pattern(bytes(payload))
    assert not matches_pattern(memoryview(payload))


# ------------------------------------------------------------------------------------------------ in a stream


def good(sequence: int, size: int = 400) -> bytes:
    return Data(sequence, 5, 10_000_000, NUMBERS[: size - 26]).encode()


def wrong(sequence: int, size: int = 400) -> bytes:
    return good(sequence, size)[:-1] + b"\xff"


def receive(receiver: MediaStreamReceiver, received_ns: int, *datagrams: bytes) -> IOStatus:
    """Hand over one batch to a receiver that has been handed none."""
    batch = DatagramBatch(b"".join(datagrams), len(datagrams[0]), received_ns)
    return receiver.complete_io(receiver.initiate_io(0), now_ns=received_ns, data=batch)


def end(receiver: MediaStreamReceiver) -> IOStatus:
    return receiver.complete_io(receiver.initiate_io(60 * SECOND), now_ns=60 * SECOND)


def test_a_wrong_payload_fails_the_stream_at_its_arrival_unless_told_otherwise() -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=None)
    assert receive(receiver, 5, wrong(2)) is IOStatus.FAILED
    assert receiver.error is StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN
    assert receiver.ended_ns == 5
    assert receiver.counts == FrameTotals(error=1)
    assert receiver.initiate_io(6).action is IOAction.FATAL_ABORT


def test_a_failed_stream_takes_nothing_more_of_the_batch_that_failed_it() -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=None, verify=Verify.DATA)
    assert receive(receiver, 5, good(1), wrong(2), good(3)) is IOStatus.FAILED
    assert receiver.counts == FrameTotals(error=1)
    assert receiver.frames.bytes_received == 400


def test_a_wrong_payload_may_count_as_an_error_instead() -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=NAME, verify=Verify.COUNT)
    assert receive(receiver, 5, good(1), good(1), wrong(2), good(1, 200)) is IOStatus.CONTINUE
    assert end(receiver) is IOStatus.COMPLETED
    assert receiver.counts == FrameTotals(completed=1, dropped=19, error=1)
    assert receiver.frames.bytes_received == 1000


def test_payloads_may_go_unlooked_at() -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=NAME, verify=Verify.CONNECTION)
    assert receive(receiver, 5, wrong(1), wrong(1), wrong(1, 200)) is IOStatus.CONTINUE
    assert end(receiver) is IOStatus.COMPLETED
    assert receiver.counts == FrameTotals(completed=1, dropped=19)
