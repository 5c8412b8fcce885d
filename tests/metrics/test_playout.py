"""The playout sweep: verdicts at every depth of the buffer, against a receiver that looks at each depth anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from functools import reduce
from operator import add

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.playout import Playout, PlayoutDepth, PlayoutSum, PlayoutSweep
from tests.metrics.counted_receiver import Arrival, Received, received

STEP_NS = 100
BASE_NS = 7_000_003
STEPS = [(STEP_NS, 1), (1_000_000_000, 60), (1_001_000_000_000, 30_000), (10**9, 7), (3, 2)]


@frozen
class Stream:
    """A stream's arrivals, and how they are looked at."""

    arrivals: tuple[Arrival, ...]
    depth: int
    frames: int
    datagrams: int
    step_ns: tuple[int, int]

    def at(self, depth: int) -> Received:
        return received(
            self.arrivals,
            depth=depth,
            frames=self.frames,
            datagrams=self.datagrams,
            step_ns=self.step_ns,
            base_ns=BASE_NS,
        )

    @property
    def seen(self) -> Received:
        return self.at(self.depth)

    def sweep(self, records: Iterable[FrameRecord | MissedRecord]) -> Playout:
        step_ns, steps = self.step_ns
        sweep = PlayoutSweep(self.depth, self.frames, steps, step_ns)
        for record in records:
            if isinstance(record, FrameRecord):
                sweep.frame(record)
            else:
                sweep.missed(record)
        sweep.nothing_until(self.frames)
        return sweep.playout(early=self.seen.early)

    @property
    def playout(self) -> Playout:
        return self.sweep(self.seen.records)

    def verdict(self, sequence: int, depth: int) -> str:
        """Say what the sweep has a frame come to: of all others it is told that they lacked something, and when they came."""
        records = [
            record._replace(whole_ns=None)
            if isinstance(record, FrameRecord) and record.sequence != sequence
            else record
            for record in self.seen.records
            if isinstance(record, FrameRecord) or record.sequence == sequence
        ]
        row = self.sweep(records).at(depth)
        return "completed" if row.completed else "repeated" if row.repeated else "dropped"


def counts(verdicts: Iterable[str]) -> tuple[int, int, int]:
    found = Counter(verdicts)
    return found["completed"], found["repeated"], found["dropped"]


def swept(playout: Playout, depth: int) -> tuple[int, int, int]:
    row = playout.at(depth)
    return row.completed, row.repeated, row.dropped


@st.composite
def streams(draw: st.DrawFn, *, earliest: int = -1, copies: int = 2) -> Stream:
    """Draw a stream whose datagrams come between so many steps around when they are sent, mostly in order."""
    frames, datagrams = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    step_ns = draw(st.sampled_from(STEPS))
    usual = draw(st.integers(max(earliest, 0), 3))
    arrivals = []
    for sequence in range(1, frames + 1):
        for position in range(datagrams):
            # Around the instants at which something is decided: exactly then, and a nanosecond to either side.
            delays = st.one_of(st.just(usual), st.integers(earliest, 9))
            for delay in draw(st.lists(delays, min_size=draw(st.sampled_from([0, 1, 1, 1])), max_size=copies)):
                off_ns = draw(st.integers(-1, 1)) if earliest < 0 or delay > earliest else draw(st.integers(0, 1))
                at_ns = (sequence + delay) * step_ns[0] // step_ns[1] + off_ns
                arrivals.append(Arrival(at_ns, sequence, position))
    return Stream(tuple(arrivals), draw(st.integers(1, frames)), frames, datagrams, step_ns)


@given(streams(earliest=0))
def test_each_frame_has_the_verdict_that_a_receiver_with_that_buffer_gives(stream: Stream) -> None:
    at_each = {depth: stream.at(depth).verdicts for depth in range(1, stream.depth + 1)}
    for sequence in range(1, stream.frames + 1):
        swept = [stream.verdict(sequence, depth) for depth in at_each]
        assert swept == [verdicts[sequence - 1] for verdicts in at_each.values()]


@given(streams(earliest=0))
def test_up_to_the_run_s_own_depth_the_counts_are_those_of_a_receiver_with_that_buffer(stream: Stream) -> None:
    playout = stream.playout
    for depth in range(1, stream.depth + 1):
        assert swept(playout, depth) == counts(stream.at(depth).verdicts)


@given(streams(earliest=0))
def test_deeper_than_the_run_each_frame_whose_time_was_seen_has_its_verdict(stream: Stream) -> None:
    if not stream.seen.records:
        return
    for depth in range(stream.depth + 1, stream.frames + 1):
        verdicts = stream.at(depth).verdicts
        for sequence in range(1, stream.depth + stream.frames - depth + 1):
            assert stream.verdict(sequence, depth) == verdicts[sequence - 1]


@given(streams(earliest=0))
def test_as_deep_as_all_is_known_as_many_frames_play_as_with_that_buffer(stream: Stream) -> None:
    playout = stream.playout
    assert playout.known >= stream.depth
    for depth in range(1, playout.known + 1):
        assert playout.at(depth).dropped == counts(stream.at(depth).verdicts)[2]


