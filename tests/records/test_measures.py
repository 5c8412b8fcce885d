"""What is computed from a stream's datagrams."""

from __future__ import annotations

from attrs import evolve

from cts.metrics.counters import ArrivalTotals, FrameTotals, sum_of_known
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.protocol.plan import StreamPlan
from cts.records.measures import StreamMeasures
from cts.records.stream_results import StreamResult
from cts.units import SECOND, FrameRate
from tests.records.test_events_writer import RESULT

PLAN = StreamPlan(8_000_000, FrameRate(30_000, 1001), 2 * SECOND)
NOTHING = (0, 0, 0, ((0, 23),), None, None, None, None, None, None, None)
EMPTY = FrameRecord(1, PLAN.render_offset_ns(1), 24, *NOTHING)
MISSED = MissedRecord(1, PLAN.render_offset_ns(2), PLAN.interval_ns, 24, 33_366, 24, (), True, False, 0)

WHOLE = FrameRecord(1, PLAN.render_offset_ns(1), 24, 24, 33_366, 0, (), 1, 1, 1, None, 0, 0, 0)


def ended(*, completed: int = 0, dropped: int = 0, ahead: int = 0) -> StreamResult:
    frames = FrameTotals(completed, dropped)
    return evolve(RESULT, counts=evolve(RESULT.counts, frames=frames, arrivals=ArrivalTotals(ahead=ahead)))


def test_late_data_is_taken_in_and_told_to_who_else_wants_to_hear() -> None:
    heard: list[MissedRecord] = []
    measures = StreamMeasures(PLAN)
    measures.frame(EMPTY)
    measures.missed_beside(heard.append)(MISSED)
    counts = evolve(RESULT.counts, frames=FrameTotals(dropped=1))
    result = measures.concluded(evolve(RESULT, counts=counts))
    assert heard == [MISSED]
    assert result.playout is not None
    assert result.metrics is not None
    assert [frames for _, frames in result.playout.whole] == [1]


def test_nobody_else_needs_to_hear_of_it() -> None:
    measures = StreamMeasures(PLAN)
    assert measures.missed_beside(None) == measures.missed


def test_of_frames_that_played_untold_nothing_is_known() -> None:
    measures = StreamMeasures(PLAN)
    measures.frame(WHOLE)
    result = measures.concluded(ended(completed=2))
    assert (result.playout, result.metrics) == (None, None)


def test_depths_are_in_the_frames_of_the_plan() -> None:
    playout = StreamMeasures(PLAN).concluded(ended()).playout
    assert playout is not None
    assert (playout.buffered_frames, playout.final_frame) == (PLAN.buffered_frames, PLAN.final_frame)
    assert playout.depth_ns(3) == -(-3 * SECOND * 1001 // 30_000)


def test_frames_of_which_nobody_told_had_nothing() -> None:
    result = StreamMeasures(PLAN).concluded(ended(dropped=PLAN.final_frame))
    playout, metrics = result.playout, result.metrics
    assert playout is not None
    assert metrics is not None
    assert (playout.frames, playout.known, playout.whole) == (PLAN.final_frame, PLAN.buffered_frames, ())
    assert (metrics.viewing.frames, metrics.viewing.rendered) == (PLAN.final_frame, 0)


def test_a_freeze_that_lasts_still_is_told_live_as_it_is_at_the_end() -> None:
    measures = StreamMeasures(PLAN)
    measures.frame(WHOLE)
    for sequence in range(2, 11):
        measures.frame(EMPTY._replace(sequence=sequence, due_ns=PLAN.render_offset_ns(sequence)))
    running = measures.freezes
    glance, _ = measures.glance(ended(completed=1, dropped=9).counts)
    metrics = measures.concluded(ended(completed=1, dropped=9)).metrics
    assert metrics is not None
    assert (running, glance.freezes, metrics.viewing.freezes) == (1, 1, 1)
    assert glance.longest_stall == metrics.viewing.longest_stall


def test_what_came_before_there_was_room_is_taken_into_account() -> None:
    measures = StreamMeasures(PLAN)
    measures.frame(WHOLE)
    playout = measures.concluded(ended(completed=1, ahead=1)).playout
    assert playout is not None
    assert playout.known == PLAN.buffered_frames


def test_streams_of_which_nothing_is_known_are_left_out_of_the_sum() -> None:
    measures = StreamMeasures(PLAN)
    measures.frame(WHOLE)
    one = measures.concluded(ended(completed=1)).playout
    total = sum_of_known([None, one, one, None])
    assert total is not None
    assert (total.frames, total.whole) == (2, ((1, 2),))
    assert sum_of_known([None]) is None
