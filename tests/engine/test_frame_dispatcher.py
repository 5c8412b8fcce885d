"""Frames of many streams from one task: when they leave, which leave together, and what happens when one cannot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import pytest
import trio

from cts.api import Histogram, IPacer, Message, Outcome, Role, StreamRequest, StreamResult
from cts.engine.connected_socket import ConnectedSocket
from cts.engine.frame_dispatcher import FrameDispatcher, FrameSource
from cts.engine.senders import AutoSender, PlainSender
from cts.metrics.unsent import Unsent
from cts.protocol.wire import Data, decode_untrusted
from cts.testing import PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from tests.engine.small_stream import MS, NAME, PLAN
from tests.engine.virtual_world import World, in_world

RUN = (memoryview(b"payload"),)
PER_FRAME = len(PLAN.datagram_sizes)
HOUR = 3600 * 1000 * MS


class CountingEndpoint(RecordingEndpoint):
    """Keeps how many messages were offered in each call, and takes no more than it has room for."""

    def __init__(self, room: int | None = None) -> None:
        super().__init__(segment_limit=64)
        self.offered: list[int] = []
        self._room = room

    def send_now(self, messages: Sequence[Message]) -> int:
        self.offered.append(len(messages))
        return super().send_now(messages[: self._room])


class Source(FrameSource):
    """A stream of so many messages a frame, due at given instants."""

    def __init__(
        self,
        world: World,
        endpoint: RecordingEndpoint,
        dues: Sequence[int],
        name: bytes = b"",
        *,
        messages: int = 1,
        size: int = 1000,
    ) -> None:
        self._world = world
        self.endpoint = endpoint
        self._dues = list(dues)
        self.messages = [(PEER, name, RUN)] * messages
        self.size = size
        self.asked: list[int] = []
        self.held: list[int] = []
        self.done_ns: int | None = None

    async def run(self, dispatcher: FrameDispatcher) -> None:
        await dispatcher.send_frames(self, self._dues[0])
        self.done_ns = self._world.pacer.now_ns()

    def stamp(self, now_ns: int) -> None:
        self.asked.append(now_ns)

    def went(self, now_ns: int) -> int | None:
        self._dues.pop(0)
        return self._dues[0] if self._dues else None

    def held_up(self, gone: int) -> None:
        self.held.append(gone)


async def dispatch(world: World, *sources: Source, until_ns: int = 1000 * MS) -> None:
    """Run sources, each begun as soon as the one before waits, for so long."""
    dispatcher = FrameDispatcher(world.pacer)
    async with trio.open_nursery() as nursery:
        await nursery.start(dispatcher.run)
        for source in sources:
            nursery.start_soon(source.run, dispatcher)
            await world.until(world.pacer.now_ns() + 1)
        await world.until(until_ns)
        nursery.cancel_scope.cancel()


def payload_names(endpoint: RecordingEndpoint) -> list[bytes]:
    return [sent.datagram.removesuffix(b"payload") for sent in endpoint.sent]


# When


def test_frames_leave_when_they_are_due_whatever_the_order_in_which_their_streams_came() -> None:
    async def main(world: World) -> None:
        endpoint = RecordingEndpoint(segment_limit=64)
        late = Source(world, endpoint, [30 * MS, 60 * MS], b"late")
        early = Source(world, endpoint, [10 * MS, 40 * MS, 50 * MS], b"early")
        await dispatch(world, late, early)
        assert early.asked == [10 * MS, 40 * MS, 50 * MS]
        assert late.asked == [30 * MS, 60 * MS]
        assert payload_names(endpoint) == [b"early", b"late", b"early", b"early", b"late"]

    in_world(main)


def test_a_source_that_wants_no_more_goes_on_by_itself_at_once() -> None:
    async def main(world: World) -> None:
        source = Source(world, RecordingEndpoint(segment_limit=64), [10 * MS, 25 * MS])
        await dispatch(world, source)
        assert source.done_ns == 25 * MS

    in_world(main)


def test_frames_that_are_late_leave_in_the_order_in_which_they_were_due() -> None:
    async def main(world: World) -> None:
        endpoint = RecordingEndpoint(segment_limit=64)
        await world.until(100 * MS)
        one = Source(world, endpoint, [1, 2, 50, 51, 60], b"one")
        other = Source(world, endpoint, [10, 55, 70], b"other")
        dispatcher = FrameDispatcher(world.pacer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run, dispatcher)
            nursery.start_soon(other.run, dispatcher)
            await world.until(101 * MS)
            await nursery.start(dispatcher.run)
            await world.until(102 * MS)
            nursery.cancel_scope.cancel()
        # Two streams' frames leave together, so that each waits for the other's one at most.
        assert payload_names(endpoint)[:2] == [b"one", b"other"]
        assert sorted(payload_names(endpoint)) == [b"one"] * 5 + [b"other"] * 3
        assert {sent.time_ns for sent in endpoint.sent} == {101 * MS}

    in_world(main)


def test_others_have_their_turn_while_frames_are_late() -> None:
    async def main(world: World) -> None:
        endpoint = RecordingEndpoint(segment_limit=64)
        source = Source(world, endpoint, range(1, 1001))
        dispatcher = FrameDispatcher(world.pacer)
        sent_at_turns: list[int] = []

        async def take_turns() -> None:
            while True:
                sent_at_turns.append(len(endpoint.sent))
                await trio.lowlevel.checkpoint()

        await world.until(MS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run, dispatcher)
            nursery.start_soon(take_turns)
            nursery.start_soon(partial(dispatcher.run))
            while source.done_ns is None:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert len(endpoint.sent) == 1000
        # A turn may come first in its round and last in the next one.
        assert max(later - before for before, later in pairwise(sent_at_turns)) <= 2 * 64

    in_world(main)


# Together


def test_frames_of_one_endpoint_that_are_due_together_leave_in_one_call() -> None:
    async def main(world: World) -> None:
        endpoint = CountingEndpoint()
        await dispatch(world, *(Source(world, endpoint, [50 * MS, 70 * MS]) for _ in range(5)))
        assert endpoint.offered == [5, 5]

    in_world(main)


@pytest.mark.parametrize(
    ("messages", "size", "offered"),
    [(1, 1000, [8, 8, 4]), (3, 1000, [6] * 10), (4, 1000, [8] * 10), (12, 1000, [12] * 20), (1, 100_000, [2] * 10)],
)
def test_no_more_leaves_together_than_stamps_allow_but_always_a_whole_frame(
    messages: int, size: int, offered: list[int]
) -> None:
    async def main(world: World) -> None:
        endpoint = CountingEndpoint()
        await dispatch(world, *(Source(world, endpoint, [50 * MS], messages=messages, size=size) for _ in range(20)))
        assert endpoint.offered == offered

    in_world(main)


def test_frames_of_different_endpoints_leave_in_calls_of_their_own() -> None:
    async def main(world: World) -> None:
        endpoints = [CountingEndpoint() for _ in range(3)]
        await dispatch(world, *(Source(world, endpoint, [50 * MS]) for endpoint in endpoints))
        assert [endpoint.offered for endpoint in endpoints] == [[1], [1], [1]]

    in_world(main)


# Held up


def test_a_source_whose_frame_did_not_go_is_told_and_asked_no_more() -> None:
    async def main(world: World) -> None:
        endpoint = CountingEndpoint(room=2)
        sources = [Source(world, endpoint, [50 * MS, 60 * MS]) for _ in range(4)]
        await dispatch(world, *sources)
        assert [source.held for source in sources] == [[], [], [0], [0]]
        assert [source.done_ns for source in sources] == [60 * MS, 60 * MS, 50 * MS, 50 * MS]

    in_world(main)


def test_a_source_is_told_how_much_of_its_frame_went() -> None:
    async def main(world: World) -> None:
        endpoint = CountingEndpoint(room=3)
        sources = [Source(world, endpoint, [50 * MS], messages=2) for _ in range(3)]
        await dispatch(world, *sources)
        assert [source.held for source in sources] == [[], [1], [0]]

    in_world(main)


def test_a_cancelled_source_is_asked_no_more() -> None:
    async def main(world: World) -> None:
        endpoint = RecordingEndpoint(segment_limit=64)
        staying = Source(world, endpoint, [10 * MS, 20 * MS, 30 * MS])
        leaving = Source(world, endpoint, [10 * MS, 20 * MS, 30 * MS])
        dispatcher = FrameDispatcher(world.pacer)
        async with trio.open_nursery() as nursery:
            await nursery.start(dispatcher.run)
            nursery.start_soon(staying.run, dispatcher)
            with trio.move_on_after(0.015):
                await leaving.run(dispatcher)
            await world.until(40 * MS)
            nursery.cancel_scope.cancel()
        assert (len(staying.asked), len(leaving.asked)) == (3, 1)

    in_world(main)


class BrokenEndpoint(RecordingEndpoint):
    """What a plugin may put in front of an endpoint."""

    def send_now(self, messages: Sequence[Message]) -> int:
        raise ZeroDivisionError("a plugin's bug")


def test_what_an_endpoint_raises_reaches_those_who_send_there_and_nobody_else() -> None:
    async def main(world: World) -> None:
        broken = BrokenEndpoint(segment_limit=64)
        there = [Source(world, broken, [50 * MS, 60 * MS]) for _ in range(2)]
        elsewhere = Source(world, RecordingEndpoint(segment_limit=64), [50 * MS, 60 * MS])
        raised: list[Source] = []

        async def meet(source: Source, dispatcher: FrameDispatcher) -> None:
            with pytest.raises(ZeroDivisionError):
                await source.run(dispatcher)
            raised.append(source)

        dispatcher = FrameDispatcher(world.pacer)
        async with trio.open_nursery() as nursery:
            await nursery.start(dispatcher.run)
            for source in there:
                nursery.start_soon(meet, source, dispatcher)
            await elsewhere.run(dispatcher)
            nursery.cancel_scope.cancel()
        assert set(raised) == set(there)
        assert elsewhere.asked == [50 * MS, 60 * MS]

    in_world(main)


# Streams


async def send_stream(
    world: World,
    endpoint: RecordingEndpoint,
    *,
    dispatched: bool,
    plain: bool = False,
    pacer: IPacer | None = None,
) -> tuple[StreamResult, list[SentDatagram], Histogram]:
    """Run a server's sending side; return its result, what it sent, and how late its frames were."""
    dispatcher = FrameDispatcher(world.pacer)
    socket = ConnectedSocket(
        StreamRequest(
            role=Role.SENDER,
            active=False,
            plan=PLAN,
            endpoint=endpoint,
            peer=PEER,
            sender=(PlainSender if plain else AutoSender)(None, PLAN),
            pacer=pacer or world.pacer,
            connection_id=NAME,
        ),
        dispatcher if dispatched else None,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(dispatcher.run)
        result = await socket.run()
        nursery.cancel_scope.cancel()
    assert socket.send_lateness is not None
    return result, endpoint.sent, socket.send_lateness


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "auto"])
@pytest.mark.parametrize("segment_limit", [1, 2, 64])
def test_a_dispatched_stream_sends_what_its_own_task_would_have_sent_and_when(plain: bool, segment_limit: int) -> None:
    async def main(world: World, dispatched: bool) -> tuple[StreamResult, list[SentDatagram], Histogram]:
        endpoint = RecordingEndpoint(segment_limit=segment_limit)
        return await send_stream(world, endpoint, dispatched=dispatched, plain=plain)

    by_dispatcher, by_itself = (in_world(partial(main, dispatched=dispatched)) for dispatched in (True, False))
    assert by_dispatcher == by_itself
    assert (by_dispatcher[2].count, by_dispatcher[2].greatest) == (PLAN.final_frame, 0)


