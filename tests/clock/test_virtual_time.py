"""Virtual time: stands still while anything can run, jumps to the next instant when nothing can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Turn
from cts.clock.virtual_time import VirtualTime
from tests.engine.small_stream import MS, SECOND

T = TypeVar("T")


def in_virtual_time(main: Callable[[VirtualTime], Awaitable[T]]) -> T:
    clock = VirtualTime()

    async def everything() -> T:
        async with trio.open_nursery() as nursery:
            await nursery.start(clock.run)
            result = await main(clock)
            nursery.cancel_scope.cancel()
        return result

    return trio.run(everything, clock=clock)


async def woken_at(clock: VirtualTime, *dues_ns: int) -> list[tuple[int, int]]:
    """Wait for all of these at once; return (due, woken) in the order of waking."""
    woken: list[tuple[int, int]] = []

    async def wait(due_ns: int) -> None:
        await clock.wait_until(due_ns)
        woken.append((due_ns, clock.now_ns()))

    async with trio.open_nursery() as nursery:
        for due_ns in dues_ns:
            nursery.start_soon(wait, due_ns)
    return woken


def test_it_begins_at_0_and_stands_still_while_tasks_run() -> None:
    async def main(clock: VirtualTime) -> tuple[int, int]:
        began_ns = clock.now_ns()
        for _ in range(1000):
            await trio.lowlevel.checkpoint()
        return began_ns, clock.now_ns()

    assert in_virtual_time(main) == (0, 0)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-SECOND, 400 * 86_400 * SECOND), max_size=10))
def test_every_sleeper_wakes_at_its_own_nanosecond_and_in_order(dues_ns: list[int]) -> None:
    async def main(clock: VirtualTime) -> list[tuple[int, int]]:
        return await woken_at(clock, *dues_ns)

    woken = in_virtual_time(main)
    assert [woken_ns for _, woken_ns in woken] == sorted(max(0, due_ns) for due_ns in dues_ns)
    assert all(woken_ns == max(0, due_ns) for due_ns, woken_ns in woken)


@pytest.mark.parametrize("due_ns", [0, 5 * SECOND, 5 * SECOND - 1])
def test_a_time_that_has_passed_is_a_checkpoint_all_the_same(due_ns: int) -> None:
    async def main(clock: VirtualTime) -> tuple[int, bool]:
        await clock.wait_until(5 * SECOND)
        with trio.CancelScope() as scope:
            scope.cancel()
            await clock.wait_until(due_ns)
        return clock.now_ns(), scope.cancelled_caught

    assert in_virtual_time(main) == (5 * SECOND, True)


def test_a_sleeper_that_was_cancelled_holds_nobody_up_and_is_not_woken() -> None:
    async def main(clock: VirtualTime) -> tuple[int, bool]:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(clock.wait_until, 5 * SECOND)
                await clock.wait_until(SECOND)
                scope.cancel()
        await clock.wait_until(7 * SECOND)
        return clock.now_ns(), scope.cancelled_caught

    assert in_virtual_time(main) == (7 * SECOND, True)


def test_trio_s_own_deadlines_and_sleepers_wake_in_one_order() -> None:
    async def main(clock: VirtualTime) -> list[int]:
        woken: list[int] = []

        async def sleep(seconds: float) -> None:
            await trio.sleep(seconds)
            woken.append(clock.now_ns())

        async def wait(due_ns: int) -> None:
            await clock.wait_until(due_ns)
            woken.append(clock.now_ns())

        async with trio.open_nursery() as nursery:
            for number in (4, 2, 6):
                nursery.start_soon(sleep, number / 8)
                nursery.start_soon(wait, number * SECOND // 8 + 1)
        return woken

    eighth = SECOND // 8
    assert in_virtual_time(main) == [2 * eighth, 2 * eighth + 1, 4 * eighth, 4 * eighth + 1, 6 * eighth, 6 * eighth + 1]


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 30 * 86_400, allow_subnormal=False), st.integers(0, SECOND))
def test_a_deadline_is_never_left_in_the_future_and_is_a_nanosecond_late_at_most(seconds: float, began_ns: int) -> None:
    async def main(clock: VirtualTime) -> tuple[float, float, int]:
        await clock.wait_until(began_ns)
        deadline = clock.current_time() + seconds
        await trio.sleep_until(deadline)
        return deadline, clock.current_time(), clock.now_ns()

    deadline, now, now_ns = in_virtual_time(main)
    assert now >= deadline
    assert now_ns - int(deadline * SECOND) <= 1


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 4 * 365 * 86_400, allow_subnormal=False))
def test_a_jump_to_any_deadline_of_some_years_reaches_it(deadline: float) -> None:
    clock = VirtualTime()
    assert clock.deadline_to_sleep_time(deadline) == 0
    assert clock.current_time() >= deadline


def test_a_cancel_scope_s_timeout_counts_in_virtual_time() -> None:
    async def main(clock: VirtualTime) -> tuple[int, bool]:
        with trio.move_on_after(0.5) as scope:
            await clock.wait_until(SECOND)
        return clock.now_ns(), scope.cancelled_caught

    assert in_virtual_time(main) == (SECOND // 2, True)


def test_time_does_not_pass_for_a_task_that_waits_for_another_one_that_can_run() -> None:
    async def main(clock: VirtualTime) -> list[int]:
        send, receive = trio.open_memory_channel[int](0)
        times: list[int] = []

        async def relay() -> None:
            times.extend([clock.now_ns() async for _ in receive])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay)
            async with send:
                for number in range(3):
                    await send.send(number)
                    await clock.wait_until((number + 1) * MS)
        return times

    assert in_virtual_time(main) == [0, MS, 2 * MS]


def test_tasks_that_are_due_in_the_same_instant_all_run_before_the_next() -> None:
    async def main(clock: VirtualTime) -> list[tuple[int, int]]:
        return await woken_at(clock, *[MS] * 50, *[MS + 1] * 50)

    assert [woken_ns for _, woken_ns in in_virtual_time(main)] == [MS] * 50 + [MS + 1] * 50


# Past an instant


async def instants(clock: VirtualTime, tell: Callable[[str], None], due_ns: int) -> None:
    """Let things happen at one instant, one of them only because another one did, and with a deadline of trio's."""
    send, receive = trio.open_memory_channel[None](0)

    async def past() -> None:
        await clock.wait_past(due_ns)
        tell("past")

    async def first() -> None:
        await clock.wait_until(due_ns)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        await send.send(None)
        tell("first")

    async def second() -> None:
        await receive.receive()
        await clock.wait_until(due_ns)
        tell("second")

    async def deadline() -> None:
        await trio.sleep_until(due_ns / SECOND)
        tell("deadline")

    async def later() -> None:
        await clock.wait_until(due_ns + 1)
        tell("later")

    async with trio.open_nursery() as nursery:
        for task in (past, first, second, deadline, later):
            nursery.start_soon(task)


