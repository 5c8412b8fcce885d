"""A client's port that served one stream serves the next: a START that cannot be a repetition begins a stream."""

from __future__ import annotations

import pytest

from cts.api import DatagramBatch, FrameTotals, Outcome, StreamResult
from cts.engine.streams import GAVE_WAY
from cts.protocol.wire import START
from tests.engine.bare_server import BareServer, stranger
from tests.engine.small_stream import END, FIRST_RENDER, LAST_SEND, MS, PLAN, SECOND, datagrams_of
from tests.engine.virtual_world import World, in_world

FRAMES = PLAN.final_frame
PEER = stranger(1)
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


def start(server: BareServer) -> None:
    """Hand it a START that nothing takes back: trio holds on to the call that cancels a sleep, until the sleeper wakes."""
    batch = DatagramBatch(START, len(START), server.world.pacer.now_ns())
    assert server.endpoint.handler is not None
    server.endpoint.handler(server.endpoint.local, PEER, batch)


async def _push(server: BareServer, sequences: range) -> None:
    """Send frames from a peer whose name has just come."""
    base_ns = server.world.pacer.now_ns()
    for sequence in sequences:
        await server.world.until(base_ns + PLAN.send_offset_ns(sequence))
        for datagram in datagrams_of(sequence):
            server.endpoint.deliver(datagram, PEER)


async def _pushed_twice(server: BareServer, sequences: range, rest_ns: int) -> list[StreamResult]:
    """Have a peer push these frames and, some time later, a whole stream from the same port."""
    await server.begin()
    start(server)
    await _push(server, sequences)
    await server.world.until(server.world.pacer.now_ns() + rest_ns)
    start(server)
    await _push(server, range(1, FRAMES + 1))
    await server.world.until(10 * SECOND)
    await server.end()
    return server.world.recorder.ended


@pytest.mark.parametrize(
    ("sequences", "rest_ns"),
    [
        pytest.param(range(1, FRAMES + 1), 1, id="the final sequence has come"),
        pytest.param(range(1, FRAMES), 101 * MS, id="its time to send has passed"),
        pytest.param(range(1, 5), 601 * MS, id="no data for longer than START's retry"),
    ],
)
def test_push_a_start_after_the_sending_is_over_begins_a_stream_while_the_old_one_renders(
    sequences: range, rest_ns: int
) -> None:
    async def main(world: World) -> tuple[BareServer, list[StreamResult]]:
        server = BareServer(world, "push")
        return server, await _pushed_twice(server, sequences, rest_ns)

    server, (old, new) = in_world(main)
    came = len(sequences)
    assert (old.outcome, old.ended_ns) == (Outcome.SUCCESSFUL, END)
    assert old.counts.frames == FrameTotals(completed=came, dropped=FRAMES - came)
    assert (new.outcome, new.counts.frames) == (Outcome.SUCCESSFUL, FrameTotals(completed=FRAMES))
    assert server.refused == {}
    assert server.manager.connected(new.role, PEER) is None


@pytest.mark.parametrize(("sequences", "rest_ns"), [(range(1, 5), 600 * MS), (range(1, 2), 100 * MS)])
def test_push_a_start_while_the_peer_may_be_sending_is_a_repetition(sequences: range, rest_ns: int) -> None:
    async def main(world: World) -> tuple[BareServer, list[StreamResult]]:
        server = BareServer(world, "push")
        return server, await _pushed_twice(server, sequences, rest_ns)

    server, results = in_world(main)
    assert len(results) == 1
    assert server.refused["repeated START"] == 1


def test_push_the_old_stream_s_end_leaves_the_new_one_reachable() -> None:
    async def main(world: World) -> tuple[BareServer, bool, bool]:
        server = BareServer(world, "push")
        await server.begin()
        start(server)
        await _push(server, range(1, FRAMES + 1))
        await world.until(LAST_SEND + MS)
        old = server.manager.connected(server.streams.role, PEER)
        start(server)
        await world.until(END - MS)
        new = server.manager.connected(server.streams.role, PEER)
        await world.until(END + MS)
        there = server.manager.connected(server.streams.role, PEER) is new is not old
        await world.until(END + 2 * FIRST_RENDER)
        gone = server.manager.connected(server.streams.role, PEER) is None
        await server.end()
        return server, there, gone

    server, there, gone = in_world(main)
    assert (there, gone) == (True, True)
    assert [result.result for result in server.world.recorder.ended] == ["Succeeded", "ErrorNotAllDataTransferred"]


def test_push_a_final_datagram_and_the_next_start_that_are_read_together_are_taken_in_their_order() -> None:
    async def main(world: World) -> BareServer:
        server = BareServer(world, "push")
        await server.begin()
        start(server)
        await _push(server, range(1, FRAMES))
        await world.until(LAST_SEND)
        server.endpoint.deliver(b"".join((datagrams_of(FRAMES)[0], b"START")), PEER, segment_size=400)
        await world.until(10 * SECOND)
        await server.end()
        return server

    assert len(in_world(main).world.recorder.opened) == 2


@BOTH
def test_a_start_while_not_accepting_ends_nothing(direction: str) -> None:
    async def main(world: World) -> BareServer:
        server = BareServer(world, direction)
        await server.begin()
        start(server)
        if direction == "push":
            await _push(server, range(1, FRAMES + 1))
        await world.until(LAST_SEND - MS)
        server.server.stop_accepting()
        start(server)
        await server.end()
        return server

    server = in_world(main)
    assert [result.outcome for result in server.world.recorder.ended] == [Outcome.SUCCESSFUL]
    assert server.refused["START while not accepting"] == 1


async def _pulled_twice(world: World, again_ns: int, connection_limit: int = 8) -> BareServer:
    server = BareServer(world, "pull", connection_limit=connection_limit)
    await server.begin()
    start(server)
    await world.until(again_ns)
    start(server)
    await world.until(10 * SECOND)
    await server.end()
    return server


@pytest.mark.parametrize("connection_limit", [8, 1])
def test_pull_a_start_that_is_no_repetition_ends_the_old_stream_and_begins_a_whole_one(connection_limit: int) -> None:
    again_ns = FIRST_RENDER + 500 * MS + 1
    server = in_world(lambda world: _pulled_twice(world, again_ns, connection_limit))
    old, new = server.world.recorder.ended
    assert (old.outcome, old.result, old.ended_ns) == (Outcome.CANCELLED, GAVE_WAY, again_ns)
    assert (new.outcome, new.started_ns) == (Outcome.SUCCESSFUL, again_ns)
    assert new.counts.bytes_sent == PLAN.transfer_size
    assert server.refused == {}
    assert (server.broker.running, server.ledger.outcomes.total()) == (0, 2)


def test_pull_a_start_that_may_be_a_repetition_is_one() -> None:
    server = in_world(lambda world: _pulled_twice(world, FIRST_RENDER + 500 * MS))
    assert [result.outcome for result in server.world.recorder.ended] == [Outcome.SUCCESSFUL]
    assert server.refused == {"repeated START": 1}
