"""The frame buffer: verdicts by bytes on time, its window, and rendering as late as one likes."""

from __future__ import annotations

from collections import Counter

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import Became, FrameTotals
from cts.protocol.frames import FrameBuffer, RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan

SECOND = 1_000_000_000
MS = 1_000_000
BASE = 7 * SECOND
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, 300 * MS)  # 20 frames of 1000 bytes, B = 3, window 6
END = BASE + 2200 * MS


def render_ns(sequence: int) -> int:
    return BASE + (PLAN.buffered_frames + sequence - 1) * SECOND // PLAN.frame_rate


class Judged(FrameBuffer):
    """A buffer beside what the receiver counts as errors."""

    error = 0
    handed = 0

    def totals(self) -> FrameTotals:
        return self.counts.totals(self.error)


def add(buffer: Judged, sequence: int, size: int, received_ns: int, datagrams: int = 1) -> Became:
    """Hand over as the receiver does: verdicts are up to date when a datagram is judged. Return what became of it.

    All that is handed over is distinct.
    """
    buffer.render_before(received_ns)
    stamp = received_ns // 100 + buffer.handed
    buffer.handed += 10
    each_size = -(-size // datagrams)
    if buffer.head <= sequence < buffer.beyond:
        buffer.add(sequence, datagrams, size, each_size, stamp, 1, 10_000_000, received_ns)
        return Became.ON_TIME
    buffer.error += datagrams
    return buffer.miss(sequence, datagrams, size, each_size, stamp, 1, 10_000_000, received_ns)


def test_frames_that_nobody_sent_have_no_verdict_however_late_one_looks() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 1000, BASE)
    buffer.render_before(render_ns(2) + 1)
    buffer.none_sent_after(4)
    buffer.render_before(END)
    assert buffer.totals() == FrameTotals(completed=1, dropped=3)


def test_frames_that_have_a_verdict_keep_it_though_nobody_sent_them() -> None:
    buffer = Judged(PLAN, BASE)
    buffer.render_before(render_ns(5) + 1)
    buffer.none_sent_after(2)
    buffer.render_before(END)
    assert buffer.totals() == FrameTotals(dropped=5)


def test_frames_that_have_come_have_a_verdict_whatever_their_sender_says_of_them() -> None:
    buffer = Judged(PLAN, BASE)
    for sequence in (1, 2, 3):
        add(buffer, sequence, 1000, BASE)
    assert buffer.none_sent_after(0) == 3
    buffer.render_before(END)
    assert buffer.totals() == FrameTotals(completed=3)


@frozen
class Arrival:
    received_ns: int
    sequence: int
    datagrams: int
    size: int


def arrivals() -> st.SearchStrategy[list[Arrival]]:
    """Datagrams of all kinds of luck, in the order of their receive times, many of them right at a render time."""
    near_a_render = st.builds(lambda k, delta: render_ns(k) + delta, st.integers(1, 22), st.integers(-1, 1))
    times = st.one_of(near_a_render, st.integers(BASE - SECOND, END + SECOND))
    arrival = st.builds(
        Arrival, times, st.integers(-1, 25), st.integers(1, 3), st.sampled_from([27, 400, 500, 600, 1000])
    )
    return st.lists(arrival, max_size=40).map(lambda drawn: sorted(drawn, key=lambda one: one.received_ns))


def verdicts_by_the_book(drawn: list[Arrival]) -> tuple[FrameTotals, int, int]:
    """Judge frame by frame, straight from the definitions, with no state but sums."""
    sizes = dict.fromkeys(range(1, PLAN.final_frame + 1), 0)
    errors = on_time = 0
    for one in drawn:
        head = 1 + sum(render_ns(k) < one.received_ns for k in sizes)
        if one.sequence in sizes and head <= one.sequence < head + PLAN.window_frames:
            sizes[one.sequence] += one.size
            on_time += one.size
        else:
            errors += one.datagrams
    completed = sum(size == PLAN.frame_size for size in sizes.values())
    repeated = sum(size > PLAN.frame_size for size in sizes.values())
    return (
        FrameTotals(completed, PLAN.final_frame - completed - repeated, repeated, errors),
        on_time,
        sum(one.size for one in drawn),
    )


# ------------------------------------------------------------------------------------------------ verdicts