@pytest.mark.parametrize("after", range(1, 4 * PER_FRAME))
@pytest.mark.parametrize("segment_limit", [2, 64])
def test_a_frame_that_an_endpoint_takes_in_part_is_finished_when_it_has_room_again(
    after: int, segment_limit: int
) -> None:
    async def main(world: World) -> tuple[StreamResult, list[SentDatagram], Histogram]:
        endpoint = StallingEndpoint(after=after, on_stall=lambda: None, segment_limit=segment_limit)
        return await send_stream(world, endpoint, dispatched=True)

    result, sent, lateness = in_world(main)
    assert result.outcome is Outcome.SUCCESSFUL
    frames = [decoded for each in sent[1:] if isinstance(decoded := decode_untrusted(each.datagram), Data)]
    assert [frame.sequence for frame in frames] == [
        sequence for sequence in range(1, PLAN.final_frame + 1) for _ in range(PER_FRAME)
    ]
    assert [len(each.datagram) for each in sent[1:]] == list(PLAN.datagram_sizes) * PLAN.final_frame
    assert {each.remote for each in sent} == {PEER}
    assert lateness.count == PLAN.final_frame


@pytest.mark.parametrize("dispatched", [True, False])
def test_lateness_is_how_long_after_its_due_time_a_frame_began_to_leave(dispatched: bool) -> None:
    async def main(world: World) -> Histogram:
        # The second frame leaves in time and is held up in its middle for an hour.
        endpoint = StallingEndpoint(after=1 + PER_FRAME + 1, on_stall=lambda: None, segment_limit=2)
        return (await send_stream(world, endpoint, dispatched=dispatched))[2]

    expected = Histogram()
    for sequence in range(1, PLAN.final_frame + 1):
        due_ns = PLAN.send_offset_ns(sequence)
        expected.record(max(PLAN.send_offset_ns(2) + HOUR - due_ns, 0) if sequence > 2 else 0)
    assert in_world(main) == expected


