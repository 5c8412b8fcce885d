"""What a stream's playout sweep has found, at the stream's end."""

from __future__ import annotations

from attrs import evolve

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.frame_record import FrameRecord
from cts.protocol.plan import StreamPlan
from cts.records.playout import playout_of, playout_of_all, sweep_of
from cts.records.snapshots import StreamSnapshot
from cts.units import SECOND, FrameRate

PLAN = StreamPlan(8_000_000, FrameRate(30_000, 1001), 2 * SECOND)
WHOLE = FrameRecord(1, PLAN.render_offset_ns(1), 24, 24, 33_366, 0, (), 1, 1, 1, None, 0, 0, 0)


def counts(completed: int, dropped: int = 0) -> StreamSnapshot:
    return StreamSnapshot(FrameTotals(completed, dropped))


def test_depths_are_in_the_frames_of_the_plan() -> None:
    playout = sweep_of(PLAN).playout()
    assert (playout.buffered_frames, playout.final_frame) == (PLAN.buffered_frames, PLAN.final_frame)
    assert playout.depth_ns(3) == -(-3 * SECOND * 1001 // 30_000)


def test_frames_of_which_nobody_told_had_nothing() -> None:
    sweep = sweep_of(PLAN)
    playout = playout_of(sweep, counts(0, PLAN.final_frame))
    assert playout is not None
    assert (playout.frames, playout.known, playout.whole) == (PLAN.final_frame, PLAN.buffered_frames, ())


def test_nothing_is_known_of_frames_that_played_and_of_which_nobody_told() -> None:
    sweep = sweep_of(PLAN)
    sweep.frame(WHOLE)
    assert playout_of(sweep, counts(2)) is None


def test_what_came_before_there_was_room_is_taken_into_account() -> None:
    sweep = sweep_of(PLAN)
    sweep.frame(WHOLE)
    playout = playout_of(sweep, evolve(counts(1), arrivals=ArrivalTotals(ahead=1)))
    assert playout is not None
    assert playout.known == PLAN.buffered_frames


def test_streams_of_which_nothing_is_known_are_left_out_of_the_sum() -> None:
    sweep = sweep_of(PLAN)
    sweep.frame(WHOLE)
    one = sweep.playout()
    total = playout_of_all([None, one, one, None])
    assert total is not None
    assert (total.frames, total.whole) == (2, ((1, 2),))
    assert playout_of_all([None]) is None