def test_a_frame_with_all_its_bytes_is_completed() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 600, BASE)
    add(buffer, 1, 400, BASE)
    buffer.render_before(render_ns(1) + 1)
    assert buffer.totals() == FrameTotals(completed=1)


def test_a_frame_that_lacks_a_byte_is_dropped() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 999, BASE)
    buffer.render_before(render_ns(1) + 1)
    assert buffer.totals() == FrameTotals(dropped=1)


def test_a_frame_with_a_byte_too_many_is_repeated() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 1001, BASE)
    buffer.render_before(render_ns(1) + 1)
    assert buffer.totals() == FrameTotals(repeated=1)


def test_a_datagram_in_the_very_nanosecond_of_the_render_time_is_on_time() -> None:
    buffer = Judged(PLAN, BASE)
    buffer.render_before(render_ns(1))
    add(buffer, 1, 1000, render_ns(1))
    assert buffer.totals() == FrameTotals()
    buffer.render_before(render_ns(1) + 1)
    assert buffer.totals() == FrameTotals(completed=1)


def test_a_datagram_a_nanosecond_after_the_render_time_is_an_error() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 1000, render_ns(1) + 1)
    assert buffer.totals() == FrameTotals(dropped=1, error=1)


def test_frames_are_rendered_one_by_one_at_their_instants() -> None:
    buffer = Judged(PLAN, BASE)
    for sequence in range(1, 21):
        assert buffer.next_render_ns == render_ns(sequence)
        buffer.render_before(render_ns(sequence))
        assert buffer.head == sequence
        buffer.render_before(render_ns(sequence) + 1)
        assert buffer.head == sequence + 1
    assert buffer.finished


def test_many_frames_are_rendered_in_one_look() -> None:
    buffer = Judged(PLAN, BASE)
    for sequence in (1, 3, 4):
        add(buffer, sequence, 1000, BASE)
    buffer.render_before(render_ns(5))
    assert buffer.totals() == FrameTotals(completed=3, dropped=1)
    assert buffer.head == 5


def test_a_look_long_after_the_end_judges_every_frame_and_no_more() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 2, 1000, BASE)
    buffer.render_before(END + 3600 * SECOND)
    assert buffer.totals() == FrameTotals(completed=1, dropped=19)
    assert buffer.finished
    buffer.render_before(END + 7200 * SECOND)
    assert buffer.totals().rendered == 20


def test_a_buffer_is_not_finished_before_its_final_frame_is_judged() -> None:
    buffer = Judged(PLAN, BASE)
    buffer.render_before(END)
    assert not buffer.finished
    buffer.render_before(END + 1)
    assert buffer.finished


# ------------------------------------------------------------------------------------------------ the window


def test_the_window_is_twice_the_buffer_from_the_head_on() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 6, 1000, BASE)
    assert buffer.error == 0
    assert add(buffer, 7, 1000, BASE) is Became.AHEAD
    assert buffer.error == 1


def test_the_window_moves_with_the_head() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 7, 1000, render_ns(1) + 1)
    assert buffer.error == 0
    assert add(buffer, 1, 1000, render_ns(1) + 1) is Became.LATE
    assert buffer.error == 1


def test_a_sequence_past_the_final_frame_is_an_error_even_within_the_window() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 20, 1000, render_ns(18))
    assert buffer.error == 0
    assert add(buffer, 21, 1000, render_ns(18)) is Became.NO_SUCH_FRAME
    assert buffer.error == 1


def test_sequence_zero_and_negative_ones_are_errors() -> None:
    buffer = Judged(PLAN, BASE)
    assert add(buffer, 0, 1000, BASE) is Became.NO_SUCH_FRAME
    assert add(buffer, -(2**63), 1000, BASE) is Became.NO_SUCH_FRAME
    assert buffer.totals() == FrameTotals(error=2)


def test_every_datagram_that_fits_no_frame_counts_and_its_bytes_are_received_but_not_on_time() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 400, BASE)
    add(buffer, 99, 3000, BASE, datagrams=3)
    assert buffer.error == 3
    assert (buffer.bytes_received, buffer.bytes_on_time) == (3400, 400)


# ------------------------------------------------------------------------------------------------ reports