@given(streams(earliest=-6))
def test_no_more_frames_play_at_any_depth_than_do_with_that_buffer(stream: Stream) -> None:
    playout = stream.playout
    for depth in range(1, stream.frames + 1):
        assert playout.at(depth).dropped >= counts(stream.at(depth).verdicts)[2]


@given(streams(earliest=-6, copies=1))
def test_what_comes_ahead_of_the_schedule_needs_room(stream: Stream) -> None:
    seen = stream.seen
    if not seen.early:
        for depth in range(1, stream.depth + 1):
            assert swept(stream.playout, depth) == counts(stream.at(depth).verdicts)


@given(streams(earliest=-6))
def test_the_run_s_own_depth_has_the_run_s_own_verdicts(stream: Stream) -> None:
    assert swept(stream.playout, stream.depth) == counts(stream.seen.verdicts)


@given(streams(earliest=0), st.sampled_from([Fraction(95), Fraction(999, 10), Fraction(100), Fraction(50)]))
def test_the_smallest_depth_is_the_first_of_all_with_which_so_many_frames_play(
    stream: Stream, percent: Fraction
) -> None:
    enough = [
        depth
        for depth in range(1, stream.playout.known + 1)
        if (stream.frames - counts(stream.at(depth).verdicts)[2]) * 100 >= percent * stream.frames
    ]
    smallest = stream.playout.smallest(percent)
    if enough:
        assert smallest == enough[0]
    else:
        assert smallest is None or smallest > stream.playout.known


@given(streams())
def test_a_row_of_the_table_holds_until_the_next_one(stream: Stream) -> None:
    playout = stream.playout
    table = playout.table()
    assert [row.depth for row in table] == sorted({row.depth for row in table})
    for depth in range(stream.frames + 1):
        row = [row for row in table if row.depth <= depth][-1]
        assert (row.completed, row.repeated, row.dropped) == swept(playout, depth)


@given(st.lists(streams(), min_size=1, max_size=4), st.randoms())
def test_streams_add_up_in_any_order(drawn: list[Stream], random: object) -> None:
    first = drawn[0]
    alike = [
        Stream(
            tuple(arrival for arrival in each.arrivals if arrival.sequence <= first.frames),
            first.depth,
            first.frames,
            each.datagrams,
            first.step_ns,
        )
        for each in drawn
    ]
    each = [stream.playout for stream in alike]
    total = reduce(add, each)
    random.shuffle(each)  # type: ignore[attr-defined]
    assert reduce(add, each) == total
    for depth in range(first.frames + 1):
        assert swept(total, depth) == tuple(map(sum, zip(*(swept(one, depth) for one in each), strict=True)))


def stream_of(*arrivals: tuple[int, int, int], depth: int = 2, frames: int = 4, datagrams: int = 1) -> Stream:
    return Stream(tuple(Arrival(*each) for each in arrivals), depth, frames, datagrams, (STEP_NS, 1))


PUNCTUAL = tuple((sequence * STEP_NS, sequence, 0) for sequence in range(1, 5))


def test_a_punctual_stream_would_have_played_with_a_buffer_of_one_frame() -> None:
    assert stream_of(*PUNCTUAL).playout.table() == (
        PlayoutDepth(0, 0, 0, 0, 4),
        PlayoutDepth(1, 100, 4, 0, 0),
        PlayoutDepth(2, 200, 4, 0, 0),
    )


def test_a_frame_that_came_too_late_plays_with_a_deeper_buffer() -> None:
    playout = stream_of(*PUNCTUAL[:1], *PUNCTUAL[2:], (401, 2, 0)).playout
    assert [swept(playout, depth) for depth in (2, 3, 4)] == [(3, 0, 1), (3, 0, 1), (4, 0, 0)]
    assert playout.smallest(75) == 1
    assert playout.smallest(100) == 4


def test_a_copy_is_seen_by_the_buffer_that_still_waits_for_the_frame() -> None:
    playout = stream_of(*PUNCTUAL, (250, 1, 0)).playout
    assert [swept(playout, depth) for depth in (1, 2, 3)] == [(4, 0, 0), (4, 0, 0), (3, 1, 0)]


def test_a_copy_of_what_a_frame_has_does_not_make_it_whole() -> None:
    playout = stream_of(*((at_ns, sequence, 0) for at_ns, sequence, _ in PUNCTUAL), (150, 1, 0), datagrams=2).playout
    assert playout.smallest(1) is None
    assert playout.at(4) == PlayoutDepth(4, 400, 0, 0, 4)


def test_a_copy_that_came_before_a_frame_was_whole_makes_it_repeated_from_the_first() -> None:
    both = [(at_ns, sequence, position) for at_ns, sequence, _ in PUNCTUAL for position in (0, 1)]
    playout = stream_of(*both[:1], *both[2:], (100, 1, 0), (350, 1, 1), datagrams=2).playout
    assert [swept(playout, depth) for depth in (3, 4)] == [(3, 0, 1), (3, 1, 0)]


