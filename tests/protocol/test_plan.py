"""Stream arithmetic: sizes, instants, refusals, and the trains that segmented sends carry."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cts.protocol.plan import PlanError, StreamPlan, plan_problems
from cts.protocol.trains import train_size

SECOND = 1_000_000_000
MAX_UDP_PAYLOAD = 65_507


@st.composite
def plans(draw: st.DrawFn) -> StreamPlan:
    frame_rate = draw(
        st.one_of(st.integers(1, 240), st.builds(Fraction, st.integers(1, 240_000), st.integers(1, 1001)))
    )
    frames = draw(st.integers(1, 2000))
    # Rounded up, so that no frame is lost to the nanosecond; up to a frame longer than the frames need.
    length_ns = -(-frames * SECOND // frame_rate) + draw(st.integers(0, SECOND // frame_rate - 1))
    frame_size = draw(st.one_of(st.integers(40, 3000), st.integers(40, 200_000)))
    bits_per_second = 8 * -(-frame_size * frame_rate // 1)
    interval_ns = -(-SECOND // frame_rate)
    depth_ns = draw(st.integers(interval_ns, max(10 * SECOND, 3 * interval_ns)))
    datagram_max_size = draw(st.one_of(st.integers(53, 200), st.integers(53, 65_500)))
    numbers = (bits_per_second, frame_rate, length_ns, depth_ns, datagram_max_size)
    assume(not plan_problems(*numbers))
    return StreamPlan(*numbers)


def plan_with_frames_of(size: int, datagram_max_size: int = 1400) -> StreamPlan:
    return StreamPlan(8 * size, 1, SECOND, datagram_max_size=datagram_max_size)


# ------------------------------------------------------------------------------------------------ the worked example


def test_the_default_stream_of_five_seconds() -> None:
    plan = StreamPlan(8_000_000, 30, 5 * SECOND)
    assert (plan.buffer_depth_ns, plan.datagram_max_size) == (SECOND, 1400)
    assert (plan.final_frame, plan.frame_size, plan.transfer_size) == (150, 33_333, 4_999_950)
    assert (plan.buffered_frames, plan.window_frames) == (30, 60)
    assert plan.interval_ns == 33_333_333


def test_five_seconds_of_30_fps_with_a_second_of_buffer_end_at_5_967() -> None:
    plan = StreamPlan(8_000_000, 30, 5 * SECOND)
    assert plan.end_offset_ns == 5_966_666_666
    assert plan.render_offset_ns(1) == SECOND


def test_the_sender_sends_frame_k_k_intervals_after_its_base() -> None:
    plan = StreamPlan(8_000_000, 30, 5 * SECOND)
    assert [plan.send_offset_ns(k) for k in (1, 2, 3, 150)] == [33_333_333, 66_666_666, 100_000_000, 5 * SECOND]


def test_the_buffer_holds_no_more_frames_than_the_stream_has() -> None:
    plan = StreamPlan(8_000_000, 30, SECOND, 10 * SECOND)
    assert (plan.buffered_frames, plan.window_frames) == (30, 60)


def test_part_of_a_frame_of_buffer_depth_counts_for_nothing() -> None:
    assert StreamPlan(8_000_000, 30, 5 * SECOND, 99_999_999).buffered_frames == 2


def test_a_frame_takes_the_bytes_that_are_left_when_the_rest_is_rounded_away() -> None:
    plan = StreamPlan(8 * 1000, 3, SECOND)
    assert (plan.frame_size, plan.transfer_size) == (333, 999)
    assert plan.sent_bits_per_second == 8 * 999


def test_a_stream_of_no_whole_number_of_frames_is_as_fast_and_a_little_shorter() -> None:
    # 2.8 frames: the bits of 0.4 s in 2 frames would be 11.2 Mbit/s.
    plan = StreamPlan(8_000_000, 7, 400_000_000)
    assert (plan.final_frame, plan.frame_size) == (2, 142_857)
    assert (plan.sending_ns, plan.sent_bits_per_second) == (285_714_285, 7_999_992)


@pytest.mark.parametrize("frame_rate", [7, 30, Fraction(2997, 100), Fraction(30_000, 1001), Fraction(1, 2)])
@pytest.mark.parametrize("length_ns", [2 * SECOND, 2_345_678_901, 60 * SECOND])
def test_the_length_of_a_stream_does_not_change_its_frames(frame_rate: int | Fraction, length_ns: int) -> None:
    plan = StreamPlan(8_000_000, frame_rate, length_ns, 2 * SECOND)
    assert plan.frame_size == int(1_000_000 / frame_rate)


# ------------------------------------------------------------------------------------------------ fractional rates


def test_a_fractional_rate_stays_exact_after_a_hundred_hours() -> None:
    plan = StreamPlan(8_000_000, Fraction(30_000, 1001), 360_000 * SECOND)
    assert plan.final_frame == 360_000 * 30_000 // 1001
    # 30000 frames of 1001/30000 s each.
    assert plan.send_offset_ns(30_000) == 1001 * SECOND
    assert plan.send_offset_ns(300 * 30_000) == 300 * 1001 * SECOND
    assert plan.render_offset_ns(30_001 - plan.buffered_frames) == 1001 * SECOND


def test_a_plan_that_has_been_used_is_pickled_as_its_numbers() -> None:
    plan = StreamPlan(8_000_000, Fraction(30_000, 1001), SECOND)
    data = pickle.dumps(plan)
    assert plan.payloads
    assert pickle.dumps(plan) == data
    assert pickle.loads(data) == plan


def test_a_frame_may_take_longer_than_a_second() -> None:
    plan = StreamPlan(8_000, Fraction(1, 2), 60 * SECOND, 4 * SECOND)
    assert (plan.final_frame, plan.frame_size, plan.buffered_frames) == (30, 2000, 2)
    assert (plan.interval_ns, plan.send_offset_ns(1), plan.end_offset_ns) == (2 * SECOND, 2 * SECOND, 62 * SECOND)


def test_no_instant_of_a_schedule_is_a_float() -> None:
    plan = StreamPlan(8_000_000, Fraction(2997, 100), 5 * SECOND)
    instants = (plan.interval_ns, plan.send_offset_ns(7), plan.render_offset_ns(7), plan.end_offset_ns, plan.sending_ns)
    assert {type(instant) for instant in (*instants, plan.frame_size, plan.final_frame)} == {int}


@settings(deadline=None)
@given(plans(), st.integers(1, 2**32 - 1))
def test_a_frame_is_rendered_from_the_nanosecond_after_its_render_time_on(plan: StreamPlan, sequence: int) -> None:
    due_ns = plan.render_offset_ns(sequence)
    assert plan.rendered_before(due_ns) < sequence <= plan.rendered_before(due_ns + 1)


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("numbers", "name", "text"),
    [
        ((0, 30, SECOND, SECOND, 1400), "bits_per_second", "must be positive, got 0"),
        ((-8, 30, SECOND, SECOND, 1400), "bits_per_second", "must be positive, got -8"),
        ((1, 30, SECOND, SECOND, 1400), "bits_per_second", "must be a multiple of 8 bits, got 1"),
        ((8_000_000, 30, 1, SECOND, 1400), "stream_length", "gives 0 frames; 1 to 4294967295 are allowed"),
        (
            (8_000_000, 30, SECOND, 1, 1400),
            "buffer_depth",
            "is less than one frame; the buffer must hold at least 1: 33.4 ms at 30 frames per second",
        ),
        ((8_000_001, 30, SECOND, SECOND, 1400), "bits_per_second", "must be a multiple of 8 bits, got 8000001"),
        ((8_000_000, 0, SECOND, SECOND, 1400), "frame_rate", "must be more than 0 frames per second, got 0"),
        ((8_000_000, 30, 0, SECOND, 1400), "stream_length", "must be longer than 0 s"),
        ((8_000_000, 30, SECOND, 0, 1400), "buffer_depth", "must be longer than 0 s"),
        ((8_000_000, 30, SECOND, SECOND, 52), "datagram_max_size", "must be 53 to 65500 bytes, got 52"),
        ((8_000_000, 30, SECOND, SECOND, 65_501), "datagram_max_size", "must be 53 to 65500 bytes, got 65501"),
        ((8_000_000, 30, SECOND // 31, SECOND, 1400), "stream_length", "gives 0 frames; 1 to 4294967295 are allowed"),
        (
            (8 * 2**40, 2**16, 2**16 * SECOND, SECOND, 1400),
            "stream_length",
            "gives 4294967296 frames; 1 to 4294967295 are allowed",
        ),
        (
            (8_000_000, 30, SECOND, SECOND // 31, 1400),
            "buffer_depth",
            "is less than one frame; the buffer must hold at least 1: 33.4 ms at 30 frames per second",
        ),
        (
            (8 * 39, 1, SECOND, SECOND, 1400),
            "bits_per_second",
            "gives frames of 39 bytes at 1 frames per second; 40 to 4294967295 are allowed",
        ),
        (
            (8 * 2**32, 1, SECOND, SECOND, 1400),
            "bits_per_second",
            "gives frames of 4294967296 bytes at 1 frames per second; 40 to 4294967295 are allowed",
        ),
    ],
)
def test_numbers_that_make_no_stream_are_refused_by_name(
    numbers: tuple[int, int, int, int, int], name: str, text: str
) -> None:
    assert plan_problems(*numbers) == [(name, text)]
    with pytest.raises(PlanError) as caught:
        StreamPlan(*numbers)
    assert caught.value.problems == [(name, text)]
    assert str(caught.value) == f"{name}: {text}"


@pytest.mark.parametrize(
    "numbers",
    [
        (8 * 40, 1, SECOND, SECOND, 1400),
        (8 * (2**32 - 1), 1, SECOND, SECOND, 1400),
        (8 * 40 * (2**32 - 1), 2**32 - 1, SECOND, SECOND, 1400),
        (8_000_000, 30, SECOND // 30 + 1, SECOND, 1400),
        (8_000_000, 30, SECOND, SECOND // 30 + 1, 1400),
        (8_000_000, 30, SECOND, SECOND, 53),
        (8_000_000, 30, SECOND, SECOND, 65_500),
    ],
)
def test_the_last_numbers_that_are_allowed(numbers: tuple[int, int, int, int, int]) -> None:
    assert plan_problems(*numbers) == []
    StreamPlan(*numbers)


def test_all_bad_numbers_are_told_at_once() -> None:
    names = [name for name, _ in plan_problems(-1, -1, -1, -1, -1)]
    assert names == ["bits_per_second", "frame_rate", "stream_length", "buffer_depth", "datagram_max_size"]


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        (
            (8 * 30, 30, SECOND, 1, 1400),
            {"bits_per_second", "buffer_depth"},
        ),  # frames of 1 byte, and none of them buffered
        ((8 * 30, 30, SECOND, SECOND, 1), {"bits_per_second", "datagram_max_size"}),
        ((8_000_000, 30, 1, 1, 1400), {"stream_length", "buffer_depth"}),
        ((-8, 30, 1, 1, 1400), {"bits_per_second", "stream_length", "buffer_depth"}),
        ((8_000_000, 30, 0, 1, 1400), {"stream_length", "buffer_depth"}),
    ],
)
def test_all_bad_combinations_are_told_at_once(numbers: tuple[int, int, int, int, int], names: set[str]) -> None:
    problems = plan_problems(*numbers)
    assert {name for name, _ in problems} == names
    assert len(problems) == len(names)


# ------------------------------------------------------------------------------------------------ datagram sizes


@pytest.mark.parametrize(
    ("frame_size", "sizes"),
    [
        (40, [40]),
        (99, [99]),
        (100, [100]),
        (101, [74, 27]),
        (125, [98, 27]),
        (126, [99, 27]),
        (127, [100, 27]),
        (128, [100, 28]),
        (200, [100, 100]),
        (201, [100, 74, 27]),
        (226, [100, 99, 27]),
        (227, [100, 100, 27]),
    ],
)
def test_the_datagram_before_the_last_gives_up_what_the_last_one_lacks(frame_size: int, sizes: list[int]) -> None:
    assert list(plan_with_frames_of(frame_size, 100).datagram_sizes) == sizes


@settings(deadline=None)
@given(plans())
def test_the_datagrams_of_a_frame_add_up_to_it_and_each_can_carry_data(plan: StreamPlan) -> None:
    sizes = plan.datagram_sizes
    assert sum(sizes) == plan.frame_size
    assert all(27 <= size <= plan.datagram_max_size for size in sizes)
    assert all(size == plan.datagram_max_size for size in sizes[:-2])
    # No more datagrams than needed, and only a remainder too small for one makes the last but one shorter.
    assert len(sizes) == -(-plan.frame_size // plan.datagram_max_size)
    assert len(sizes) < 2 or sizes[-2] == plan.datagram_max_size or sizes[-1] == 27


@settings(deadline=None)
@given(plans())
def test_the_payloads_are_the_datagrams_without_their_headers(plan: StreamPlan) -> None:
    assert [len(payload) + 26 for payload in plan.payloads] == list(plan.datagram_sizes)
    assert len({id(payload) for payload in plan.payloads}) == len(set(plan.datagram_sizes))


@settings(deadline=None)
@given(plans(), st.integers(-1, 200))
def test_trains_are_the_payloads_in_order_and_each_is_legal_for_one_segmented_send(
    plan: StreamPlan, limit: int
) -> None:
    trains = plan.trains(limit)
    assert [payload for train in trains for payload in train] == list(plan.payloads)
    for train in trains:
        assert 1 <= len(train) <= max(1, limit)
        assert sum(len(payload) + 26 for payload in train) <= MAX_UDP_PAYLOAD
        assert {len(payload) for payload in train[:-1]} <= {len(train[0])}
        assert len(train[-1]) <= len(train[0])


@settings(deadline=None)
@given(plans(), st.integers(1, 200))
def test_the_sizes_of_trains_add_up_to_the_frame(plan: StreamPlan, limit: int) -> None:
    assert sum(map(train_size, plan.trains(limit))) == plan.frame_size


@settings(deadline=None)
@given(plans(), st.integers(1, 200))
def test_trains_are_no_shorter_than_the_kernel_requires(plan: StreamPlan, limit: int) -> None:
    trains = plan.trains(limit)
    for train in trains[:-1]:
        full = len(train) == limit or (len(train) + 1) * (len(train[0]) + 26) > MAX_UDP_PAYLOAD
        assert full or len(train[-1]) < len(train[0])


def test_equal_trains_are_the_same_object() -> None:
    trains = plan_with_frames_of(10 * 1400).trains(4)
    assert [len(train) for train in trains] == [4, 4, 2]
    assert trains[0] is trains[1]
    assert plan_with_frames_of(10 * 1400).trains(4)[0] is not trains[0]


def test_a_plan_cuts_its_trains_once_for_each_limit() -> None:
    plan = plan_with_frames_of(10 * 1400)
    assert plan.trains(4) is plan.trains(4)
    assert [len(train) for train in plan.trains(64)] == [10]


def test_a_run_of_the_largest_datagrams_is_one_datagram() -> None:
    assert [len(train) for train in plan_with_frames_of(3 * 65_500, 65_500).trains(64)] == [1, 1, 1]


@pytest.mark.parametrize(("datagram_size", "most"), [(1400, 46), (618, 105), (1985, 33)])
def test_a_run_keeps_within_the_65507_bytes_of_one_udp_send(datagram_size: int, most: int) -> None:
    # 106 datagrams of 618 bytes are a byte too many, 33 of 1985 are two bytes less.
    assert len(plan_with_frames_of(200 * datagram_size, datagram_size).trains(128)[0]) == most


# ------------------------------------------------------------------------------------------------ instants


@settings(deadline=None)
@given(plans(), st.integers(1, 2**32 - 1))
def test_send_and_render_times_are_within_a_nanosecond_of_the_exact_ones(plan: StreamPlan, sequence: int) -> None:
    exact_send = sequence * SECOND / plan.frame_rate
    exact_render = (plan.buffered_frames + sequence - 1) * SECOND / plan.frame_rate
    assert 0 <= exact_send - plan.send_offset_ns(sequence) < 1
    assert 0 <= exact_render - plan.render_offset_ns(sequence) < 1


@settings(deadline=None)
@given(plans())
def test_send_and_render_times_grow_frame_by_frame(plan: StreamPlan) -> None:
    shown = range(1, min(plan.final_frame, 300) + 2)
    for offset_ns in (plan.send_offset_ns, plan.render_offset_ns):
        offsets = [offset_ns(sequence) for sequence in shown]
        assert all(later > earlier for earlier, later in pairwise(offsets))


@settings(deadline=None)
@given(plans())
def test_what_is_derived_hangs_together(plan: StreamPlan) -> None:
    assert plan.final_frame == plan.frame_rate * plan.stream_length_ns // SECOND
    assert plan.transfer_size == plan.frame_size * plan.final_frame
    assert 0 <= plan.bits_per_second / (8 * plan.frame_rate) - plan.frame_size < 1
    assert 0 <= plan.stream_length_ns - plan.sending_ns < SECOND / plan.frame_rate + 1
    assert 1 <= plan.buffered_frames <= plan.final_frame
    assert plan.window_frames == 2 * plan.buffered_frames
    assert plan.end_offset_ns == plan.render_offset_ns(plan.final_frame)
