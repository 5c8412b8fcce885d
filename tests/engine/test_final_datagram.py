"""The end of a stream does not depend on its final datagram: whatever becomes of it, the renderer ends the stream.

Each case in both directions: in a pull the receiver is the client and reads its own socket, in a push it is the server's, and
passive: the listening socket reads and hands it datagrams.
"""

from __future__ import annotations

import pytest
import trio

from cts.api import SUCCEEDED, DatagramBatch, FrameTotals, Outcome, Role, StreamRequest, StreamResult, Verify
from cts.engine.connected_socket import ConnectedSocket
from cts.engine.senders import AutoSender
from cts.testing import PEER, RecordingEndpoint
from tests.engine.hand_driven_streams import SOON, final_datagram, on_time, receive_by_script
from tests.engine.simulated_runs import Sides, both_sides
from tests.engine.small_stream import END, LATENCY, MS, NAME, PLAN, SECOND, datagrams_of, losing
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
FRAMES = PLAN.final_frame
FINAL = 1 + len(PLAN.datagram_sizes) * FRAMES
"""Number of the final datagram in its link: one START or connection id comes first."""
BASE = {"pull": 0, "push": LATENCY}
"""When the receiver begins: a client at once, a server when START has come."""


def streamed(direction: str, *lost: tuple[int, int]) -> Sides:
    """Run both sides with these of the sender's datagrams lost."""
    if direction == "pull":
        return both_sides("pull", to_client=losing(*lost))
    return both_sides("push", to_server=losing(*lost))


def totals(result: StreamResult) -> tuple[int, int, int, int]:
    frames = result.counts.frames
    return frames.completed, frames.dropped, frames.repeated, frames.error


@BOTH
def test_a_stream_that_loses_nothing_completes_every_frame_and_ends_at_its_computed_instant(direction: str) -> None:
    sides = streamed(direction)
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.result == SUCCEEDED
    assert totals(sides.receiver) == (FRAMES, 0, 0, 0)
    assert sides.receiver.counts.bytes_received == PLAN.transfer_size
    assert sides.receiver.ended_ns == BASE[direction] + END
    assert sides.sender.outcome is Outcome.SUCCESSFUL
    assert sides.sender.counts.bytes_sent == PLAN.transfer_size
    # Pull: the server's base is START's arrival. Push: the client's base is the arrival of the id.
    assert sides.sender.ended_ns == {"pull": LATENCY, "push": 2 * LATENCY}[direction] + 2 * SECOND


def test_a_passive_receiver_whose_final_datagram_arrives_and_that_never_finishes() -> None:
    """The defect in the reference document: here such a receiver finishes, at its computed instant, all frames completed."""
    sides = streamed("push")
    arrived_ns = sides.sent_at("to_server")[-1] + LATENCY
    assert arrived_ns < sides.receiver.ended_ns
    assert sides.receiver.role is Role.RECEIVER
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert totals(sides.receiver) == (FRAMES, 0, 0, 0)
    assert sides.receiver.ended_ns == LATENCY + END
    # Receiving the final sequence ended the measured interval only.
    assert sides.receiver.bits_per_second == PLAN.transfer_size * 8 * SECOND // (arrived_ns - LATENCY)


def test_a_passive_connected_socket_that_nobody_reads_for_finishes_by_its_own_timers() -> None:
    """The same without a server: all that the socket ever gets is what ``on_data_received`` hands it."""

    async def main(world: World) -> tuple[StreamResult, int, RecordingEndpoint]:
        endpoint = RecordingEndpoint()
        socket = ConnectedSocket(
            StreamRequest(
                role=Role.RECEIVER,
                active=False,
                plan=PLAN,
                endpoint=endpoint,
                peer=PEER,
                sender=AutoSender(None, PLAN),
                pacer=world.pacer,
                connection_id=NAME,
                verify=Verify.DATA,
            )
        )
        results: list[StreamResult] = []

        async def run() -> None:
            results.append(await socket.run())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            for sequence in range(1, FRAMES + 1):
                await world.until(PLAN.send_offset_ns(sequence))
                for datagram in datagrams_of(sequence):
                    socket.on_data_received(DatagramBatch(datagram, len(datagram), world.pacer.now_ns()))
            assert not results
        return results[0], world.pacer.now_ns(), endpoint

    result, ended_ns, endpoint = in_world(main)
    assert result.outcome is Outcome.SUCCESSFUL
    assert totals(result) == (FRAMES, 0, 0, 0)
    assert (result.ended_ns, ended_ns) == (END, END + 1)
    assert endpoint.handler is None
    assert [sent.datagram[2:38] for sent in endpoint.sent] == [NAME.encode()]


