"""A frame on its way out: the header, its stamp, and the payloads behind it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.outgoing import Frame
from cts.protocol.plan import StreamPlan
from cts.protocol.wire import PATTERN, Data, decode_untrusted, matches_pattern

SECOND = 1_000_000_000
PLAN = StreamPlan(8_000_000, 30, 5 * SECOND)


def test_a_frame_knows_its_number_size_and_time() -> None:
    frame = Frame(PLAN, 7, 12_345)
    assert (frame.sequence, frame.size, frame.due_ns, frame.plan) == (7, 33_333, 12_345, PLAN)


def test_a_stamp_is_a_header_with_the_moment_in_ticks_of_100_ns() -> None:
    header = Frame(PLAN, 7, 0).stamp(123_456_799)
    assert bytes(header) == (
        b"\0\0" + (7).to_bytes(8, "little") + (1_234_567).to_bytes(8, "little") + (10_000_000).to_bytes(8, "little")
    )


def test_a_new_stamp_rewrites_the_same_buffer() -> None:
    frame = Frame(PLAN, 7, 0)
    first = frame.stamp(0)
    second = frame.stamp(SECOND)
    assert first is second
    assert decode_untrusted(bytes(second) + b"\0") == Data(7, 10_000_000, 10_000_000, b"\0")


def test_two_frames_do_not_share_a_header() -> None:
    first = Frame(PLAN, 1, 0).stamp(0)
    Frame(PLAN, 2, 0).stamp(SECOND)
    assert decode_untrusted(bytes(first) + b"\0") == Data(1, 0, 10_000_000, b"\0")


def test_the_datagrams_of_a_frame_add_up_to_it_and_carry_the_pattern() -> None:
    frame = Frame(PLAN, 3, 0)
    datagrams = [bytes(frame.stamp(at)) + bytes(payload) for at, payload in enumerate(frame.payloads)]
    assert [len(datagram) for datagram in datagrams] == [1400] * 23 + [1133]
    assert sum(map(len, datagrams)) == frame.size
    for datagram in datagrams:
        decoded = decode_untrusted(datagram)
        assert isinstance(decoded, Data)
        assert decoded.sequence == 3
        assert matches_pattern(decoded.payload)


def test_no_payload_is_a_copy() -> None:
    assert all(payload.obj is PATTERN for payload in Frame(PLAN, 1, 0).payloads)


def test_the_trains_are_the_payloads_cut_for_segmented_sends() -> None:
    assert [[len(payload) for payload in train] for train in Frame(PLAN, 1, 0).trains(10)] == [
        [1374] * 10,
        [1374] * 10,
        [1374] * 3 + [1107],
    ]


def test_the_trains_are_the_same_objects_frame_after_frame() -> None:
    first, second = Frame(PLAN, 1, 0).trains(64), Frame(PLAN, 2, 0).trains(64)
    assert all(one is other for one, other in zip(first, second, strict=True))


@settings(deadline=None)
@given(st.integers(1, 2**32), st.integers(0, 2**62))
def test_any_stamp_decodes_to_the_frame_and_the_moment(sequence: int, now_ns: int) -> None:
    decoded = decode_untrusted(bytes(Frame(PLAN, sequence, 0).stamp(now_ns)) + b"\0")
    assert decoded == Data(sequence, now_ns // 100, 10_000_000, b"\0")