def test_a_stream_goes_on_without_the_frames_that_its_host_does_not_let_out() -> None:
    async def main(world: World) -> tuple[StreamResult, list[SentDatagram], Histogram]:
        return await send_stream(world, FailingEndpoint(after=1 + 2 * PER_FRAME, segment_limit=64), dispatched=True)

    result, sent, _ = in_world(main)
    assert result.outcome is Outcome.SUCCESSFUL
    assert result.counts.bytes_sent == 2 * PLAN.frame_size
    unsent = PLAN.final_frame - 2
    assert result.counts.unsent == {"Network is unreachable": Unsent(unsent, unsent * PLAN.interval_ns)}
    assert len(sent) == 1 + 2 * PER_FRAME


def test_a_stream_with_a_clock_of_its_own_sends_by_that() -> None:
    class Shifted(IPacer):
        """The world's clock, an hour on."""

        def __init__(self, pacer: IPacer) -> None:
            self._pacer = pacer

        def now_ns(self) -> int:
            return self._pacer.now_ns() + HOUR

        async def wait_until(self, due_ns: int) -> None:
            await self._pacer.wait_until(due_ns - HOUR)

    async def main(world: World) -> list[int]:
        endpoint = RecordingEndpoint(segment_limit=64)
        await send_stream(world, endpoint, dispatched=True, pacer=Shifted(world.pacer))
        return [sent.time_ns for sent in endpoint.sent[1::PER_FRAME]]

    assert in_world(main) == [PLAN.send_offset_ns(sequence) for sequence in range(1, PLAN.final_frame + 1)]
