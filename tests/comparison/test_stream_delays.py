"""Delay variation that is compared is by the definition of the run's own."""

from __future__ import annotations

from cts.comparison.cells import Cells, Times
from cts.comparison.stream_delays import StreamDelays
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.units import MILLISECOND
from tests.comparison.synthetic import header_of

PLAN = header_of(seconds=10).plan


def frame(sequence: int, transit_ms: int, least_ms: int | None = None, lacks: int = 0) -> tuple[int, FrameRecord]:
    due_ns, transit = PLAN.render_offset_ns(sequence), transit_ms * MILLISECOND
    least = transit if least_ms is None else least_ms * MILLISECOND
    times = (due_ns, due_ns, None, None, least, max(least, transit), transit)
    missing = ((0, lacks - 1),) if lacks else ()
    return due_ns, FrameRecord(sequence, due_ns, 4, 4 - lacks, 1000, 0, missing, *times)


def late(sequence: int, transit_ms: int) -> tuple[int, MissedRecord]:
    due_ns, transit = PLAN.render_offset_ns(sequence), transit_ms * MILLISECOND
    return due_ns, MissedRecord(sequence, due_ns + 1, 1, 1, 1000, 1, (), False, False, transit)


def counted(delays: StreamDelays) -> tuple[int, int]:
    """Return how many values of delay variation there are, and the greatest."""
    cells = Cells()
    delays.finish(cells)
    found = [cell.times[Times.PDV] for cell in cells]
    return sum(each.count for each in found), max((each.greatest for each in found), default=0)


def test_the_least_transit_is_that_of_any_datagram_and_not_only_of_the_last_of_a_frame() -> None:
    delays = StreamDelays(PLAN)
    for sequence in range(1, 101):
        delays.frame(*frame(sequence, 25, 20 if sequence == 90 else 24))
    assert counted(delays) == (100, 5 * MILLISECOND)


def test_a_frame_counts_once_by_what_came_of_it_last() -> None:
    delays = StreamDelays(PLAN)
    for sequence in range(1, 101):
        delays.frame(*frame(sequence, 25, lacks=2 if sequence == 50 else 0))
    for transit_ms in (130, 140):
        delays.missed(*late(50, transit_ms))
    assert counted(delays) == (100, 115 * MILLISECOND)


def test_a_frame_of_which_one_datagram_has_a_stamp_that_makes_no_sense_is_left_out() -> None:
    delays = StreamDelays(PLAN)
    for sequence in range(1, 101):
        delays.frame(*frame(sequence, 25, -(10**9) if sequence in (3, 90) else 25))
    assert counted(delays) == (98, 0)


def test_of_streams_of_which_nothing_came_there_is_none() -> None:
    assert counted(StreamDelays(PLAN)) == (0, 0)
