"""From the kernel's receive times to the run's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from cts.net.receive_clock import ReceiveClock, unix_offset_ns
from cts.testing import MockPacer

AHEAD = 1_700_000_000_000_000_000


def clocks(monkeypatch: pytest.MonkeyPatch, *gaps_ns: int) -> Callable[[], int]:
    """Two clocks that stand still but while they are compared: a comparison takes half of its gap on either side."""
    now = [0]
    pending = [half for gap in gaps_ns for half in (0, gap // 2, gap - gap // 2)]

    def read() -> int:
        now[0] += pending.pop(0) if pending else 0
        return now[0]

    monkeypatch.setattr(time, "time_ns", lambda: read() + AHEAD)
    return read


@pytest.mark.parametrize("gap_ns", [0, 100, 1_999])
def test_clocks_that_are_read_close_together_are_compared_once(monkeypatch: pytest.MonkeyPatch, gap_ns: int) -> None:
    now_ns = clocks(monkeypatch, gap_ns, 0)
    assert unix_offset_ns(now_ns) == -AHEAD
    assert now_ns() == gap_ns


def test_of_comparisons_that_something_came_between_the_closest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    # What comes between comes before Unix time is read, so that a comparison is wrong by half of it.
    steps = iter([0, 50_000, 0, 0, 9_000, 0, 0, 5_000_000, 0, 0, 40_000, 0, 0, 40_000, 0])

    def read() -> int:
        now[0] += next(steps)
        return now[0]

    monkeypatch.setattr(time, "time_ns", lambda: read() + AHEAD)
    assert unix_offset_ns(read) == -AHEAD - 4_500


class StillPacer(MockPacer):
    """A clock that stands still at 7."""

    def now_ns(self) -> int:
        return 7


def test_a_stamp_from_before_unix_time_was_set_back_is_taken_as_now(monkeypatch: pytest.MonkeyPatch) -> None:
    unix = [AHEAD + 5_000_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: unix[0])
    clock = ReceiveClock(StillPacer())
    stamped_ns = unix[0]
    assert clock.of(stamped_ns) == 7
    unix[0] -= 1_000_000_000
    clock.compare()
    assert clock.of(stamped_ns) == 7
    assert clock.of(unix[0] - 3) == 4


def test_the_longest_delay_from_a_stamp_to_its_translation_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000]
    monkeypatch.setattr(time, "time_ns", lambda: now[0] + AHEAD)
    pacer = MockPacer()
    monkeypatch.setattr(pacer, "now_ns", lambda: now[0])
    clock = ReceiveClock(pacer)
    assert [clock.of(AHEAD + at_ns) for at_ns in (900, 400, 950, 1_500)] == [900, 400, 950, 1_000]
    assert clock.read_delay_ns == 600
