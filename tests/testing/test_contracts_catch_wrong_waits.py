"""Senders that wait for the wrong thing, hold up others or fall behind, and what the contract says of them."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence

import pytest
import trio

from cts.api import Address, BackgroundTask, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan
from cts.testing import ContractBroken, OneByOneSender, SenderContract, complaints, plan_of

PLANS = {"three datagrams": plan_of(2 * 1400 + 200, frames=5, frame_rate=25)}
WAITS = "test_it_waits_for_nothing_but_the_pacer_and_the_network"
BLOCKS = "test_it_lets_other_streams_run"
PACE = "test_it_keeps_up_with_its_frames"
MS = 1_000_000


def said_of(sender_class: type[ISender]) -> dict[str, str]:
    return complaints(SenderContract, sender_class=sender_class, plans=PLANS)


def said_by(test: str, sender_class: type[ISender]) -> str:
    """What one test says of a sender that would not come to an end in the others."""
    tests = type("Tests", (SenderContract,), {"sender_class": sender_class, "plans": PLANS})
    with pytest.raises(ContractBroken) as caught:
        getattr(tests(), test)()
    return str(caught.value)


class Before(OneByOneSender):
    """Does something before each frame."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await self.before(frame, pacer)
        return await super().send_frame(frame, endpoint, peer, pacer)

    async def before(self, frame: Frame, pacer: IPacer) -> None: ...


# What it waits for


