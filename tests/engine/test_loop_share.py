"""The part of its time that a loop works, told its waits by hand."""

from __future__ import annotations

from attrs import define

from cts.engine.loop_share import LoopShare
from cts.units import MILLISECOND


@define
class Clock:
    at_ns: int = 0

    def now_ns(self) -> int:
        return self.at_ns


def turn(clock: Clock, share: LoopShare, works_ms: int, waits_ms: int) -> None:
    clock.at_ns += works_ms * MILLISECOND
    share.before_io_wait(1.0)
    clock.at_ns += waits_ms * MILLISECOND
    share.after_io_wait(1.0)


def test_it_is_idle_until_a_tenth_of_a_second_has_shown_otherwise() -> None:
    clock = Clock()
    share = LoopShare(clock.now_ns)
    for _ in range(9):
        turn(clock, share, 6, 4)
    assert share.busy == 0.0
    turn(clock, share, 6, 4)
    assert share.busy == 0.6


def test_of_the_last_three_tenths_of_a_second_the_busiest_counts() -> None:
    clock = Clock()
    share = LoopShare(clock.now_ns)
    seen = []
    for works_ms in (75, 25, 50, 25):
        turn(clock, share, works_ms, 100 - works_ms)
        seen.append(share.busy)
    assert seen == [0.75, 0.75, 0.75, 0.5]


def test_a_turn_that_takes_long_is_looked_at_as_long_as_it_is() -> None:
    clock = Clock()
    share = LoopShare(clock.now_ns)
    turn(clock, share, 750, 250)
    assert share.busy == 0.75
