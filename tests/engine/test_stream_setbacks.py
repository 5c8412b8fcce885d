"""What becomes of a stream when the network takes START, the id, the server or everything: exact ends, exact counts."""

from __future__ import annotations

import attrs
import pytest

from cts.api import DatagramBatch, FrameTotals, Outcome, StreamResult
from cts.engine.listening_socket import ListeningSocket
from cts.impairment.link import Impairment
from cts.protocol.wire import START
from cts.records.stream_results import UNKNOWN_CONNECTION_ID
from cts.runs.simulated_session import simulated_connection_id
from tests.engine.bare_server import BareServer
from tests.engine.simulated_runs import both_sides, simulated
from tests.engine.small_stream import (
    CLIENT,
    END,
    FIRST_RENDER,
    LAST_SEND,
    LATENCY,
    MS,
    PATH,
    PLAN,
    RETRY,
    SECOND,
    SERVER,
    config_of,
    datagrams_of,
    losing,
)
from tests.engine.virtual_world import Peer, World, in_world

FRAMES = PLAN.final_frame
ALL = (1, 1_000_000)
NOT_ALL = "ErrorNotAllDataTransferred"
REPEATED = "repeated START"
STREAM_NAME = simulated_connection_id(1, CLIENT)


def down(from_ns: int, to_ns: int = 3600 * SECOND) -> Impairment:
    """Return a link that drops all that is sent from one instant to another."""
    return attrs.evolve(PATH, outages=((from_ns, to_ns),))


def assert_failed_at_first_render(result: StreamResult, base_ns: int) -> None:
    assert result.outcome is Outcome.PROTOCOL_ERROR
    assert result.result == NOT_ALL
    assert result.ended_ns == base_ns + FIRST_RENDER
    assert result.counts.bytes_received == 0


# Everything lost


def test_everything_lost_pull_fails_at_the_first_render_with_all_frames_dropped() -> None:
    sides = both_sides("pull", to_client=losing(ALL))
    assert_failed_at_first_render(sides.receiver, 0)
    assert sides.receiver.counts.frames == FrameTotals(dropped=FRAMES)
    assert sides.receiver.connection_id == UNKNOWN_CONNECTION_ID
    assert sides.sent_at("to_server") == [0, RETRY]
    # The server knows nothing of it: it sends to the end.
    assert sides.sender.outcome is Outcome.SUCCESSFUL
    assert sides.sender.ended_ns == LATENCY + LAST_SEND
    assert sides.server.snapshot.refused == {REPEATED: 1}


def test_everything_lost_push_fails_at_the_first_render_with_all_frames_dropped() -> None:
    sides = both_sides("push", to_server=losing((2, 1_000_000)))
    assert_failed_at_first_render(sides.receiver, LATENCY)
    assert sides.receiver.counts.frames == FrameTotals(dropped=FRAMES)
    assert sides.sender.outcome is Outcome.SUCCESSFUL
    assert sides.sender.counts.bytes_sent == PLAN.transfer_size


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_everything_lost_on_the_way_to_the_server_fails_the_client_at_its_first_render(direction: str) -> None:
    sides = both_sides(direction, to_server=losing(ALL))
    (client,) = sides.client.results
    assert_failed_at_first_render(client, 0)
    assert client.counts.frames == FrameTotals(dropped=FRAMES if direction == "pull" else 0)
    assert sides.sent_at("to_server") == [0, RETRY]
    assert sides.sent_at("to_client") == []
    assert sides.server.results == ()


def test_everything_lost_push_is_reported_although_the_measured_side_never_heard_of_it() -> None:
    report = simulated(config_of("push"), to_server=losing(ALL))
    assert [(result.local, result.result) for result in report.results] == [(CLIENT, NOT_ALL)]
    assert report.snapshot.outcomes == {Outcome.PROTOCOL_ERROR: 1}


# START lost


def test_start_lost_pull_is_asked_again_and_completes_at_the_same_instant() -> None:
    sides = both_sides("pull", to_server=losing((1, 1)))
    assert sides.sent_at("to_server") == [0, RETRY]
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=FRAMES)
    assert sides.receiver.ended_ns == END
    assert sides.sender.started_ns == RETRY + LATENCY
    assert sides.sender.ended_ns == RETRY + LATENCY + LAST_SEND
    assert sides.server.snapshot.refused == {}


