"""The pacers of real runs. Nothing here says how late a wake may be, only that none is early."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from cts.clock import timerfd_pacer
from cts.clock.system_pacer import SystemPacer, open_pacer
from cts.clock.timerfd_pacer import TimerPacer

PATIENCE_S = 30
MS = 1_000_000
HOUR = 3_600_000 * MS

Pacer = SystemPacer | TimerPacer


@asynccontextmanager
async def running(pacer: Pacer) -> AsyncIterator[None]:
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(pacer.run)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture(params=[SystemPacer, open_pacer], ids=["system", "opened"])
def pacer(request: pytest.FixtureRequest) -> Pacer:
    make: Callable[[], Pacer] = request.param
    return make()


def test_the_most_precise_pacer_of_this_system_is_opened() -> None:
    assert type(open_pacer()) is (TimerPacer if timerfd_pacer.available() else SystemPacer)


def test_a_system_without_timers_gets_trio_s_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timerfd_pacer, "available", lambda: False)
    assert type(open_pacer()) is SystemPacer


def test_both_pacers_tell_one_time() -> None:
    first, second, third = SystemPacer().now_ns(), open_pacer().now_ns(), SystemPacer().now_ns()
    assert first <= second <= third


@pytest.mark.parametrize("distance_ns", [1, 999, 500_000, MS + 1, 3 * MS])
async def test_nobody_wakes_before_it_is_due(pacer: Pacer, distance_ns: int) -> None:
    async with running(pacer):
        for _ in range(10):
            due_ns = pacer.now_ns() + distance_ns
            await pacer.wait_until(due_ns)
            assert pacer.now_ns() >= due_ns


async def test_none_of_many_wakes_before_it_is_due(pacer: Pacer) -> None:
    early: list[int] = []

    async def wait(due_ns: int) -> None:
        await pacer.wait_until(due_ns)
        early.extend([due_ns] * (pacer.now_ns() < due_ns))

    async with running(pacer):
        base_ns = pacer.now_ns()
        async with trio.open_nursery() as waiters:
            for number in range(100):
                waiters.start_soon(wait, base_ns + number * 7919 % 20_000_000)
    assert early == []


async def test_one_that_is_due_later_still_waits_when_an_earlier_one_wakes(pacer: Pacer) -> None:
    woken: list[str] = []

    async def wait(name: str, due_ns: int) -> None:
        await pacer.wait_until(due_ns)
        woken.append(name)

    async with running(pacer), trio.open_nursery() as waiters:
        waiters.start_soon(wait, "in an hour", pacer.now_ns() + HOUR)
        await trio.testing.wait_all_tasks_blocked()
        await wait("soon", pacer.now_ns() + 2 * MS)
        assert woken == ["soon"]
        waiters.cancel_scope.cancel()


@pytest.mark.parametrize("distance_ns", [-HOUR, 0, MS])
async def test_waiting_is_always_a_checkpoint(pacer: Pacer, distance_ns: int) -> None:
    async with running(pacer):
        with trio.testing.assert_checkpoints():
            await pacer.wait_until(pacer.now_ns() + distance_ns)


@pytest.mark.parametrize("distance_ns", [-HOUR, HOUR])
async def test_a_wait_can_be_cancelled(pacer: Pacer, distance_ns: int) -> None:
    async with running(pacer):
        with trio.CancelScope() as scope:
            scope.cancel()
            await pacer.wait_until(pacer.now_ns() + distance_ns)
        assert scope.cancelled_caught
