"""A plugin's failure is its stream's result, and names the plugin; a bug of the engine ends the run."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NoReturn

import pytest
import trio

from cts.api import (
    Address,
    DatagramBatch,
    Frame,
    FrameTotals,
    IConnectedSocket,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Outcome,
    Role,
    StreamPlan,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.senders import AutoSender, PlainSender
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.sender import MediaStreamSender
from tests.engine.bare_server import BareServer, stranger
from tests.engine.plugins_that_fail import (
    FACTORY,
    SENDER,
    BrokenFactory,
    PassingSocket,
    RaisingSender,
    guarded_factory,
    guarded_sender,
)
from tests.engine.simulated_runs import (
    END,
    LATENCY,
    PLAN,
    Recorder,
    Sides,
    World,
    both_sides,
    config_of,
    in_world,
    simulated,
)

FRAMES = PLAN.final_frame
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
FAILED_TEXT = f"ErrorPlugin: {SENDER} raised ValueError: no camera no picture no frame"


def assert_plugin_failed(result: StreamResult, text: str = FAILED_TEXT) -> None:
    assert result.outcome is Outcome.PROTOCOL_ERROR
    assert result.result == text
    assert "," not in result.result
    assert "\n" not in result.result


class FailsWithTheNetwork(RaisingSender):
    async def go_wrong(self) -> None:
        raise OSError(errno.ENETDOWN, "Network is down")


class FailsInNurseries(RaisingSender):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as outer:
            outer.start_soon(self._fail_inside)
            await trio.sleep_forever()

    async def _fail_inside(self) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(super().go_wrong)


class FailsWithTheNetworkInANursery(RaisingSender):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(FailsWithTheNetwork.go_wrong, self)


class FailsWhenMade(PlainSender):
    def __init__(self, options: object, plan: StreamPlan) -> None:
        raise ValueError("no camera, no picture, no frame")


class ReturnsNoNumber(PlainSender):
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await super().send_frame(frame, endpoint, peer, pacer)
        return None  # type: ignore[return-value]


class FailsWhenCancelled(RaisingSender):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(self._complain)

    async def _complain(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("interrupted")


def sides_with(direction: str, cls: type[ISender]) -> Sides:
    return both_sides(direction, make_sender=guarded_sender(cls))


# Senders


@BOTH
def test_a_sender_that_raises_fails_its_stream_and_the_peer_ends_at_its_computed_instant(direction: str) -> None:
    sides = sides_with(direction, RaisingSender)
    assert_plugin_failed(sides.sender)
    base_ns = LATENCY if direction == "pull" else 2 * LATENCY
    assert sides.sender.ended_ns == base_ns + PLAN.send_offset_ns(5)
    assert sides.sender.counts.bytes_sent == 4 * PLAN.frame_size
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=4, dropped=FRAMES - 4)
    assert sides.receiver.ended_ns == (0 if direction == "pull" else LATENCY) + END


@BOTH
def test_a_sender_that_raises_leaves_the_other_streams_alone(direction: str) -> None:
    made = 0

    def make(plan: StreamPlan) -> ISender:
        # Every connected socket is given a sender, a receiver's too: the first two are of the first stream.
        nonlocal made
        made += 1
        return guarded_sender(RaisingSender)(plan) if made <= 1 else AutoSender(None, plan)

    async def main(world: World) -> tuple[StreamResult, ...]:
        role = "server" if direction == "pull" else "client"
        other = "client" if direction == "pull" else "server"
        several: dict[str, object] = {"connections": 3}
        sending = config_of(direction, run={"role": role, "grace": "1h"}, client=several)
        receiving = config_of(direction, run={"role": other, "grace": "1h"}, client=several)
        watched = [world.session(receiving), world.session(sending, make_sender=make)]
        running = [await world.serve(session) for session in sorted(watched, key=lambda each: each is watched[role == "server"] , reverse=True)]
        await world.until(END + LATENCY + 2)
        for each in running:
            each.session.stop()
        reports = [await each.report() for each in running]
        return reports[0 if role == "server" else 1].results

    results = in_world(main)
    assert [result.outcome for result in results].count(Outcome.SUCCESSFUL) == 2


@BOTH
@pytest.mark.parametrize("cls", [FailsInNurseries])
def test_a_group_of_exceptions_is_unwrapped_to_the_first_one(direction: str, cls: type[ISender]) -> None:
    assert_plugin_failed(sides_with(direction, cls).sender)


@BOTH
@pytest.mark.parametrize("cls", [FailsWithTheNetwork, FailsWithTheNetworkInANursery])
def test_an_error_of_the_network_is_not_the_plugin_s_fault(direction: str, cls: type[ISender]) -> None:
    result = sides_with(direction, cls).sender
    assert (result.outcome, result.result) == (Outcome.NETWORK_ERROR, f"{errno.ENETDOWN}: Network is down")
