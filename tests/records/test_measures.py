"""What is computed from a stream's datagrams."""

from __future__ import annotations

from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.protocol.plan import StreamPlan
from cts.records.measures import StreamMeasures
from cts.units import SECOND, FrameRate
from tests.records.test_events_writer import RESULT

PLAN = StreamPlan(8_000_000, FrameRate(30_000, 1001), 2 * SECOND)
NOTHING = (0, 0, 0, ((0, 23),), None, None, None, None, None, None, None)
EMPTY = FrameRecord(1, PLAN.render_offset_ns(1), 24, *NOTHING)
MISSED = MissedRecord(1, PLAN.render_offset_ns(2), PLAN.interval_ns, 24, 33_366, 24, (), True, False, 0)


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
    counts = evolve(RESULT.counts, frames=FrameTotals(completed=2))
    result = StreamMeasures(PLAN).concluded(evolve(RESULT, counts=counts))
    assert (result.playout, result.metrics) == (None, None)