@pytest.mark.parametrize("due_ns", [0, SECOND])
def test_whoever_waits_past_an_instant_wakes_when_nothing_else_can_run_at_it(due_ns: int) -> None:
    async def main(clock: VirtualTime) -> list[tuple[str, int]]:
        told: list[tuple[str, int]] = []
        await instants(clock, lambda name: told.append((name, clock.now_ns())), due_ns)
        return told

    for _ in range(20):
        told = in_virtual_time(main)
        assert {told[0][0], told[1][0], told[2][0]} == {"first", "second", "deadline"}
        assert told[3:] == [("past", due_ns), ("later", due_ns + 1)]


def test_whoever_waits_past_an_instant_wakes_after_a_deadline_of_trio_s_that_falls_on_it() -> None:
    async def main(clock: VirtualTime) -> list[str]:
        told: list[str] = []

        async def past() -> None:
            await clock.wait_past(SECOND)
            told.append("past")

        async def deadline() -> None:
            await trio.sleep_until(1)
            await trio.lowlevel.checkpoint()
            told.append("deadline")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(past)
            nursery.start_soon(deadline)
        return told

    assert in_virtual_time(main) == ["deadline", "past"]


def test_waiting_past_an_instant_that_has_passed_waits_for_this_one() -> None:
    async def main(clock: VirtualTime) -> list[tuple[str, int]]:
        told: list[tuple[str, int]] = []
        await clock.wait_until(SECOND)

        async def past() -> None:
            await clock.wait_past(MS)
            told.append(("past", clock.now_ns()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(past)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            told.append(("this one", clock.now_ns()))
        return told

    assert in_virtual_time(main) == [("this one", SECOND), ("past", SECOND)]


def test_who_has_an_earlier_turn_past_an_instant_is_done_before_a_later_turn_comes() -> None:
    async def main(clock: VirtualTime) -> list[str]:
        told: list[str] = []

        async def past(turn: Turn) -> None:
            await clock.wait_past(SECOND, turn)
            told.append(turn.name)
            if turn is Turn.STREAM:
                await clock.wait_past(SECOND, turn)
                await clock.wait_until(SECOND)
                told.append("and what follows")

        async with trio.open_nursery() as nursery:
            for turn in reversed(Turn):
                nursery.start_soon(past, turn)
        return told

    for _ in range(20):
        assert in_virtual_time(main) == ["STREAM", "and what follows", "STATUS", "STOP"]


def test_a_wait_past_an_instant_can_be_cancelled() -> None:
    async def main(clock: VirtualTime) -> tuple[int, bool]:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(clock.wait_past, SECOND)
                await clock.wait_until(SECOND)
                scope.cancel()
        return clock.now_ns(), scope.cancelled_caught

    assert in_virtual_time(main) == (SECOND, True)


def test_those_who_are_cancelled_leave_no_memory_behind() -> None:
    time = VirtualTime()

    async def main() -> int:
        async with trio.open_nursery() as nursery:
            await nursery.start(time.run)
            for _ in range(20_000):
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await time.wait_until(1 << 62)
            nursery.cancel_scope.cancel()
        return len(time._sleepers)

    assert trio.run(main, clock=time) < 1000
