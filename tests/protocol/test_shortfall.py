"""What frames lacked, and what of it came after all."""

from __future__ import annotations

from cts.metrics.loss import DueBytes
from cts.protocol.plan import StreamPlan
from cts.protocol.shortfall import Shortfall

MS = 1_000_000
QPF = 10_000_000
PLAN = StreamPlan(bits_per_second=80_000, frame_rate=10, stream_length_ns=100_000 * MS)


def stamp(sequence: int, late_ms: int = 0, began_ms: int = 123_456) -> int:
    """The stamp of a frame that left so long after its time."""
    return (began_ms + sequence * 100 + late_ms) * QPF // 1000


def came_late(shortfall: Shortfall, sequence: int, size: int, late_ms: int, sent_late_ms: int = 0) -> None:
    shortfall.came_late(sequence, size, stamp(sequence, sent_late_ms), QPF, late_ms * MS)


def test_what_is_due_is_what_the_judged_frames_have() -> None:
    assert Shortfall(PLAN).totals(7) == DueBytes(due=7000)


def test_what_a_frame_lacked_and_came_later_was_late() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.lacks(1, 600)
    came_late(shortfall, 1, 400, late_ms=5)
    assert shortfall.totals(1) == DueBytes(1000, missing=600, late=400)


def test_no_more_of_a_frame_is_late_than_it_lacked() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.lacks(1, 600)
    for _ in range(2):
        came_late(shortfall, 1, 400, late_ms=5)
    assert shortfall.totals(1) == DueBytes(1000, missing=600, late=600)


def test_what_comes_again_of_a_whole_frame_was_not_missing() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.lacks(2, 600)
    came_late(shortfall, 1, 400, late_ms=5)
    assert shortfall.totals(2) == DueBytes(2000, missing=600)


def test_frames_of_which_nothing_came_lack_everything() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.lacks_all(3, 900)
    came_late(shortfall, 900, 1000, late_ms=5)
    assert shortfall.totals(900) == DueBytes(900_000, missing=898_000, late=1000)


def test_what_comes_1024_frames_that_lacked_something_later_counts_as_lost() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.lacks_all(1, 1025)
    came_late(shortfall, 1, 1000, late_ms=5)
    came_late(shortfall, 2, 1000, late_ms=5)
    assert shortfall.totals(1025).late == 1000


def test_what_left_later_than_it_came_late_was_sent_late() -> None:
    shortfall = Shortfall(PLAN)
    shortfall.left(1, stamp(1), QPF)
    shortfall.lacks_all(2, 4)
    came_late(shortfall, 2, 1000, late_ms=30, sent_late_ms=30)
    came_late(shortfall, 3, 1000, late_ms=30, sent_late_ms=29)
    assert shortfall.totals(4) == DueBytes(4000, missing=3000, late=2000, sent_late=1000)


def test_the_earliest_stamp_stands_for_the_beginning() -> None:
    shortfall = Shortfall(PLAN)
    assert [shortfall.left(k, stamp(k, late), QPF) for k, late in ((1, 50), (2, 90), (3, 10), (4, 50))] == [
        0,
        40 * MS,
        0,
        40 * MS,
    ]


def test_a_sender_whose_clock_stands_still_was_never_late() -> None:
    shortfall = Shortfall(PLAN)
    assert [shortfall.left(k, stamp(k), qpf) for k, qpf in ((1, 0), (2, -1))] == [0, 0]
