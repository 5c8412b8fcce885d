"""The built-in plugins pass the contracts that a stranger's must pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio

from cts.api import Frame, Message, StreamPlan
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender, PlainSender
from cts.protocol.wire import NANOSECONDS_PER_TICK
from cts.testing import (
    PEER,
    ConnectedSocketFactoryContract,
    MockPacer,
    RecordingEndpoint,
    SenderContract,
    StallingEndpoint,
    plan_of,
    record_frames,
)
from tests.engine.virtual_world import World, in_world

AWKWARD = plan_of(64 * 1400 + 10)
LIMITS = [1, 2, 46]
LARGE = plan_of(2000 * 1400)
TRAIN_NS = 15_000
"""What a train takes to leave."""
STAMP_AGE_NS = 4 * TRAIN_NS
DATAGRAMS_PER_TURN = 512
"""Twice 32 calls of 4 trains of 2 datagrams: tasks that may both run have their turn in either order."""


class TestPlain(SenderContract):
    sender_class = PlainSender


class TestAuto(SenderContract):
    sender_class = AutoSender


class TestDefaultFactory(ConnectedSocketFactoryContract):
    factory_class = DefaultConnectedSocketFactory


@pytest.mark.parametrize("sender_class", [PlainSender, AutoSender])
@pytest.mark.parametrize("segment_limit", LIMITS)
@pytest.mark.parametrize("plan", [AWKWARD, plan_of(3 * 1400), plan_of(40)], ids=["awkward", "equal", "one"])
def test_a_frame_leaves_in_the_order_of_its_datagrams(
    sender_class: type[PlainSender], segment_limit: int, plan: StreamPlan
) -> None:
    run = record_frames(sender_class, plan, None, segment_limit=segment_limit)
    for frame in run.frames:
        assert [len(sent.datagram) for sent in frame.datagrams] == list(plan.datagram_sizes)


def test_where_a_call_can_carry_two_datagrams_two_leave_in_each() -> None:
    async def main(world: World) -> list[int]:
        endpoint = RecordingEndpoint(segment_limit=2)
        plan = plan_of(5 * 1400)
        await AutoSender(None, plan).send_frame(Frame(plan, 1, 0), endpoint, PEER, world.pacer)
        return endpoint.calls

    assert in_world(main) == [2, 2, 1]


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_a_frame_that_an_endpoint_takes_in_part_is_sent_to_its_end_and_every_byte_counts_once(after: int) -> None:
    async def main(world: World) -> None:
        endpoint = StallingEndpoint(after=after, on_stall=lambda: None, segment_limit=2)
        plan = plan_of(11 * 1400)
        sent = await AutoSender(None, plan).send_frame(Frame(plan, 1, 0), endpoint, PEER, world.pacer)
        assert endpoint.stalled
        assert sent == plan.frame_size
        assert [(each.remote, len(each.datagram)) for each in endpoint.sent] == [(PEER, 1400)] * 11

    in_world(main)


class SlowEndpoint(RecordingEndpoint):
    """An endpoint that takes time for each train, kept in ``now_ns``; notes how old each train's stamp was when it had left."""

    def __init__(self) -> None:
        super().__init__(segment_limit=46)
        self.now_ns = 0
        self.ages: list[int] = []

    def send_now(self, messages: Sequence[Message]) -> int:
        first = len(self.sent)
        for message in messages:
            super().send_now([message])
            self.now_ns += TRAIN_NS
            self.ages.append(self.now_ns - self.sent[first].stamp_ns)
        return len(messages)


class ClockOf(MockPacer):
    """The clock that an endpoint keeps."""

    def __init__(self, endpoint: SlowEndpoint) -> None:
        self._endpoint = endpoint

    def now_ns(self) -> int:
        return self._endpoint.now_ns


async def test_no_stamp_grows_old_while_the_trains_of_a_large_frame_leave() -> None:
    endpoint = SlowEndpoint()
    pacer = ClockOf(endpoint)
    sent = await AutoSender(None, LARGE).send_frame(Frame(LARGE, 1, 0), endpoint, PEER, pacer)
    assert sent == LARGE.frame_size
    assert len(endpoint.ages) == len(LARGE.trains(46)) > 40
    assert max(endpoint.ages) < STAMP_AGE_NS + NANOSECONDS_PER_TICK


@pytest.mark.parametrize(
    ("sender_class", "segment_limit"),
    [(PlainSender, 1), (AutoSender, 1), (AutoSender, 2)],
    ids=["plain", "auto", "trains"],
)
async def test_a_large_frame_lets_other_tasks_run_while_it_leaves(
    sender_class: type[PlainSender], segment_limit: int
) -> None:
    endpoint = RecordingEndpoint(segment_limit=segment_limit)  # one that always has room, and so never suspends
    seen = [0]

    async def look() -> None:
        while True:
            seen.append(len(endpoint.sent))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await sender_class(None, LARGE).send_frame(Frame(LARGE, 1, 0), endpoint, PEER, MockPacer())
        nursery.cancel_scope.cancel()
    assert max(later - earlier for earlier, later in pairwise([*seen, len(endpoint.sent)])) <= DATAGRAMS_PER_TURN
