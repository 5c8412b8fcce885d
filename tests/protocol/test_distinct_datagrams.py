"""Which datagrams of a frame came, by their stamps: verdicts, records, and peers whose stamps do not tell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.protocol.distinct import Arrived, Identification
from cts.protocol.frames import FrameBuffer, RenderedFrame, VerdictRule
from cts.protocol.plan import StreamPlan
from cts.protocol.positions import missing_of
from cts.protocol.reordering import ReorderingExtents

SECOND = 1_000_000_000
MS = 1_000_000
QPF = 10_000_000
# 20 frames of 400 + 400 + 200 bytes, 10 a second, B = 3.
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, 300 * MS, 400)
SIZES = PLAN.datagram_sizes
ONE_EACH = StreamPlan(8 * 4000, 10, 2 * SECOND, 300 * MS, 400)


@define
class Receiving:
    """A buffer with base 0, and everything that it told."""

    plan: StreamPlan = PLAN
    rule: VerdictRule = VerdictRule.DISTINCT
    watched: bool = True
    frames: list[RenderedFrame] = field(factory=list)
    records: list[FrameRecord] = field(factory=list)
    missed: list[MissedRecord] = field(factory=list)
    buffer: FrameBuffer = field(init=False)

    def __attrs_post_init__(self) -> None:
        watch = (self.frames.append, self.records.append, self.missed.append) if self.watched else (None, None, None)
        on_frame, on_record, on_missed = watch
        self.buffer = FrameBuffer(self.plan, 0, on_frame, on_record=on_record, on_missed=on_missed, rule=self.rule)

    def due_ns(self, sequence: int) -> int:
        return self.plan.render_offset_ns(sequence)

    def get(self, sequence: int, place: int, *, at_ns: int = 0, stamp: int | None = None, qpf: int = QPF) -> None:
        """A datagram came; its stamp says its place unless one is given."""
        size = self.plan.datagram_sizes[place]
        self.train(sequence, 1, size, size, place if stamp is None else stamp, 1, at_ns, qpf)

    def train(
        self, sequence: int, count: int, size: int, each: int, stamp: int, step: int, at_ns: int = 0, qpf: int = QPF
    ) -> None:
        self.buffer.render_before(at_ns)
        ticks = 1000 * sequence + stamp
        take = self.buffer.add if self.buffer.head <= sequence < self.buffer.beyond else self.buffer.miss
        take(sequence, count, size, each, ticks, step, qpf, at_ns)

    def render(self, sequence: int) -> FrameTotals:
        self.buffer.render_before(self.due_ns(sequence) + 1)
        return self.buffer.counts.totals()


def test_a_lost_and_a_doubled_datagram_of_one_length_drop_the_frame_and_the_loss_is_told() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 1)
    came.get(2, 0)
    came.get(2, 0)
    came.get(2, 2)
    assert came.render(2) == FrameTotals(completed=1, dropped=1, hidden_losses=1)
    assert (came.buffer.due.missing, came.buffer.duplicates) == (400, 1)
    record = came.records[1]
    assert (record.distinct, record.distinct_size, record.duplicate, record.missing) == (2, 600, 1, ((1, 1),))


def test_by_the_original_s_rule_it_is_completed_and_the_loss_is_told_all_the_same() -> None:
    came = Receiving(rule=VerdictRule.BYTES)
    came.train(1, 3, 1000, 400, 0, 1)
    for place in (0, 0, 2):
        came.get(2, place)
    assert came.render(2) == FrameTotals(completed=2, hidden_losses=1)


def test_a_whole_frame_of_which_something_came_again_is_repeated() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 1, 5)
    came.get(1, 1, at_ns=9)
    assert came.render(1) == FrameTotals(repeated=1)
    record = came.records[0]
    assert (record.duplicate, record.missing, record.whole_ns, record.again_ns) == (1, (), 5, 9)


def test_a_frame_with_more_than_its_bytes_is_repeated_whatever_the_stamps_are() -> None:
    came = Receiving()
    for place in range(3):
        came.get(1, 0, stamp=place)
    assert came.render(1) == FrameTotals(repeated=1)
    assert came.records[0].distinct_size == 1000


def test_a_train_that_holds_what_had_come_adds_the_rest() -> None:
    came = Receiving()
    came.get(1, 1)
    came.train(1, 3, 1000, 400, 0, 1)
    assert came.render(1) == FrameTotals(repeated=1)
    assert came.records[0].duplicate == 1


def test_of_a_frame_of_one_datagram_a_copy_is_a_copy() -> None:
    came = Receiving(ONE_EACH)
    came.train(1, 2, 800, 400, 0, 0)
    came.get(2, 0)
    assert came.render(3) == FrameTotals(completed=1, repeated=1, dropped=1)
    assert [(each.duplicate, each.missing) for each in came.records] == [(1, ()), (0, ()), (0, ((0, 0),))]


# ------------------------------------------------------------------------------------------ peers whose stamps do not tell


def test_a_peer_that_stamps_whole_trains_is_judged_by_its_bytes() -> None:
    came = Receiving()
    for sequence in (1, 2):
        came.train(sequence, 3, 1000, 400, 0, 0)
    came.train(3, 2, 800, 400, 0, 0)
    came.train(4, 4, 1400, 400, 0, 0)
    assert came.render(4) == FrameTotals(completed=2, dropped=1, repeated=1)
    assert [(each.distinct, each.duplicate, each.missing) for each in came.records] == [
        (3, 0, None),
        (3, 0, None),
        (2, 0, None),
        (3, 1, None),
    ]


@pytest.mark.parametrize("frames", [7, 8])
def test_eight_frames_in_a_row_turn_what_is_held_of_a_peer(frames: int) -> None:
    identification, full_size = Identification(True), 800
    for _ in range(frames):
        arrived = Arrived(size=800, distinct=1, distinct_size=400, duplicate=1, last=0)
        held = identification.of(arrived, full_size)
    assert held is (frames < 8)


def test_a_frame_that_came_whole_begins_the_count_anew() -> None:
    identification = Identification(True)
    alike = Arrived(size=800, distinct=1, distinct_size=400, duplicate=1, last=0)
    whole = Arrived(size=800, distinct=2, distinct_size=800, spans=[0, 0, 9, 9])
    for arrived in [*[alike] * 7, whole, *[alike] * 7]:
        assert identification.of(arrived, 800)


def test_neighbouring_stamps_tell_at_once() -> None:
    identification = Identification(False)
    assert identification.of(Arrived(size=800, distinct=2, distinct_size=800, last=1), 800)


def test_two_lengths_with_one_stamp_tell_that_a_peer_does_not_tell_them_apart() -> None:
    came = Receiving()
    came.get(1, 0, stamp=5)
    came.get(1, 2, stamp=5)
    came.get(2, 0, stamp=5)
    came.get(2, 1, stamp=5)
    came.get(2, 2, stamp=5)
    assert came.render(2) == FrameTotals(completed=1, dropped=1)


# ------------------------------------------------------------------------------------------------------- spans


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=30))
def test_the_spans_are_the_stamps_that_came(runs: list[tuple[int, int]]) -> None:
    arrived, came = Arrived(), set[int]()
    for first, count in runs:
        stamps = set(range(first, first + count))
        if overlap := bool(came & stamps):
            assert arrived.overlaps(first, first + count - 1) is overlap
            if stamps <= came:
                assert arrived.take(first, count, count, 10**6, 100) == 0
            continue
        assert not arrived.overlaps(first, first + count - 1)
        assert arrived.take(first, count, count, 10**6, 100) == count
        came |= stamps
    assert [stamp for first, last in arrived.ranges for stamp in range(first, last + 1)] == sorted(came)
    assert all(last + 1 < first for (_, last), (first, _) in zip(arrived.ranges, arrived.ranges[1:], strict=False))
    assert arrived.distinct == arrived.distinct_size == len(came)


def test_spans_are_bounded_and_what_is_too_many_counts_as_a_copy() -> None:
    arrived = Arrived()
    for stamp in range(0, 2000, 2):
        arrived.take(stamp, 1, 1, 10**6, 3)
    assert (arrived.distinct, arrived.duplicate, len(arrived.ranges)) == (64, 936, 64)


# ---------------------------------------------------------------------------------------------------- positions


@settings(deadline=None)
@given(st.integers(1, 12), st.booleans(), st.data())
def test_a_gap_between_two_that_came_is_exact_and_a_shorter_last_one_places_the_rest(
    due: int, shorter: bool, draw: st.DataObject
) -> None:
    sizes = [400] * (due - 1) + [200 if shorter else 400]
    came = sorted(draw.draw(st.sets(st.integers(0, due - 1))))
    arrived = Arrived()
    for place in came:
        arrived.take(place + 7, 1, sizes[place], sum(sizes), due)
    missing = missing_of(arrived, sizes)
    assert missing is not None
    told = [place for first, last in missing for place in range(first, last + 1)]
    assert len(told) == due - len(came)
    if not came or came[0] == 0 or (shorter and came[-1] == due - 1 and due > 1):
        assert told == [place for place in range(due) if place not in came]


def test_positions_are_not_told_by_stamps_that_are_not_consecutive() -> None:
    arrived = Arrived()
    for stamp in (0, 500):
        arrived.take(stamp, 1, 400, 1200, 3)
    assert missing_of(arrived, [400, 400, 400]) is None
    arrived.take(900, 1, 400, 1200, 3)
    assert missing_of(arrived, [400, 400, 400]) == ()


def test_positions_are_not_told_of_datagrams_of_other_sizes() -> None:
    arrived = Arrived()
    for stamp in range(3):
        arrived.take(stamp, 1, 100, 1200, 3)
    assert missing_of(arrived, [400, 400, 400]) is None
    arrived.take(3, 1, 100, 1200, 3)
    assert missing_of(arrived, [400, 400, 400]) is None


# ------------------------------------------------------------------------------------------------ times and late data


def test_a_record_has_the_times_and_transits_of_what_came() -> None:
    came = Receiving()
    came.get(1, 0, at_ns=200_000)
    came.get(1, 2, at_ns=201_000)
    came.get(1, 1, at_ns=205_000)
    came.render(1)
    assert came.frames[0].record == came.records[0]
    record = came.records[0]
    assert (record.due, record.distinct, record.distinct_size, record.missing, record.extents) == (3, 3, 1000, (), (1,))
    assert (record.first_ns, record.last_ns, record.whole_ns, record.again_ns) == (200_000, 205_000, 205_000, None)
    assert (record.least_transit_ns, record.greatest_transit_ns, record.transit_ns) == (100_000, 104_900, 104_900)


def test_a_peer_without_a_tick_rate_has_no_transits() -> None:
    came = Receiving()
    came.get(1, 0, qpf=0)
    came.get(1, 1, qpf=0, at_ns=came.due_ns(1) + 1)
    assert came.records[0].transit_ns is None
    assert came.missed[0].transit_ns == 0


def test_late_data_says_what_was_new_and_what_is_still_missing() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 1)
    came.get(2, 0)
    late_ns = came.due_ns(2) + 5
    for place in (0, 0, 2, 1):
        came.get(2, place, at_ns=late_ns)
    told = [(each.fresh, each.missing, each.whole, each.again, each.late_ns) for each in came.missed]
    assert told == [
        (0, ((1, 2),), False, True, 5),
        (0, ((1, 2),), False, False, 5),
        (1, ((1, 1),), False, False, 5),
        (1, (), True, False, 5),
    ]
    assert came.missed[3].extents == (1,)
    assert (came.buffer.due.missing, came.buffer.due.late) == (600, 600)


def test_what_comes_late_of_a_whole_frame_is_a_copy() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 1)
    for _ in range(2):
        came.get(1, 0, at_ns=came.due_ns(1) + 1)
    assert [(each.fresh, each.missing, each.again) for each in came.missed] == [(0, (), True), (0, (), False)]


def test_what_comes_late_of_a_frame_that_had_had_copies_is_not_the_first() -> None:
    came = Receiving(watched=False)
    came.buffer = FrameBuffer(PLAN, 0, on_missed=came.missed.append)
    came.train(1, 3, 1000, 400, 0, 1)
    came.get(1, 0)
    came.get(1, 0, at_ns=came.due_ns(17))
    assert [each.again for each in came.missed] == [False]


def test_late_data_of_a_peer_that_does_not_tell_is_counted_by_its_bytes() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 0)
    came.train(2, 1, 400, 400, 0, 0)
    came.train(2, 2, 600, 400, 0, 0, came.due_ns(2) + 1)
    assert [(each.fresh, each.missing, each.whole) for each in came.missed] == [(None, None, True)]
    assert came.buffer.due.late == 600


def test_of_frames_long_gone_nothing_is_known() -> None:
    plan = StreamPlan(8 * 10_000, 10, 500 * SECOND, 300 * MS, 400)
    came = Receiving(plan)
    came.train(1, 3, 1000, 400, 0, 1)
    came.get(2, 0)
    came.train(1500, 3, 1000, 400, 0, 1, came.due_ns(1499))
    came.get(1, 0, at_ns=came.due_ns(1500) + 1)
    came.get(1400, 0, at_ns=came.due_ns(1500) + 1)
    assert [(each.sequence, each.fresh) for each in came.missed] == [(1, None), (1400, 1)]


def test_of_the_last_frames_that_lacked_something_it_is_known_what_came_however_late_others_came() -> None:
    plan = StreamPlan(8 * 10_000, 10, 500 * SECOND, 300 * MS, 400)
    came = Receiving(plan)
    came.get(700, 0, at_ns=came.due_ns(699))
    # Of all the others nothing comes in time; of those before it something does, later.
    at_ns = came.due_ns(1300) + 1
    for sequence in (*range(701, 1200), *range(300, 700)):
        came.get(sequence, 0, at_ns=at_ns)
    for sequence in range(1301, 1450):
        came.get(sequence, 1, at_ns=came.due_ns(sequence))
    came.get(700, 0, at_ns=came.due_ns(1450) + 1)
    assert (came.missed[-1].sequence, came.missed[-1].fresh) == (700, 0)


def test_of_frames_of_which_everything_comes_late_no_more_is_kept_than_is_remembered() -> None:
    plan = StreamPlan(8 * 10_000, 10, 500 * SECOND, 300 * MS, 400)
    came = Receiving(plan)
    for sequence in range(1, 3000):
        came.get(sequence, 0, at_ns=came.due_ns(sequence) + 1)
    assert len(came.missed) == 2999
    assert len(came.buffer._unfinished) <= 1024


def test_a_stream_that_is_only_recorded_tells_no_frame() -> None:
    records: list[FrameRecord] = []
    buffer = FrameBuffer(PLAN, 0, on_record=records.append)
    buffer.render_before(PLAN.render_offset_ns(2) + 1)
    assert [(each.sequence, each.missing) for each in records] == [(1, ((0, 2),)), (2, ((0, 2),))]


def test_what_is_remembered_of_frames_is_bounded() -> None:
    plan = StreamPlan(8 * 10_000, 10, 500 * SECOND, 300 * MS, 400)
    came = Receiving(plan)
    for sequence in range(1, 3000):
        at_ns = came.due_ns(sequence)
        came.get(sequence, 0, at_ns=at_ns)
        came.get(sequence, 0, at_ns=at_ns)
    assert came.buffer.counts.dropped > 2000
    assert len(came.buffer._unfinished) <= 1024
    recorder = came.buffer._recorder
    assert recorder is not None
    assert len(recorder._again) <= 1024


# ----------------------------------------------------------------------------------------------------- reordering


@settings(deadline=None)
@given(st.permutations(range(14)))
def test_the_extent_is_how_many_came_since_the_earliest_one_sent_later(order: Sequence[int]) -> None:
    extents = ReorderingExtents()
    for index, sent in enumerate(order):
        later = [before for before in range(index) if order[before] > sent]
        expected = (index - later[0],) if later else ()
        assert extents.of(sent // 5, sent % 5, 1) == expected


def test_a_frame_that_comes_whole_behind_another_tells_how_far() -> None:
    came = Receiving()
    came.train(2, 3, 1000, 400, 0, 1, 10 * MS)
    came.train(1, 3, 1000, 400, 0, 1, 20 * MS)
    came.render(2)
    assert [each.extents for each in came.records] == [(3, 4, 5), ()]
    assert [(each.first_ns, each.whole_ns, each.missing) for each in came.records] == [
        (20 * MS, 20 * MS, ()),
        (10 * MS, 10 * MS, ()),
    ]


def test_a_frame_of_many_small_datagrams_that_is_not_whole_lacks_one_at_least() -> None:
    came = Receiving()
    for place in range(4):
        came.train(1, 1, 100, 100, 10 * place, 1)
    came.render(1)
    (record,) = came.records
    assert (record.distinct, record.distinct_size, record.duplicate) == (2, 400, 0)
    for place in range(4, 8):
        came.train(1, 1, 100, 100, 10 * place, 1, came.due_ns(1) + 2)
    assert [each.fresh for each in came.missed] == [1, 1, 1, 1]


def test_the_bytes_of_frames_are_told_whichever_way_they_came() -> None:
    sizes: list[int] = []
    buffer = FrameBuffer(PLAN, 0, on_size=sizes.append)
    buffer.add(1, 3, 1000, 400, 1000, 1, QPF, 0)
    buffer.add(2, 2, 800, 400, 2000, 1, QPF, 0)
    buffer.render_before(PLAN.render_offset_ns(3) + 1)
    assert sizes == [1000, 800]


def test_a_copy_of_a_frame_that_came_whole_at_once_leaves_its_record_whole_and_says_when_it_came_again() -> None:
    came = Receiving()
    came.train(1, 3, 1000, 400, 0, 1, 10 * MS)
    came.get(1, 1, at_ns=30 * MS)
    came.render(1)
    (record,) = came.records
    assert (record.first_ns, record.whole_ns, record.again_ns, record.last_ns) == (10 * MS, 10 * MS, 30 * MS, 30 * MS)
    assert (record.distinct, record.duplicate, record.missing) == (3, 1, ())
    stamped_ns = 1000 * SECOND // QPF
    assert record.greatest_transit_ns == 30 * MS - stamped_ns - 100
    assert record.least_transit_ns == 10 * MS - stamped_ns - 200


def test_a_train_that_comes_behind_has_an_extent_for_each_of_its_datagrams() -> None:
    extents = ReorderingExtents()
    assert extents.of(2, 0, 3) == ()
    assert extents.of(1, 0, 2) == (3, 4)
    assert extents.of(3, 9, 1) == ()


def test_marks_are_bounded() -> None:
    extents = ReorderingExtents()
    for sequence in range(1, 10_000):
        extents.of(sequence, 0, 1)
    assert len(extents._last) <= 512
    (extent,) = extents.of(1, 5, 1)
    assert 256 <= extent < 9999


# ------------------------------------------------------------------------------------------------------ both rules


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["whole", "lost", "copied"]), st.sets(st.integers(0, 2), min_size=1), st.integers(1, 3)
        ),
        min_size=1,
        max_size=15,
    )
)
def test_both_rules_agree_where_no_frame_had_both_a_loss_and_a_copy(
    fates: list[tuple[str, set[int], int]],
) -> None:
    told = []
    for rule in VerdictRule:
        came = Receiving(rule=rule)
        for sequence, (fate, places, copies) in enumerate(fates, 1):
            at_ns = came.due_ns(sequence)
            for place in range(3):
                if fate != "lost" or place not in places:
                    for _ in range(1 + copies * (fate == "copied" and place in places)):
                        came.get(sequence, place, at_ns=at_ns)
        came.render(20)
        told.append((came.buffer.counts.totals(), came.buffer.due))
        assert [frame.verdict.value for frame in came.frames][: len(fates)] == [
            {"whole": "completed", "lost": "dropped", "copied": "repeated"}[fate] for fate, *_ in fates
        ]
    assert told[0] == told[1]
