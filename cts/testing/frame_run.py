"""Runs a sender over the frames of a plan as the engine does, on a mock clock, and records what left and when."""

from __future__ import annotations

from fractions import Fraction

import trio
from attrs import frozen

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan
from cts.chance import stream_random
from cts.testing.endpoints import PEER, RecordingEndpoint, SentDatagram
from cts.testing.pacers import PATIENCE_S, MockPacer, run_on_mock_clock
from cts.units import SECOND

__all__ = [
    "BEGIN_S",
    "FrameRun",
    "OneByOneSender",
    "SentFrame",
    "make_sender",
    "plan_of",
    "record_frames",
    "run_frames",
]

BEGIN_S = 1000.000_012_345
"""When a run begins, so that nothing is right by counting from zero or in whole milliseconds."""


def plan_of(
    frame_size: int,
    *,
    frames: int = 7,
    frame_rate: int | Fraction = 30,
    datagram_max_size: int = 1400,
    buffer_depth_s: int = 1,
) -> StreamPlan:
    """Return a plan with that many frames of exactly that size.

    Args:
        frame_size: bytes of a frame, headers included.
        frames: how many.
        frame_rate: frames per second, an int or an exact ratio.
        datagram_max_size: bytes of a datagram at most.
        buffer_depth_s: the receiver's buffer in seconds.

    Raises:
        PlanError: the numbers make no stream.
    """
    plan = StreamPlan(
        bits_per_second=8 * -(-frame_size * frame_rate // 1),
        frame_rate=frame_rate,
        stream_length_ns=-(-frames * SECOND // frame_rate),
        buffer_depth_ns=buffer_depth_s * SECOND,
        datagram_max_size=datagram_max_size,
    )
    if (plan.frame_size, plan.final_frame) != (frame_size, frames):
        raise AssertionError(f"{plan} has {plan.final_frame} frames of {plan.frame_size} bytes")
    return plan


@frozen
class SentFrame:
    """One call of ``send_frame``.

    Attributes:
        sequence: the frame's number.
        due_ns: when it was due.
        returned: what the call returned, whatever that was.
        datagrams: what left during the call.
    """

    sequence: int
    due_ns: int
    returned: object
    datagrams: tuple[SentDatagram, ...]


@frozen
class FrameRun:
    """What a sender made of a whole stream.

    Attributes:
        plan: the stream's arithmetic.
        base_ns: when the stream began.
        frames: each call of ``send_frame``.
        datagrams: everything that left, in order.
        stray: what left while no call was under way.
        calls: how many datagrams each call of the endpoint carried.
        tasks_left: tasks more at the end than at the beginning.
    """

    plan: StreamPlan
    base_ns: int
    frames: tuple[SentFrame, ...]
    datagrams: tuple[SentDatagram, ...]
    stray: tuple[SentDatagram, ...]
    calls: tuple[int, ...]
    tasks_left: int

    def offsets_ns(self, sequence: int) -> list[int]:
        """Return how long after its frame's due time each datagram of frame ``sequence`` left, nanoseconds."""
        due_ns = self.base_ns + self.plan.send_offset_ns(sequence)
        return [datagram.time_ns - due_ns for datagram in self.datagrams if datagram.sequence == sequence]


def record_frames(
    sender_class: type[ISender],
    plan: StreamPlan,
    options: object = None,
    *,
    segment_limit: int = 1,
    peer: Address = PEER,
    late_ns: int = 0,
    seed: int = 1,
) -> FrameRun:
    """Send every frame of ``plan`` on a mock clock, in no time, and return what left and when.

    Args:
        sender_class: the sender; an instance is made for this run.
        plan: the stream's arithmetic.
        options: an instance of the class's ``options``, or None where it declares none.
        segment_limit: how many datagrams one call of the endpoint can carry.
        peer: whom to send to.
        late_ns: how long after its due time each frame is handed over.
        seed: what the sender leaves to chance follows from it, as in the first stream of a run with that seed.

    Raises:
        AssertionError: a call of ``send_frame`` did not return within an hour of the mock clock.
    """

    async def main() -> FrameRun:
        endpoint = RecordingEndpoint(segment_limit=segment_limit)
        await trio.sleep_until(BEGIN_S)
        sender = make_sender(sender_class, options, plan, seed=seed)
        return await run_frames(sender, plan, endpoint, peer=peer, late_ns=late_ns)

    return run_on_mock_clock(main)


def make_sender(sender_class: type[ISender], options: object, plan: StreamPlan, *, seed: int = 1) -> ISender:
    """Return the sender of the first stream of a run with that seed, with its generator."""
    sender = sender_class(options, plan)
    if isinstance(sender, ISender):  # a contract test tells of what is not one
        sender.use_random(stream_random(seed, 1))
    return sender


async def run_frames(
    sender: ISender, plan: StreamPlan, endpoint: RecordingEndpoint, *, peer: Address = PEER, late_ns: int = 0
) -> FrameRun:
    """Send every frame of ``plan`` on the clock of this trio run; otherwise as :func:`record_frames`."""
    pacer = MockPacer()
    base_ns = pacer.now_ns()
    tasks = trio.lowlevel.current_statistics().tasks_living
    sent = endpoint.sent
    frames: list[SentFrame] = []
    stray: list[SentDatagram] = []
    seen = len(sent)
    for sequence in range(1, plan.final_frame + 1):
        due_ns = base_ns + plan.send_offset_ns(sequence)
        await pacer.wait_until(due_ns + late_ns)
        stray += sent[seen:]
        seen = len(sent)
        returned: object = None
        with trio.move_on_after(PATIENCE_S) as patience:
            returned = await sender.send_frame(Frame(plan, sequence, due_ns), endpoint, peer, pacer)
        if patience.cancelled_caught:
            raise AssertionError(f"frame {sequence}: send_frame had not returned after {PATIENCE_S} s")
        frames.append(SentFrame(sequence, due_ns, returned, tuple(sent[seen:])))
        seen = len(sent)
    tasks_left = trio.lowlevel.current_statistics().tasks_living - tasks
    await trio.sleep(10 * plan.interval_ns / SECOND)  # for what tasks that were left behind still send
    stray += sent[seen:]
    return FrameRun(plan, base_ns, tuple(frames), tuple(sent), tuple(stray), tuple(endpoint.calls), tasks_left)


class OneByOneSender(ISender):
    """Sends a frame's datagrams one after the other, each stamped on its own: the simplest sender there is."""

    api = 1

    def __init__(self, options: object, plan: StreamPlan) -> None: ...

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send the datagrams in order."""
        sent = 0
        for payload in frame.payloads:
            sent += await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload)
        return sent
