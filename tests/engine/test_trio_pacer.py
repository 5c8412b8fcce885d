"""The pacer on trio's clock, under a mock clock: never early, at most a float's rounding late."""

from __future__ import annotations

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.engine.pacer import TrioPacer
from cts.testing import run_on_mock_clock
from tests.engine.small_stream import MS, SECOND


@settings(deadline=None, max_examples=100)
@given(began_ns=st.integers(0, 30 * 86_400 * SECOND), after_ns=st.integers(1, 100 * SECOND))
def test_it_never_returns_early_and_is_exact_to_a_few_nanoseconds(began_ns: int, after_ns: int) -> None:
    async def main() -> tuple[int, int]:
        pacer = TrioPacer()
        await trio.sleep_until(began_ns / SECOND)
        due_ns = pacer.now_ns() + after_ns
        await pacer.wait_until(due_ns)
        return due_ns, pacer.now_ns()

    due_ns, now_ns = run_on_mock_clock(main)
    assert 0 <= now_ns - due_ns <= 2


async def test_it_tells_trio_s_time_in_nanoseconds(mock_clock: trio.testing.MockClock) -> None:
    pacer = TrioPacer()
    assert pacer.now_ns() == 0
    mock_clock.jump(1.5)
    assert pacer.now_ns() == 1_500_000_000


async def test_a_time_that_has_passed_is_a_checkpoint_all_the_same(mock_clock: trio.testing.MockClock) -> None:
    pacer = TrioPacer()
    mock_clock.jump(5)
    for due_ns in (0, 5 * SECOND, -SECOND):
        with trio.testing.assert_checkpoints():
            await pacer.wait_until(due_ns)
        with trio.CancelScope() as scope:
            scope.cancel()
            await pacer.wait_until(due_ns)
        assert scope.cancelled_caught
    assert pacer.now_ns() == 5 * SECOND


async def test_a_wait_can_be_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    pacer = TrioPacer()
    with trio.move_on_after(0.25) as scope:
        await pacer.wait_until(SECOND)
    assert scope.cancelled_caught
    assert pacer.now_ns() == 250 * MS


async def test_waiters_wake_in_the_order_of_their_times(autojump_clock: trio.testing.MockClock) -> None:
    pacer = TrioPacer()
    woken: list[int] = []

    async def wait(due_ns: int) -> None:
        await pacer.wait_until(due_ns)
        woken.append(due_ns)

    async with trio.open_nursery() as nursery:
        for number in (5, 1, 4, 2, 3):
            nursery.start_soon(wait, number * MS)
    assert woken == [MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]