def test_each_frame_is_reported_with_the_stamps_of_its_last_datagram() -> None:
    seen: list[RenderedFrame] = []
    buffer = Judged(PLAN, BASE, seen.append)
    buffer.add(1, 1, 600, 600, 11, 1, 10, BASE + 1)
    buffer.add(1, 1, 400, 400, 22, 1, 20, BASE + 2)
    buffer.add(2, 1, 400, 400, 33, 1, 30, BASE + 3)
    buffer.add(3, 1, 1001, 1001, 44, 1, 40, BASE + 4)
    buffer.render_before(render_ns(4) + 1)
    assert [frame._replace(record=None) for frame in seen] == [
        RenderedFrame(1, Verdict.COMPLETED, 1000, 22, 20, BASE + 2, render_ns(1)),
        RenderedFrame(2, Verdict.DROPPED, 400, 33, 30, BASE + 3, render_ns(2)),
        RenderedFrame(3, Verdict.REPEATED, 1001, 44, 40, BASE + 4, render_ns(3)),
        RenderedFrame(4, Verdict.DROPPED, 0, 0, 0, 0, render_ns(4)),
    ]


def test_frames_that_are_dropped_wholesale_are_counted_without_a_report() -> None:
    seen: list[RenderedFrame] = []
    buffer = Judged(PLAN, BASE, seen.append)
    add(buffer, 1, 1000, BASE)
    add(buffer, 3, 1000, BASE)
    buffer.render_before(render_ns(1) + 1)
    buffer.drop_the_rest()
    assert buffer.totals() == FrameTotals(completed=1, dropped=19)
    assert buffer.finished
    buffer.drop_the_rest()
    buffer.render_before(END + SECOND)
    assert buffer.totals().rendered == 20
    assert len(seen) == 1


def test_a_new_anchor_moves_all_render_times() -> None:
    seen: list[RenderedFrame] = []
    buffer = Judged(PLAN, BASE, seen.append)
    buffer.anchor(BASE + 500 * MS)
    assert buffer.next_render_ns == render_ns(1) + 500 * MS
    buffer.render_before(render_ns(1) + 500 * MS)
    assert seen == []
    buffer.render_before(render_ns(1) + 500 * MS + 1)
    assert [frame.due_ns for frame in seen] == [render_ns(1) + 500 * MS]


def test_a_silent_stream_of_billions_of_frames_is_judged_at_once() -> None:
    plan = StreamPlan(8 * 40 * 1_000_000, 1_000_000, 4000 * SECOND)
    buffer = FrameBuffer(plan, 0)
    buffer.render_before(plan.end_offset_ns + 1)
    assert buffer.counts.dropped == plan.final_frame == 4_000_000_000


# ------------------------------------------------------------------------------------------------ properties


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_a_frame_is_rendered_in_the_nanosecond_after_its_instant_at_any_rate(
    frame_rate: int, sequence: int, watched: bool
) -> None:
    plan = StreamPlan(8 * 40 * frame_rate, frame_rate, 1000 * SECOND)
    buffer = FrameBuffer(plan, BASE, (lambda _: None) if watched else None)
    instant_ns = BASE + plan.render_offset_ns(sequence)
    heads = []
    for now_ns in (instant_ns, instant_ns + 1):
        buffer.render_before(now_ns)
        heads.append(buffer.head)
    assert heads == [sequence, sequence + 1]


@settings(deadline=None)
@given(arrivals())
def test_the_verdicts_are_those_of_the_definitions(drawn: list[Arrival]) -> None:
    buffer = Judged(PLAN, BASE)
    for one in drawn:
        add(buffer, one.sequence, one.size, one.received_ns, one.datagrams)
    buffer.render_before(END + 1)
    assert (buffer.totals(), buffer.bytes_on_time, buffer.bytes_received) == verdicts_by_the_book(drawn)


def due_by_the_book(drawn: list[Arrival]) -> tuple[int, int, int, int]:
    """Return what was due, missing, late and early, frame by frame from the definitions."""
    missing = late = early = 0
    for k in range(1, PLAN.final_frame + 1):
        own = [one for one in drawn if one.sequence == k]
        in_time = [one for one in own if one.received_ns <= render_ns(k)]
        too_early = [
            one
            for one in in_time
            if k >= 1 + sum(render_ns(j) < one.received_ns for j in range(1, 21)) + PLAN.window_frames
        ]
        lacking = max(0, PLAN.frame_size - sum(one.size for one in in_time if one not in too_early))
        missing += lacking
        late += min(lacking, sum(one.size for one in own) - sum(one.size for one in in_time))
        early += sum(one.size for one in too_early)
    return PLAN.frame_size * PLAN.final_frame, missing, late, early


