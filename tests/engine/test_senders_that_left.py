"""What a server does for the stream of a client that pushed, and has said that it ended early: no more than can still come."""

from __future__ import annotations

import pytest

from cts.api import FrameTotals, Outcome, StreamResult
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.messages import Results
from cts.protocol.roles import Direction
from cts.records.results import RunReport
from tests.engine.small_stream import FIRST_RENDER, LATENCY, MS, PATH, PLAN, SECOND, SERVER, config_of
from tests.engine.virtual_world import World, in_world

BY_HELLO = {"handshake": "cts"}
ENDED_BY_PEER = (Outcome.CANCELLED, "Cancelled: its peer ended it")
MODERATION = MS
ANSWERED_NS = 4 * LATENCY + 2 * MODERATION
"""When the stream of a client has begun at both ends, at the latest."""
LONG = {"stream_length": "1h"}


def pushed(leaves_ns: int, *, until_ns: int, to_server: Impairment = PATH, **server: object) -> RunReport:
    """Have a client push for so long and be cut off; return the server's report when it is stopped then."""

    async def main(world: World) -> RunReport:
        run = {"role": "server", "grace": "0s"}
        serving = await world.serve(world.session(config_of("push", run=run, server=server, stream=LONG)))
        client = await world.serve(
            world.session(config_of("push", run={"role": "client"}, client=BY_HELLO, stream=LONG))
        )
        await world.until(leaves_ns)
        client.session.stop_now()
        await world.until(until_ns)
        return await serving.stop()

    return in_world(main, to_server=to_server)


def the_only(report: RunReport) -> StreamResult:
    (result,) = report.results
    return result


def sent_of(result: StreamResult) -> int:
    """Return how many frames the client told that it has sent."""
    assert result.peer is not None
    assert result.peer.counts is not None
    assert result.peer.counts.sent is not None
    return result.peer.counts.sent.frames_due


def test_what_was_sent_is_rendered_and_nothing_else_is_waited_for() -> None:
    result = the_only(pushed(SECOND, until_ns=10 * SECOND))
    assert (result.outcome, result.result) == ENDED_BY_PEER
    assert result.counts.frames == FrameTotals(completed=sent_of(result))
    assert sent_of(result) in (9, 10)
    assert SECOND < result.ended_ns <= SECOND + LATENCY + FIRST_RENDER


def test_of_a_client_that_left_at_once_nothing_is_counted_as_dropped() -> None:
    result = the_only(pushed(ANSWERED_NS, until_ns=10 * SECOND))
    assert (result.outcome, result.result) == ENDED_BY_PEER
    assert result.counts.frames == FrameTotals()
    assert result.ended_ns <= ANSWERED_NS + LATENCY + MODERATION


def test_data_that_its_last_word_overtakes_is_rendered() -> None:
    late = Impairment(delay=Constant(LATENCY), reorder=0.5, reorder_delay_ns=300 * MS)
    result = the_only(pushed(SECOND, until_ns=10 * SECOND, to_server=late))
    assert result.counts.frames == FrameTotals(completed=sent_of(result))
    assert sent_of(result)


def test_its_place_is_the_next_ones() -> None:
    async def main(world: World) -> RunReport:
        run = {"role": "server", "grace": "0s"}
        server = {"connection_limit": 1}
        await world.serve(world.session(config_of("push", run=run, server=server, stream=LONG)))
        first, second = (world.session(config_of("push", run={"role": "client"}, client=BY_HELLO)) for _ in range(2))
        running = await world.serve(first)
        await world.until(SECOND)
        running.session.stop_now()
        await running.report()
        return await second.run()

    assert in_world(main).snapshot.outcomes == {Outcome.SUCCESSFUL: 1}


@pytest.mark.parametrize("leaves_ns", [ANSWERED_NS, SECOND])
def test_it_counts_as_a_stream_that_was_served_only_if_something_came(leaves_ns: int) -> None:
    report = pushed(leaves_ns, until_ns=3600 * SECOND, server_exit_limit=1)
    # A server that has served all leaves by itself.
    assert report.interrupted is (leaves_ns == ANSWERED_NS)


def test_one_that_does_not_say_how_much_it_has_sent_has_one_buffer_left() -> None:
    async def main(world: World) -> tuple[StreamResult, int]:
        serving = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "0s"})))
        peer = await world.connect()
        client = ClientHandshake(PLAN, Direction.PUSH, nonce=bytes(16), now_ns=0)
        while client.session is None:
            if (hello := client.poll(world.pacer.now_ns())) is not None:
                await peer.send(SERVER, hello)
            await world.until(world.pacer.now_ns() + 3 * LATENCY)
            peer.endpoint.drain()
            for each in peer.received:
                client.hear(decode_control_untrusted(each.data), each.at_ns)
        base_ns = world.pacer.now_ns()
        await peer.stream(SERVER, base_ns, [1, 2, 3])
        left_ns = world.pacer.now_ns()
        await peer.send(SERVER, client.session.seal(Results("Cancelled")))
        await world.until(10 * SECOND)
        return the_only(await serving.stop()), left_ns

    result, left_ns = in_world(main)
    assert (result.outcome, result.result) == ENDED_BY_PEER
    assert result.counts.frames.completed == 3
    assert abs(result.ended_ns - (left_ns + FIRST_RENDER + LATENCY)) <= MODERATION
