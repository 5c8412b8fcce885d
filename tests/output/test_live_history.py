from __future__ import annotations

import pytest

from cts.metrics.counters import FrameTotals
from cts.metrics.loss import DueBytes
from cts.output.live_history import LiveHistory
from cts.records.snapshots import RunSnapshot, StreamSnapshot

MS = 1_000_000


def at(ms: int, received: int = 0, frames: FrameTotals | None = None, due: int = 0, missing: int = 0) -> RunSnapshot:
    counts = StreamSnapshot(frames or FrameTotals(), received, due=DueBytes(due, missing))
    return RunSnapshot(ms * MS, 1, counts)


def history(*snapshots: RunSnapshot) -> LiveHistory:
    made = LiveHistory()
    for snapshot in snapshots:
        made.add(snapshot)
    return made


def test_each_second_has_the_rate_and_the_loss_of_its_own() -> None:
    seconds = history(at(0), at(1000, 1_000_000, due=100), at(2000, 1_250_000, due=200, missing=25)).seconds
    assert [(second.received, second.missing) for second in seconds] == [(8_000_000, 0.0), (2_000_000, 0.25)]


def test_a_second_takes_as_many_snapshots_as_come_in_it() -> None:
    seconds = history(*(at(100 * step, 1000 * step) for step in range(21))).seconds
    assert [second.received for second in seconds] == [80_000, 80_000]


def test_how_long_no_frame_was_played_ends_with_one_that_is() -> None:
    made = history(at(1000, frames=FrameTotals(30)), at(2000, frames=FrameTotals(30, 30)))
    made.add(at(3000, frames=FrameTotals(30, 60)))
    assert made.still_ns == 2000 * MS
    made.add(at(4000, frames=FrameTotals(31, 89)))
    assert made.still_ns == 0


def test_a_second_without_verdicts_is_none_in_which_nothing_played() -> None:
    assert history(at(1000), at(2000)).still_ns == 0


@pytest.mark.parametrize("seconds", [240, 1000])
def test_it_forgets_what_no_terminal_is_wide_enough_for(seconds: int) -> None:
    assert len(history(*(at(1000 * second) for second in range(seconds + 1))).seconds) == 240