@settings(deadline=None)
@given(arrivals(), st.booleans())
def test_what_is_missing_is_what_each_frame_lacked_and_late_what_of_it_came_after(
    drawn: list[Arrival], watched: bool
) -> None:
    buffer = Judged(PLAN, BASE, (lambda _: None) if watched else None)
    for one in drawn:
        add(buffer, one.sequence, one.size, one.received_ns)
    buffer.render_before(END + 1)
    due = buffer.due
    assert (due.due, due.missing, due.late, due.early) == due_by_the_book(drawn)
    assert due.sent_late <= due.late


def test_all_that_had_no_verdict_is_missing_where_the_rest_is_dropped() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 1000, BASE)
    buffer.drop_the_rest()
    assert (buffer.due.due, buffer.due.missing) == (20_000, 20_000)


@settings(deadline=None)
@given(arrivals())
def test_reports_are_in_order_without_gaps_and_agree_with_the_counts(drawn: list[Arrival]) -> None:
    seen: list[RenderedFrame] = []
    watched, silent = Judged(PLAN, BASE, seen.append), Judged(PLAN, BASE)
    for one in drawn:
        add(watched, one.sequence, one.size, one.received_ns, one.datagrams)
        add(silent, one.sequence, one.size, one.received_ns, one.datagrams)
    watched.render_before(END + 1)
    silent.render_before(END + 1)
    assert [(frame.sequence, frame.due_ns) for frame in seen] == [(k, render_ns(k)) for k in range(1, 21)]
    assert watched.counts == silent.counts
    tally = Counter(frame.verdict for frame in seen)
    counted = watched.counts
    assert (counted.completed, counted.dropped, counted.repeated) == (
        tally[Verdict.COMPLETED],
        tally[Verdict.DROPPED],
        tally[Verdict.REPEATED],
    )
    assert all(frame.received_ns <= frame.due_ns for frame in seen)


@settings(deadline=None)
@given(arrivals(), st.lists(st.integers(BASE - SECOND, END + SECOND), max_size=20))
def test_looking_more_often_changes_nothing(drawn: list[Arrival], looks: list[int]) -> None:
    plain, watched = Judged(PLAN, BASE), Judged(PLAN, BASE)
    for one in drawn:
        add(plain, one.sequence, one.size, one.received_ns, one.datagrams)
    events = [(one.received_ns, 1, one) for one in drawn] + [(look_ns, 0, None) for look_ns in looks]
    for at_ns, _, arrived in sorted(events, key=lambda event: event[:2]):
        watched.render_before(at_ns)
        if arrived is not None:
            add(watched, arrived.sequence, arrived.size, at_ns, arrived.datagrams)
    plain.render_before(END + 1)
    watched.render_before(END + 1)
    assert (watched.counts, watched.bytes_received) == (plain.counts, plain.bytes_received)


@settings(deadline=None)
@given(arrivals())
def test_a_buffer_never_holds_more_than_its_window(drawn: list[Arrival]) -> None:
    buffer = Judged(PLAN, BASE)
    for one in drawn:
        add(buffer, one.sequence, one.size, one.received_ns, one.datagrams)
        assert len(buffer._arrived) <= PLAN.window_frames
        assert all(buffer.head <= sequence < buffer.head + PLAN.window_frames for sequence in buffer._arrived)


def test_a_flood_of_sequences_leaves_a_window_behind_and_the_end_leaves_nothing() -> None:
    buffer = Judged(PLAN, BASE)
    for sequence in range(-1000, 10_000):
        add(buffer, sequence, 1000, BASE)
    assert len(buffer._arrived) == PLAN.window_frames
    buffer.render_before(END + 1)
    assert len(buffer._arrived) == 0


def test_frames_dropped_wholesale_leave_nothing_behind() -> None:
    buffer = Judged(PLAN, BASE)
    add(buffer, 1, 1000, BASE)
    buffer.drop_the_rest()
    assert len(buffer._arrived) == 0
