"""A connected socket may be cancelled wherever it suspends: that gets out at once, and the counts are those of then."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from attrs import frozen

from cts.api import (
    DatagramBatch,
    FrameTotals,
    IDatagramEndpoint,
    Outcome,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.connected_socket import ConnectedSocket
from cts.engine.open_streams import OpenStream
from cts.engine.senders import AutoSender, PlainSender
from cts.engine.stream_ends import StreamLedger
from cts.engine.streams import Streams
from cts.protocol.wire import ConnectionId
from cts.records.snapshots import StreamInfo
from cts.testing import PEER, RecordingEndpoint, StallingEndpoint
from tests.engine.bare_server import parts_of
from tests.engine.small_stream import END, FIRST_RENDER, LAST_SEND, LATENCY, MS, NAME, PLAN, RETRY, SECOND, datagrams_of
from tests.engine.virtual_world import World, in_world

FRAMES = PLAN.final_frame
PER_FRAME = len(PLAN.datagram_sizes)


def socket_of(world: World, endpoint: IDatagramEndpoint, role: Role, *, active: bool, plain: bool) -> ConnectedSocket:
    return ConnectedSocket(
        StreamRequest(
            role=role,
            active=active,
            plan=PLAN,
            endpoint=endpoint,
            peer=PEER,
            sender=(PlainSender if plain else AutoSender)(None, PLAN),
            pacer=world.pacer,
            connection_id=None if active else NAME,
        )
    )


@frozen
class Cut:
    """A socket that was cancelled: when its task ended, whether it was caught, what it had counted, what it had sent."""

    ended_ns: int
    caught: bool
    counts: StreamSnapshot
    sent: int
    result: StreamResult


async def cut(
    world: World,
    endpoint: RecordingEndpoint,
    role: Role,
    *,
    active: bool,
    scope: trio.CancelScope,
    at_ns: int | None = None,
    plain: bool = False,
) -> Cut:
    """Run a socket as the engine does, feed it what its peer sends, cancel it, and keep feeding it for a while."""
    socket = socket_of(world, endpoint, role, active=active, plain=plain)
    ledger = StreamLedger(role, Role.SENDER, both=False)
    ledger.opened(endpoint.local, PEER, role, 0)
    streams = Streams(parts_of(world), role, ledger, began_ns=0, observer=world.recorder)
    ended: list[int] = []

    async def run() -> None:
        with scope:
            await streams.run(OpenStream(StreamInfo(1, endpoint.local, PEER, role, 0), socket))
        ended.append(world.pacer.now_ns())

    async def cancel(instant_ns: int) -> None:
        await world.until(instant_ns)
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        if at_ns is not None:
            nursery.start_soon(cancel, at_ns)
        if active:
            await world.until(LATENCY)
            hand(world, socket, ConnectionId(NAME).encode())
        for sequence in range(1, FRAMES + 1):
            await world.until(LATENCY + PLAN.send_offset_ns(sequence))
            for datagram in datagrams_of(sequence) if role is Role.RECEIVER else ():
                hand(world, socket, datagram)
        await world.until(END)
        assert ended
        socket.on_start_repeated(END)
        nursery.cancel_scope.deadline = trio.current_time() + 2
    ((result, _),) = ((stream.end, stream.others) for stream in ledger.streams)
    return Cut(ended[0], scope.cancelled_caught, result.counts, len(endpoint.sent), result)


def hand(world: World, socket: ConnectedSocket, datagram: bytes) -> None:
    socket.on_data_received(DatagramBatch(datagram, len(datagram), world.pacer.now_ns()))


def cut_while_stalled(role: Role, *, active: bool, after: int, segment_limit: int = 1) -> Cut:
    """Cancel a socket at the moment at which its endpoint's buffer is full, after so many datagrams."""

    async def main(world: World) -> Cut:
        scope = trio.CancelScope()
        endpoint = StallingEndpoint(after=after, on_stall=scope.cancel, segment_limit=segment_limit)
        return await cut(world, endpoint, role, active=active, scope=scope)

    return in_world(main)