@pytest.mark.parametrize(("at_ns", "depth"), [(100, 2), (101, 1)])
def test_a_frame_that_comes_two_intervals_ahead_needs_a_buffer_of_two(at_ns: int, depth: int) -> None:
    others = (each for each in PUNCTUAL if each[1] != 3)
    assert stream_of(*others, (at_ns, 3, 0)).playout.smallest(100) == depth


def test_a_stream_does_not_start_with_a_buffer_that_ends_before_its_first_data() -> None:
    delayed = tuple((at_ns + 100, sequence, 0) for at_ns, sequence, _ in PUNCTUAL)
    playout = stream_of(*delayed).playout
    assert [swept(playout, depth) for depth in (1, 2)] == [(0, 0, 4), (4, 0, 0)]


def test_of_a_stream_that_never_started_nothing_is_known_beyond_its_own_depth() -> None:
    playout = stream_of((201, 1, 0)).playout
    assert (playout.known, playout.smallest(95), swept(playout, 4)) == (2, None, (0, 0, 4))


def test_known_is_how_long_no_frame_lacked_anything_when_the_stream_ended() -> None:
    # The second of four never came: had the buffer been two frames deeper, the end would have come too soon to say so.
    assert stream_of(*PUNCTUAL[:1], *PUNCTUAL[2:], depth=1).playout.known == 3
    assert stream_of(*PUNCTUAL, depth=1).playout.known == 4


def test_what_came_before_there_was_room_makes_deeper_buffers_unknown() -> None:
    sweep = PlayoutSweep(1, 8, 1, STEP_NS)
    sweep.nothing_until(2)
    assert (sweep.playout().known, sweep.playout(early=True).known) == (1, 1)
    assert PlayoutSweep(1, 8, 1, STEP_NS).playout(early=True).known == 1


def test_a_depth_in_nanoseconds_is_enough_to_be_set_for_it() -> None:
    playout = PlayoutSweep(1, 9, 60_000, 1_001_000_000_000).playout()
    depths = [playout.depth_ns(depth) for depth in range(10)]
    assert [depth_ns * 60_000 // 1_001_000_000_000 for depth_ns in depths] == list(range(10))


def test_no_share_of_no_frames_plays() -> None:
    playout = PlayoutSweep(2, 9, 1, STEP_NS).playout()
    assert (playout.frames, playout.smallest(95)) == (0, None)


def test_streams_of_different_plans_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="different plans"):
        PlayoutSweep(2, 9, 1, STEP_NS).playout() + PlayoutSweep(3, 9, 1, STEP_NS).playout()


def lacking(sequence: int) -> FrameRecord:
    due_ns = (1 + sequence) * STEP_NS
    return FrameRecord(sequence, due_ns, 2, 1, 100, 0, None, due_ns - 50, due_ns - 50, None, None, None, None, None)


def late(sequence: int, late_ns: int, *, whole: bool = False, again: bool = False) -> MissedRecord:
    received_ns = (1 + sequence) * STEP_NS + late_ns
    return MissedRecord(sequence, received_ns, late_ns, 1, 100, None, None, whole, again, 0)


def test_what_a_hostile_peer_leaves_open_is_bounded() -> None:
    sweep = PlayoutSweep(2, 2**32 - 1, 1, STEP_NS)
    for sequence in range(1, 10_001):
        sweep.frame(lacking(sequence))
    sweep.nothing_until(2**32 - 1)
    assert len(sweep._lacking) == 4096
    assert sweep.playout().frames == 2**32 - 1
    assert sweep.playout().known == 2


def test_of_a_frame_that_is_forgotten_it_counts_that_it_came_whole_but_not_that_something_came_again() -> None:
    sweep = PlayoutSweep(2, 10_000, 1, STEP_NS)
    for sequence in range(1, 5000):
        sweep.frame(lacking(sequence))
    sweep.missed(late(1, 100, again=True))
    sweep.missed(late(2, 100, whole=True))
    assert sweep.playout().whole == ((3, 1),)
    assert sweep.playout().again == ()


def test_a_depth_that_nobody_would_set_is_never() -> None:
    sweep = PlayoutSweep(2, 2**32 - 1, 1, STEP_NS)
    sweep.frame(lacking(1))
    sweep.missed(late(1, 100_000 * STEP_NS, whole=True))
    assert sweep.playout().whole == ()


def test_a_frame_that_is_left_out_had_nothing_and_may_still_come_whole() -> None:
    sweep = PlayoutSweep(2, 9, 1, STEP_NS)
    sweep.frame(lacking(3))
    sweep.missed(late(1, 100, whole=True))
    assert sweep.playout().frames == 3
    assert sweep.playout().whole == ((3, 1),)


def test_streams_of_several_plans_have_no_sum_whatever_comes_after_them() -> None:
    one, another = (PlayoutSweep(depth, 10, 1, 100).playout() for depth in (3, 4))
    for parts, expected in (([None, one, one, None], one + one), ([one, another, one], None), ([None], None)):
        total = PlayoutSum()
        for part in parts:
            total.add(part)
        assert total.playout == expected
