"""A frame on its way out: the header, its stamp, and the payloads behind it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.outgoing import Frame
from cts.protocol.plan import StreamPlan
from cts.protocol.stamps import headers_of
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


def test_a_block_of_headers_has_a_stamp_a_tick_more_for_each_datagram() -> None:
    block = Frame(PLAN, 7, 0).stamp(123_456_799, 3)
    headers = headers_of(block, [b"x"] * 3)
    assert [decode_untrusted(bytes(header) + b"\0") for header in headers] == [
        Data(7, 1_234_567 + place, 10_000_000, b"\0") for place in range(3)
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 50)), min_size=1, max_size=10))
def test_no_stamp_of_a_frame_is_given_twice_whatever_the_clock_does(calls: list[tuple[int, int]]) -> None:
    frame, stamps = Frame(PLAN, 7, 0), list[int]()
    for now_ns, datagrams in calls:
        header = bytes(frame.stamp(now_ns, datagrams))
        assert int.from_bytes(header[10:18], "little") == max([now_ns // 100, *(stamp + 1 for stamp in stamps[-1:])])
        stamps += [int.from_bytes(header[at + 10 : at + 18], "little") for at in range(0, len(header), 26)]
    assert stamps == sorted(set(stamps))


def test_another_frame_s_stamps_begin_with_its_own_time() -> None:
    frame = Frame(PLAN, 1, 0)
    frame.stamp(0, 50)
    frame.sequence = 2
    assert bytes(frame.stamp(100))[10:18] == (1).to_bytes(8, "little")


def test_a_header_that_is_no_block_is_every_datagram_s() -> None:
    payloads = [b"x", b"y"]
    assert headers_of(b"h" * 26, payloads) == [b"h" * 26] * 2
    assert headers_of(b"", payloads) == [b""] * 2
    assert headers_of(b"h" * 26, [b"x"]) == [b"h" * 26]


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