def test_start_lost_push_is_asked_again_and_the_whole_stream_is_later_by_the_retry() -> None:
    sides = both_sides("push", to_server=losing((1, 1)))
    assert sides.sent_at("to_server")[:2] == [0, RETRY]
    assert sides.sender.ended_ns == RETRY + 2 * LATENCY + LAST_SEND
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=FRAMES)
    assert sides.receiver.ended_ns == RETRY + LATENCY + END
    assert sides.server.snapshot.refused == {}


# START repeated


async def _served(world: World, direction: str) -> tuple[Peer, StreamResult, dict[str, int]]:
    server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
    peer = await world.connect()
    for at_ns in (0, 30 * MS, 90 * MS):
        await peer.start(at_ns=at_ns)
    if direction == "push":
        await peer.stream(SERVER, 90 * MS + 2 * LATENCY, range(1, 3))
        await peer.start()
        await peer.stream(SERVER, 90 * MS + 2 * LATENCY, range(3, FRAMES + 1))
    await world.until(2900 * MS)
    report = await server.stop()
    (result,) = report.results
    return peer, result, dict(report.snapshot.refused)


def test_start_repeated_pull_starts_nothing_and_is_counted() -> None:
    peer, result, refused = in_world(lambda world: _served(world, "pull"))
    assert result.outcome is Outcome.SUCCESSFUL
    assert result.ended_ns == LATENCY + LAST_SEND
    assert len(peer.decoded()) == 2 + FRAMES * len(PLAN.datagram_sizes)
    # Both came before the first frame was due, with which the answer to them leaves.
    assert peer.names() == [2 * LATENCY, 2 * LATENCY + PLAN.send_offset_ns(1)]
    assert refused == {REPEATED: 2}


def test_start_repeated_push_begins_anew_before_the_first_data_and_only_answers_after_it() -> None:
    peer, result, refused = in_world(lambda world: _served(world, "push"))
    assert result.outcome is Outcome.SUCCESSFUL
    assert result.counts.frames == FrameTotals(completed=FRAMES)
    assert result.ended_ns == 90 * MS + LATENCY + END
    assert [at_ns - 2 * LATENCY for at_ns in peer.names()] == [0, 30 * MS, 90 * MS, 330 * MS]
    assert refused == {REPEATED: 3}


def test_start_repeated_push_without_any_data_ends_a_first_render_after_the_last_one_within_a_first_render() -> None:
    async def main(world: World) -> StreamResult:
        server = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "1h"})))
        peer = await world.connect()
        for at_ns in (0, 600 * MS, 1200 * MS):
            await peer.start(at_ns=at_ns)
        await world.until(1300 * MS)
        (result,) = (await server.stop()).results
        return result

    result = in_world(main)
    assert_failed_at_first_render(result, 600 * MS + LATENCY)
    assert result.counts.frames == FrameTotals(dropped=FRAMES)


def test_start_repeated_push_behind_data_in_one_batch_does_not_begin_the_stream_anew() -> None:
    async def main(world: World) -> int:
        bare = BareServer(world, "push")
        await bare.begin()
        bare.start(CLIENT)
        await world.until(150 * MS)
        first, *_ = datagrams_of(1)
        together = DatagramBatch(first + START, len(first), world.pacer.now_ns())
        bare.server.on_packet_received(ListeningSocket(bare.endpoint, bare.server), SERVER, CLIENT, together)
        await world.until(5 * SECOND)
        (result,) = world.recorder.ended
        await bare.end()
        return result.ended_ns

    assert in_world(main) == END


# Id lost


def test_id_lost_pull_is_asked_for_again_and_costs_nothing() -> None:
    sides = both_sides("pull", to_client=losing((1, 1)))
    assert sides.sent_at("to_server") == [0, RETRY]
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=FRAMES)
    assert sides.receiver.ended_ns == END
    assert sides.receiver.connection_id == sides.sender.connection_id == STREAM_NAME
    assert sides.server.snapshot.refused == {REPEATED: 1}