def test_a_sender_that_sleeps_by_itself() -> None:
    class Sleeps(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            await trio.sleep(0.001)

    said = said_of(Sleeps)
    assert said.keys() == {WAITS}
    assert said[WAITS].startswith(
        "Sleeps, three datagrams: frame 1 waits in trio.sleep (test_contracts_catch_wrong_waits.py, line"
    )
    assert said[WAITS].endswith(
        ") instead of for the pacer, whose clock is the only one a stream has: await pacer.wait_until(due_ns)"
    )


def test_a_sender_that_sleeps_in_a_task_of_its_own() -> None:
    class Delegates(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_until, trio.current_time() + 0.001)

    assert "frame 1 waits in trio.sleep_until (its own code) instead of for the pacer" in said_of(Delegates)[WAITS]


def test_a_sender_that_sleeps_where_there_is_an_offload() -> None:
    class Sleeps(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if endpoint.segment_limit > 1:
                await trio.sleep(0.001)
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert "frame 1 waits in trio.sleep (" in said_of(Sleeps)[WAITS]


def test_a_sender_that_waits_for_an_event_that_nobody_sets() -> None:
    class Forgets(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            if frame.sequence == 3:
                await trio.Event().wait()

    assert "frame 3 waits in Event.wait (test_contracts_catch_wrong_waits.py, line" in said_by(WAITS, Forgets)


def test_a_sender_that_waits_in_real_time() -> None:
    class Threads(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            await trio.to_thread.run_sync(time.sleep, 0.05)

    assert "frame 1 waits in to_thread_run_sync (test_contracts" in said_by(WAITS, Threads)


def test_a_sender_that_gives_up_a_wait_by_trio_s_clock() -> None:
    class Impatient(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            with trio.move_on_after(0.001):
                await trio.sleep_forever()

    assert "frame 1 waits in sleep_forever (test_contracts" in said_of(Impatient)[WAITS]


def test_a_sender_that_waits_while_its_background_task_keeps_time() -> None:
    class Ticks(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            await trio.sleep_forever()

        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            async def tick() -> None:
                while True:
                    await pacer.wait_until(pacer.now_ns() + 60_000 * MS)

            return tick

    assert "frame 1: send_frame had not returned after 3600 s" in said_by(WAITS, Ticks)


def test_a_sender_whose_background_task_sleeps_by_itself() -> None:
    class Dozes(OneByOneSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            async def doze() -> None:
                await trio.sleep(1)

            return doze

    said = said_of(Dozes)
    assert said.keys() == {WAITS}
    assert "waits in trio.sleep (" in said[WAITS]


def test_a_sender_that_reads_another_clock() -> None:
    class Reads(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            self.began = time.monotonic()

    said = said_of(Reads)
    assert said.keys() == {WAITS}
    assert "frame 1 reads time.monotonic (test_contracts_catch_wrong_waits.py, line" in said[WAITS]
    assert said[WAITS].endswith("the pacer's clock is the only one a stream has, ask pacer.now_ns()")


# Whom it holds up


def test_a_sender_that_blocks_the_loop_with_a_sleep() -> None:
    class Blocks(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            time.sleep(1e-9)  # noqa: ASYNC251

    said = said_of(Blocks)
    assert said.keys() == {BLOCKS}
    assert "frame 1 calls time.sleep (test_contracts_catch_wrong_waits.py, line" in said[BLOCKS]
    assert said[BLOCKS].endswith("which holds up every stream of the process: await pacer.wait_until(due_ns)")


def test_a_sender_that_blocks_the_loop_in_a_task_of_its_own() -> None:
    class Blocks(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.block)

        async def block(self) -> None:
            time.sleep(1e-9)  # noqa: ASYNC251

    assert "frame 1 calls time.sleep (" in said_of(Blocks)[BLOCKS]


def test_a_sender_that_computes_for_long() -> None:
    class Computes(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            if frame.sequence == 4:
                sum(range(5_000_000))

    said = said_by(BLOCKS, Computes)
    assert "frame 4 runs for " in said
    assert "without a checkpoint, which holds up every stream of the process" in said


def test_a_sender_that_blocks_the_loop_in_another_way() -> None:
    class Blocks(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            if frame.sequence == 4:
                select.select([], [], [], 0.03)

    assert "frame 4 runs for " in said_by(BLOCKS, Blocks)


def test_a_sender_that_waits_for_the_pacer_in_a_busy_loop() -> None:
    class Spins(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            while pacer.now_ns() <= frame.due_ns:
                pass

    assert said_by(BLOCKS, Spins) == (
        "Spins, three datagrams: frame 1 asks pacer.now_ns() again and again, and time does not pass, which holds up every"
        " stream of the process: await pacer.wait_until(due_ns)"
    )


def test_a_sender_that_polls_from_checkpoint_to_checkpoint() -> None:
    class Polls(Before):
        async def before(self, frame: Frame, pacer: IPacer) -> None:
            while frame.sequence == 2:
                await trio.lowlevel.checkpoint()

    assert "frame 2 goes on and on without waiting, and time does not pass" in said_by(BLOCKS, Polls)


# Whether it keeps up


class Takes(OneByOneSender):
    """Waits so many intervals in each frame, from when it is called."""

    intervals = 0.0

    def __init__(self, options: object, plan: StreamPlan) -> None:
        self.wait_ns = round(plan.interval_ns * self.intervals)

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await pacer.wait_until(pacer.now_ns() + self.wait_ns)
        return await super().send_frame(frame, endpoint, peer, pacer)


@pytest.mark.parametrize("intervals", [1.01, 1.5, 10])
def test_a_sender_that_is_slower_than_its_interval(intervals: float) -> None:
    said = said_of(type("Slow", (Takes,), {"intervals": intervals}))
    assert said.keys() == {PACE}
    assert "frames fall behind for good: up to frame 15 each was sent within " in said[PACE]
    assert said[PACE].endswith("spend no longer on a frame than the 40 ms to the next")


@pytest.mark.parametrize("intervals", [0.1, 0.5, 0.99, 1.0])
def test_a_sender_that_takes_up_to_its_interval_gives_no_cause_for_complaint(intervals: float) -> None:
    assert said_of(type("Steady", (Takes,), {"intervals": intervals})) == {}


def delays() -> Sequence[Sequence[float]]:
    return [[3] * 60, [5, 0, 0, 0, 0, 0], [0, 0.9, 0.2], [59 - number for number in range(60)]]


@pytest.mark.parametrize("intervals", delays(), ids=lambda each: f"{each[:3]}")
def test_a_sender_that_holds_frames_back_gives_no_cause_for_complaint(intervals: Sequence[float]) -> None:
    class Holds(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            late = intervals[(frame.sequence - 1) % len(intervals)]
            await pacer.wait_until(frame.due_ns + round(late * frame.plan.interval_ns))
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert said_of(Holds) == {}
