"""How fast streams are opened, by what the host shows: a clock that openings move, and a load that a test sets."""

from __future__ import annotations

import trio
from attrs import define, field

from cts.api import IPacer
from cts.engine.opening_pace import HostLoad, OpeningPace
from cts.units import MILLISECOND, SECOND

OPENING = 200_000
"""Nanoseconds that an opening takes."""


@define(eq=False)
class Host(IPacer):
    """A clock that only moves by what is done, and what the host shows."""

    at_ns: int = 0
    streams: int = 0
    busy: float = 0.0
    late_ns: int = 0
    oversleeps_ns: int = 0
    better_at_ns: int | None = None
    waits: list[int] = field(factory=list)

    def now_ns(self) -> int:
        return self.at_ns

    async def wait_until(self, due_ns: int) -> None:
        await trio.lowlevel.checkpoint()
        self.waits.append(due_ns - self.at_ns)
        self.at_ns = max(self.at_ns, due_ns) + self.oversleeps_ns
        if self.better_at_ns is not None and self.at_ns >= self.better_at_ns:
            self.busy, self.late_ns, self.oversleeps_ns = 0.0, 0, 0

    def pace(self, tolerance_ns: int = SECOND) -> OpeningPace:
        return OpeningPace(self, HostLoad(lambda: self.streams, lambda: self.busy, lambda: self.late_ns), tolerance_ns)


async def opened_in(host: Host, pace: OpeningPace, count: int, opening_ns: int = OPENING) -> int:
    """Open so many streams; return how long that took, nanoseconds."""
    began_ns = host.at_ns
    await pace.begin()
    for _ in range(count):
        host.at_ns += opening_ns
        host.streams += 1
        await pace.opened()
    return host.at_ns - began_ns


async def test_where_openings_take_no_time_there_is_no_waiting() -> None:
    host = Host(busy=1.0)
    assert await opened_in(host, host.pace(), 10_000, opening_ns=0) == 0
    assert host.waits == []


async def test_a_few_are_opened_whatever_the_host_is_busy_with_and_others_have_their_turns_meanwhile() -> None:
    host = Host(busy=1.0, late_ns=SECOND)
    pace = host.pace()
    assert await opened_in(host, pace, 63) == 63 * OPENING
    assert host.waits == [0] * 12
    host.better_at_ns = 2 * SECOND
    await opened_in(host, pace, 10)
    assert host.at_ns >= 2 * SECOND


async def test_an_idle_host_opens_2500_a_second_with_a_turn_for_others_every_millisecond() -> None:
    host = Host(streams=64)
    took_ns = await opened_in(host, host.pace(), 2500)
    assert took_ns == SECOND
    assert len(host.waits) == 500


async def test_one_after_an_idle_time_is_opened_at_once() -> None:
    host = Host()
    pace = host.pace()
    await opened_in(host, pace, 1)
    host.at_ns += SECOND
    assert await opened_in(host, pace, 1) == OPENING
    assert host.waits == []


async def test_no_more_are_opened_in_a_tenth_of_a_second_than_half_of_the_room_that_there_seems_to_be() -> None:
    # 100 streams take 49 %: there is room for 100 more until 98 %, and half of that is opened before it shows.
    host = Host(busy=0.49)
    pace = host.pace()
    took_ns = 0
    for _ in range(10):
        host.streams = 95
        took_ns += await opened_in(host, pace, 5)
    assert took_ns == 100 * MILLISECOND


async def test_none_is_opened_while_frames_leave_late_or_the_process_has_no_time_left() -> None:
    for full in (Host(late_ns=101 * MILLISECOND), Host(busy=0.98), Host(oversleeps_ns=101 * MILLISECOND)):
        full.better_at_ns, full.streams = SECOND, 64
        pace = full.pace()
        await opened_in(full, pace, 5)
        assert full.at_ns >= SECOND
        assert pace.held_up


async def test_the_first_of_several_waits_too_while_frames_leave_late() -> None:
    host = Host(streams=64, late_ns=101 * MILLISECOND, better_at_ns=SECOND)
    await host.pace().begin()
    assert SECOND <= host.at_ns < SECOND + 10 * MILLISECOND


async def test_what_is_late_depends_on_how_much_a_receiver_can_bear() -> None:
    for tolerance_ns, late_ns in ((SECOND, 100 * MILLISECOND), (40 * MILLISECOND, 5 * MILLISECOND), (0, MILLISECOND)):
        bearable = Host(streams=64, late_ns=late_ns)
        await bearable.pace(tolerance_ns).begin()
        late = Host(streams=64, late_ns=late_ns + 1, better_at_ns=1)
        await late.pace(tolerance_ns).begin()
        assert (bearable.waits, len(late.waits)) == ([], 1)