def test_id_lost_pull_whenever_it_is_sent_fails_the_stream_whatever_its_frames() -> None:
    # The second answer leaves with the frame of 0.7 s.
    second = 1 + 7 * len(PLAN.datagram_sizes) + 1
    sides = both_sides("pull", to_client=losing((1, 1), (second, second)))
    result = sides.receiver
    assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, "ErrorNoConnectionId")
    assert (result.connection_id, result.ended_ns) == (UNKNOWN_CONNECTION_ID, END)
    assert result.counts.frames == FrameTotals(completed=FRAMES)


def test_id_lost_push_is_asked_for_again_and_the_whole_stream_is_later_by_the_retry() -> None:
    sides = both_sides("push", to_client=losing((1, 1)))
    assert sides.sent_at("to_server")[:2] == [0, RETRY]
    assert sides.sent_at("to_client") == [LATENCY, RETRY + LATENCY]
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=FRAMES)
    assert sides.receiver.ended_ns == RETRY + LATENCY + END
    assert sides.sender.ended_ns == RETRY + 2 * LATENCY + LAST_SEND
    assert (sides.sender.connection_id, sides.receiver.connection_id) == (STREAM_NAME, STREAM_NAME)
    assert sides.server.snapshot.refused == {REPEATED: 1}


def test_id_lost_push_every_time_ends_the_client_at_its_first_render_and_the_server_at_its_own() -> None:
    sides = both_sides("push", to_client=losing(ALL))
    assert_failed_at_first_render(sides.sender, 0)
    assert sides.sender.counts.frames == FrameTotals()
    assert_failed_at_first_render(sides.receiver, RETRY + LATENCY)
    assert sides.receiver.counts.frames == FrameTotals(dropped=FRAMES)


# Server gone mid-stream


def test_server_gone_mid_stream_pull_ends_at_the_computed_instant_with_the_rest_dropped() -> None:
    # Frame 9 leaves at 920 ms and the server is gone with its host at 1 s.
    sides = both_sides("pull", to_client=down(SECOND), to_server=down(SECOND))
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=9, dropped=FRAMES - 9)
    assert sides.receiver.ended_ns == END


def test_server_gone_mid_stream_push_leaves_the_client_to_send_to_its_computed_instant() -> None:
    sides = both_sides("push", to_client=down(SECOND), to_server=down(SECOND))
    assert sides.sender.outcome is Outcome.SUCCESSFUL
    assert sides.sender.counts.bytes_sent == PLAN.transfer_size
    assert sides.sender.ended_ns == 2 * LATENCY + LAST_SEND
    # And so is a client gone: the passive receiver ends by its renderer. Frame 9 left at 940 ms.
    assert sides.receiver.counts.frames == FrameTotals(completed=9, dropped=FRAMES - 9)
    assert sides.receiver.ended_ns == LATENCY + END


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_server_gone_mid_stream_with_its_socket_ends_the_client_at_the_computed_instant(direction: str) -> None:
    async def main(world: World) -> tuple[StreamResult, int]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"})))
        await world.until(SECOND)
        server.session.stop_now()
        server_result = (await server.report()).results[0]
        assert (server_result.outcome, server_result.ended_ns) == (Outcome.CANCELLED, SECOND)
        return (await client.report()).results[0], world.pacer.now_ns()

    result, over_ns = in_world(main)
    assert result.outcome is Outcome.SUCCESSFUL
    if direction == "pull":
        assert result.counts.frames == FrameTotals(completed=9, dropped=FRAMES - 9)
        assert (result.ended_ns, over_ns) == (END, END + 1)
    else:
        assert result.counts.bytes_sent == PLAN.transfer_size
        assert (result.ended_ns, over_ns) == (2 * LATENCY + LAST_SEND, 2 * LATENCY + LAST_SEND)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_client_without_a_server_fails_at_its_first_render(direction: str) -> None:
    async def main(world: World) -> StreamResult:
        report = await world.session(config_of(direction, run={"role": "client"})).run()
        return report.results[0]

    result = in_world(main)
    assert_failed_at_first_render(result, 0)