def cut_at(role: Role, *, active: bool, at_ns: int, plain: bool = False) -> Cut:
    """Cancel a socket at an instant."""

    async def main(world: World) -> Cut:
        scope = trio.CancelScope()
        return await cut(world, RecordingEndpoint(), role, active=active, scope=scope, at_ns=at_ns, plain=plain)

    return in_world(main)


def assert_cancelled(made: Cut, at_ns: int) -> None:
    assert made.caught
    assert made.ended_ns == at_ns
    assert (made.result.outcome, made.result.result, made.result.ended_ns) == (Outcome.CANCELLED, "Cancelled", at_ns)


# In the middle of a send


@pytest.mark.parametrize("after", range(2 + 2 * PER_FRAME))
def test_a_server_that_sends_is_cancelled_while_its_endpoint_is_full(after: int) -> None:
    made = cut_while_stalled(Role.SENDER, active=False, after=after)
    frame = -(-after // PER_FRAME) if after else 0
    assert_cancelled(made, PLAN.send_offset_ns(frame))
    # Whole frames count: of the one that was under way nobody knows what left.
    assert made.counts.bytes_sent == ((frame - 1) * PLAN.frame_size if after else 0)
    assert made.sent == after


@pytest.mark.parametrize("after", range(3))
def test_a_server_that_sends_in_segments_is_cancelled_while_its_endpoint_is_full(after: int) -> None:
    made = cut_while_stalled(Role.SENDER, active=False, after=1 + PER_FRAME * after, segment_limit=64)
    assert_cancelled(made, PLAN.send_offset_ns(after + 1))
    assert made.counts.bytes_sent == after * PLAN.frame_size


@pytest.mark.parametrize("role", Role)
def test_a_client_is_cancelled_while_its_start_cannot_leave(role: Role) -> None:
    made = cut_while_stalled(role, active=True, after=0)
    assert_cancelled(made, 0)
    assert (made.counts, made.sent) == (StreamSnapshot(), 0)


def test_a_passive_receiver_is_cancelled_while_its_answer_cannot_leave() -> None:
    made = cut_while_stalled(Role.RECEIVER, active=False, after=0)
    assert_cancelled(made, 0)
    assert (made.counts, made.sent) == (StreamSnapshot(), 0)


def test_a_client_that_pushes_is_cancelled_while_its_first_frame_cannot_leave() -> None:
    made = cut_while_stalled(Role.SENDER, active=True, after=1)
    assert_cancelled(made, LATENCY + PLAN.send_offset_ns(1))
    assert (made.counts.bytes_sent, made.sent) == (0, 1)


# While it waits


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("at_ns", [1, 50 * MS, 150 * MS, LAST_SEND - 1])
def test_a_server_that_sends_is_cancelled_between_frames(at_ns: int, plain: bool) -> None:
    made = cut_at(Role.SENDER, active=False, at_ns=at_ns, plain=plain)
    frames = at_ns // PLAN.interval_ns
    assert_cancelled(made, at_ns)
    assert made.counts.bytes_sent == frames * PLAN.frame_size
    assert made.sent == 1 + PER_FRAME * frames


@pytest.mark.parametrize("at_ns", [1, LATENCY - 1, LATENCY + 1, LATENCY + 50 * MS, LATENCY + LAST_SEND - 1])
def test_a_client_that_pushes_is_cancelled_while_it_waits_for_its_name_and_between_frames(at_ns: int) -> None:
    made = cut_at(Role.SENDER, active=True, at_ns=at_ns)
    frames = max(0, (at_ns - LATENCY) // PLAN.interval_ns)
    assert_cancelled(made, at_ns)
    assert made.sent == 1 + PER_FRAME * frames
    assert made.result.connection_id == (NAME if at_ns > LATENCY else "00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("at_ns", [1, LATENCY + 1, 150 * MS, FIRST_RENDER - 1, FIRST_RENDER + 1, 1550 * MS, END - 1])
def test_a_receiver_is_cancelled_while_it_waits_for_data_and_while_it_renders(active: bool, at_ns: int) -> None:
    made = cut_at(Role.RECEIVER, active=active, at_ns=at_ns)
    arrived = max(0, min(FRAMES, (at_ns - LATENCY) // PLAN.interval_ns))
    rendered = sum(PLAN.render_offset_ns(sequence) < at_ns for sequence in range(1, FRAMES + 1))
    assert_cancelled(made, at_ns)
    assert made.counts.frames == FrameTotals(completed=rendered)
    assert made.counts.bytes_received == arrived * PLAN.frame_size
    assert made.counts.arrivals.on_time == arrived * PER_FRAME
    assert made.sent == 1  # its START, or its answer


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("at_ns", [LATENCY + LAST_SEND + 1, END - 1])
def test_a_receiver_that_is_cancelled_after_its_final_frame_has_measured_to_that_frame(
    active: bool, at_ns: int
) -> None:
    made = cut_at(Role.RECEIVER, active=active, at_ns=at_ns)
    assert made.result.bits_per_second == PLAN.transfer_size * 8 * SECOND // (LATENCY + LAST_SEND)


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("role", Role)
def test_one_that_is_cancelled_before_its_final_frame_has_measured_to_its_end(role: Role, active: bool) -> None:
    made = cut_at(role, active=active, at_ns=1555 * MS)
    size = made.counts.bytes_received + made.counts.bytes_sent
    assert size > 0
    assert made.result.bits_per_second == size * 8 * SECOND // (1555 * MS)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("active", [True, False])
def test_a_socket_that_is_cancelled_before_it_began_is_recorded_too(role: Role, active: bool) -> None:
    async def main(world: World) -> Cut:
        scope = trio.CancelScope()
        scope.cancel()
        return await cut(world, RecordingEndpoint(), role, active=active, scope=scope)

    made = in_world(main)
    assert_cancelled(made, 0)
    assert made.counts == StreamSnapshot()


# Wherever it suspends


class CountingSteps(trio.abc.Instrument):
    """Calls ``at_step`` before the n-th step of a task, which is after its n-th suspension."""

    def __init__(self, name: str, number: int, at_step: Callable[[], None]) -> None:
        self._name = name
        self._number = number
        self._at_step = at_step
        self.steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name == self._name:
            self.steps += 1
            if self.steps == self._number:
                self._at_step()


def steps_until_cancelled(role: Role, active: bool, number: int) -> tuple[bool, bool, int]:
    """Cancel a socket before the n-th step of its task; return whether it got that far, was caught, and what it sent after."""

    async def main(world: World) -> tuple[bool, bool, int]:
        scope = trio.CancelScope()
        endpoint = RecordingEndpoint()
        socket = socket_of(world, endpoint, role, active=active, plain=True)
        sent: list[int] = []

        def cancel() -> None:
            scope.cancel()
            sent.append(len(endpoint.sent))

        counting = CountingSteps("the socket", number, cancel)
        trio.lowlevel.add_instrument(counting)

        async def run() -> None:
            with scope:
                await socket.run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, name="the socket")
            if active:
                await world.until(LATENCY)
                hand(world, socket, ConnectionId(NAME).encode())
            if role is Role.RECEIVER:
                await world.until(RETRY + LATENCY)
                hand(world, socket, datagrams_of(1)[0])
        trio.lowlevel.remove_instrument(counting)
        reached = bool(sent)
        return reached, scope.cancelled_caught, len(endpoint.sent) - sent[0] if reached else 0

    return in_world(main)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("active", [True, False])
def test_a_cancellation_at_any_suspension_gets_out_before_anything_more_than_that_moment_s_send(
    role: Role, active: bool
) -> None:
    all_caught: list[bool] = []
    while True:
        reached, caught, sent_after = steps_until_cancelled(role, active, len(all_caught) + 1)
        if not reached:
            break
        all_caught.append(caught)
        # A step that was due already does its work; the next suspension does not return.
        assert sent_after <= PER_FRAME
    # The last suspension is that of the closing nursery: the stream has ended.
    assert all(all_caught[:-2])
    assert len(all_caught) >= (FRAMES if role is Role.SENDER else 2)
