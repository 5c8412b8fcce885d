"""The timer of the kernel, and the pacer that wakes many tasks with it. Nothing here says how late a wake may be."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from cts.clock.timerfd_pacer import TimerFd, TimerPacer, available

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")

MS = 1_000_000
HOUR = 3_600_000 * MS


def readable(timer: TimerFd, seconds: float) -> bool:
    return bool(select.select([timer], [], [], seconds)[0])


def test_this_kernel_has_timers() -> None:
    assert available()


def test_a_timer_turns_readable_at_its_deadline_and_not_before() -> None:
    timer = TimerFd()
    deadline_ns = time.monotonic_ns() + 2 * MS
    timer.set_deadline_ns(deadline_ns)
    assert readable(timer, 5.0)
    assert time.monotonic_ns() >= deadline_ns
    assert timer.read() == 1
    assert not readable(timer, 0)
    timer.close()


def test_a_timer_that_was_never_set_reads_nothing() -> None:
    timer = TimerFd()
    assert timer.read() == 0
    timer.close()


@pytest.mark.parametrize("deadline_ns", [-1, 0, 1])
def test_a_deadline_in_the_past_is_due_at_once(deadline_ns: int) -> None:
    timer = TimerFd()
    timer.set_deadline_ns(deadline_ns)
    assert readable(timer, 5.0)
    timer.close()


def test_a_new_deadline_forgets_one_that_was_due() -> None:
    timer = TimerFd()
    timer.set_deadline_ns(1)
    assert readable(timer, 5.0)
    timer.set_deadline_ns(time.monotonic_ns() + HOUR)
    assert not readable(timer, 0)
    timer.close()


def test_a_closed_timer_closes_again_and_takes_no_deadline() -> None:
    timer = TimerFd()
    timer.close()
    timer.close()
    assert timer.fileno() == -1
    with pytest.raises(ValueError, match="closed"):
        timer.set_deadline_ns(1)


def test_a_clock_that_the_kernel_lacks_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.clock.timerfd_pacer._CLOCK_MONOTONIC", 12345)
    with pytest.raises(OSError, match="Invalid argument"):
        TimerFd()


def pacer_with(lead_ns: int) -> TimerPacer:
    """Make a pacer that has already learned its lead."""
    pacer = TimerPacer(lead_ns)
    pacer._lead_ns = lead_ns
    return pacer


LEADS = pytest.mark.parametrize("lead_ns", [0, 80_000, HOUR], ids=["asleep", "short lead", "always busy"])


@LEADS
async def test_nobody_wakes_before_it_is_due(lead_ns: int) -> None:
    pacer = pacer_with(lead_ns)

    async def wait(due_ns: int) -> None:
        await pacer.wait_until(due_ns)
        assert pacer.now_ns() >= due_ns

    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        base_ns = pacer.now_ns() + 2 * MS
        async with trio.open_nursery() as waiters:
            for number in (3, 1, 4, 0, 2):
                waiters.start_soon(wait, base_ns + number * MS)
        assert pacer.now_ns() >= base_ns + 4 * MS
        nursery.cancel_scope.cancel()


@LEADS
async def test_one_that_comes_later_may_be_due_earlier(lead_ns: int) -> None:
    pacer = pacer_with(lead_ns)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + HOUR)
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + 2 * HOUR)
            await trio.lowlevel.checkpoint()
            await pacer.wait_until(pacer.now_ns() + 2 * MS)
            assert len(pacer._waiting) == 2
            nursery.cancel_scope.cancel()


@LEADS
async def test_many_tasks_of_one_instant_all_wake(lead_ns: int) -> None:
    pacer = pacer_with(lead_ns)
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        due_ns = pacer.now_ns() + 5 * MS
        with trio.fail_after(5):
            async with trio.open_nursery() as waiters:
                for _ in range(500):
                    waiters.start_soon(pacer.wait_until, due_ns)
        nursery.cancel_scope.cancel()
    assert pacer.now_ns() >= due_ns


@LEADS
async def test_one_task_may_wait_again_and_again(lead_ns: int) -> None:
    pacer = pacer_with(lead_ns)
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        base_ns = pacer.now_ns()
        with trio.fail_after(5):
            for number in range(1, 101):
                await pacer.wait_until(base_ns + number * MS // 10)
                assert pacer.now_ns() >= base_ns + number * MS // 10
        nursery.cancel_scope.cancel()


async def test_a_due_time_in_the_past_lets_others_run_and_returns() -> None:
    pacer = TimerPacer()
    ran: list[str] = []

    async def other() -> None:
        await trio.lowlevel.checkpoint()
        ran.append("other")

    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        nursery.start_soon(other)
        for _ in range(5):
            await pacer.wait_until(pacer.now_ns() - 1)
        assert ran
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("distance_ns", [-HOUR, HOUR])
async def test_waiting_in_a_cancelled_scope_is_cancelled(distance_ns: int) -> None:
    pacer = TimerPacer()
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        with trio.CancelScope() as scope:
            scope.cancel()
            await pacer.wait_until(pacer.now_ns() + distance_ns)
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


@LEADS
async def test_a_cancelled_task_delays_nobody_else(lead_ns: int) -> None:
    pacer = pacer_with(lead_ns)
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        base_ns = pacer.now_ns()
        async with trio.open_nursery() as first:
            first.start_soon(pacer.wait_until, base_ns + 20 * MS)
            await trio.lowlevel.checkpoint()
            first.cancel_scope.cancel()
        with trio.fail_after(5):
            await pacer.wait_until(base_ns + 40 * MS)
        nursery.cancel_scope.cancel()


async def test_cancelled_tasks_do_not_pile_up() -> None:
    pacer = TimerPacer()
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        for _ in range(2_000):
            with trio.CancelScope() as scope:
                scope.cancel()
                await pacer.wait_until(pacer.now_ns() + HOUR)
        assert not pacer._waiting
        assert len(pacer._queue) < 500
        nursery.cancel_scope.cancel()


async def test_tasks_left_waiting_when_the_pacer_ends_get_an_error() -> None:
    pacer = TimerPacer()
    async with trio.open_nursery() as outer:
        inner = await outer.start(hold, pacer)
        outer.start_soon(expect_stop, pacer)
        await trio.testing.wait_all_tasks_blocked()
        inner.cancel()


async def test_a_busy_pacer_lets_others_run_and_can_be_cancelled() -> None:
    pacer = pacer_with(2 * HOUR)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + HOUR)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


async def test_the_lead_grows_with_late_wakes_up_to_its_limit_and_shrinks_with_early_ones() -> None:
    pacer = TimerPacer(lead_max_ns=2000)
    pacer._armed_ns = 1000
    leads = []
    for woken_ns in (1001, 1001, 1000, 1000, 999, 0, 0):
        pacer._learn_lead(woken_ns)
        leads.append(pacer._lead_ns)
    assert leads == [1500, 2000, 1500, 1000, 500, 0, 0]


@LEADS
async def test_what_can_wait_is_done_step_by_step_to_its_end(lead_ns: int) -> None:
    pacer, taken = pacer_with(lead_ns), list[int]()
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        with trio.fail_after(5):
            await pacer.run_in_gaps(steps(taken, 100))
        nursery.cancel_scope.cancel()
    assert taken == list(range(100))


async def test_what_can_wait_lets_those_go_first_who_are_due_before_there_is_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cts.clock.timerfd_pacer._GAP_NS", HOUR)
    monkeypatch.setattr("cts.clock.timerfd_pacer._PATIENCE_NS", 2 * HOUR)
    pacer, taken, due = TimerPacer(), list[int](), list[int]()

    async def send_frames() -> None:
        for _ in range(3):
            assert not taken
            await pacer.wait_until(pacer.now_ns() + 2 * MS)
            due.append(len(taken))
        await pacer.wait_until(pacer.now_ns() + 3 * HOUR)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            nursery.start_soon(send_frames)
            await trio.testing.wait_all_tasks_blocked()
            await pacer.run_in_gaps(steps(taken, 2))
            nursery.cancel_scope.cancel()
    assert due == [0, 0, 0]
    assert taken == [0, 1]


async def test_what_can_wait_is_done_also_where_there_is_never_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.clock.timerfd_pacer._GAP_NS", 2 * HOUR)
    pacer, taken = TimerPacer(), list[int]()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + HOUR)
            await trio.testing.wait_all_tasks_blocked()
            await pacer.run_in_gaps(steps(taken, 3))
            nursery.cancel_scope.cancel()
    assert taken == [0, 1, 2]


async def test_what_can_wait_for_a_gap_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.clock.timerfd_pacer._GAP_NS", 2 * HOUR)
    monkeypatch.setattr("cts.clock.timerfd_pacer._PATIENCE_NS", HOUR)
    pacer, taken = TimerPacer(), list[int]()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + HOUR)
            async with trio.open_nursery() as patient:
                patient.start_soon(pacer.run_in_gaps, steps(taken, 1))
                await trio.testing.wait_all_tasks_blocked()
                patient.cancel_scope.cancel()
            monkeypatch.undo()
            await pacer.run_in_gaps(steps(taken, 1))
            nursery.cancel_scope.cancel()
    assert taken == [0]


async def test_what_can_wait_is_not_begun_without_a_running_pacer() -> None:
    taken: list[int] = []
    with pytest.raises(RuntimeError, match="does not run"):
        await TimerPacer().run_in_gaps(steps(taken, 1))
    assert not taken


def steps(taken: list[int], count: int) -> Iterator[None]:
    for number in range(count):
        taken.append(number)
        yield


async def hold(pacer: TimerPacer, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        task_status.started(nursery.cancel_scope)


async def expect_stop(pacer: TimerPacer) -> None:
    with pytest.raises(RuntimeError, match="stopped while"):
        await pacer.wait_until(pacer.now_ns() + HOUR)


async def test_cancelling_the_nursery_of_pacer_and_tasks_is_quiet() -> None:
    pacer = TimerPacer()
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        for _ in range(10):
            nursery.start_soon(pacer.wait_until, pacer.now_ns() + HOUR)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught


async def test_waiting_without_a_running_pacer_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="does not run"):
        await TimerPacer().wait_until(0)


async def test_waiting_without_a_running_pacer_in_a_cancelled_scope_is_cancelled() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await TimerPacer().wait_until(0)
    assert scope.cancelled_caught


async def test_a_pacer_runs_once_at_a_time_and_may_run_again() -> None:
    pacer = TimerPacer()
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            with pytest.raises(RuntimeError, match="runs already"):
                await pacer.run()
            await pacer.wait_until(pacer.now_ns() + MS)
            nursery.cancel_scope.cancel()