@BOTH
def test_final_datagram_lost(direction: str) -> None:
    sides = streamed(direction, (FINAL, FINAL))
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert totals(sides.receiver) == (FRAMES - 1, 1, 0, 0)
    assert sides.receiver.counts.bytes_received == PLAN.transfer_size - PLAN.datagram_sizes[-1]
    assert sides.receiver.ended_ns == BASE[direction] + END
    assert sides.sender.outcome is Outcome.SUCCESSFUL


@BOTH
def test_final_frame_lost_whole_leaves_the_measured_interval_open_until_the_end(direction: str) -> None:
    sides = streamed(direction, (FINAL - 2, FINAL))
    assert totals(sides.receiver) == (FRAMES - 1, 1, 0, 0)
    assert sides.receiver.ended_ns == BASE[direction] + END
    assert sides.receiver.bits_per_second == (PLAN.transfer_size - PLAN.frame_size) * 8 * SECOND // END


@BOTH
def test_final_datagram_duplicated(direction: str) -> None:
    script = [*on_time(range(1, FRAMES + 1)), (PLAN.send_offset_ns(FRAMES) + SOON, final_datagram())]
    driven = receive_by_script(direction, script)
    assert driven.result.outcome is Outcome.SUCCESSFUL
    assert totals(driven.result) == (FRAMES - 1, 0, 1, 0)
    assert driven.result.ended_ns == driven.base_ns + END


@BOTH
@pytest.mark.parametrize(
    ("after_ns", "expected"), [(0, (FRAMES, 0, 0, 0)), (1, (FRAMES - 1, 1, 0, 0)), (SECOND, (FRAMES - 1, 1, 0, 0))]
)
def test_final_datagram_late(direction: str, after_ns: int, expected: tuple[int, int, int, int]) -> None:
    """At its render time it still counts, a nanosecond later it does not; the end is the same."""
    script = [*on_time(range(1, FRAMES + 1), without=final_datagram()), (END + after_ns, final_datagram())]
    driven = receive_by_script(direction, script)
    assert driven.result.outcome is Outcome.SUCCESSFUL
    assert totals(driven.result) == expected
    assert driven.result.ended_ns == driven.base_ns + END


def test_final_datagram_that_comes_after_the_stream_is_a_stranger_s_and_counted() -> None:
    script = [*on_time(range(1, FRAMES + 1), without=final_datagram()), (END + SECOND, final_datagram())]
    driven = receive_by_script("push", script)
    assert driven.report.snapshot.refused == {"not START from a stranger": 1}


@BOTH
def test_final_datagram_first(direction: str) -> None:
    script = [(SOON, final_datagram()), *on_time(range(1, FRAMES + 1), without=final_datagram())]
    driven = receive_by_script(direction, script)
    assert driven.result.outcome is Outcome.SUCCESSFUL
    assert totals(driven.result) == (FRAMES, 0, 0, 0)
    assert driven.result.ended_ns == driven.base_ns + END
    assert driven.result.bits_per_second == PLAN.transfer_size * 8 * SECOND // SOON


@BOTH
def test_final_datagram_first_and_beyond_the_window_is_an_error_and_the_end_is_the_same(direction: str) -> None:
    script = [(SOON, final_datagram()), *on_time(range(1, FRAMES + 1), without=final_datagram())]
    driven = receive_by_script(direction, script, buffer_depth="0.5s")
    assert totals(driven.result) == (FRAMES - 1, 1, 0, 1)
    assert driven.result.ended_ns == driven.base_ns + END - 500 * MS


@BOTH
def test_only_the_final_datagram_arrives(direction: str) -> None:
    driven = receive_by_script(direction, [(SOON, final_datagram())])
    assert driven.result.outcome is Outcome.SUCCESSFUL
    assert driven.result.counts.frames == FrameTotals(dropped=FRAMES)
    assert driven.result.ended_ns == driven.base_ns + END
