"""Puts a sender into one awkward situation each and tells what it did, on a mock clock."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial

import trio
from attrs import frozen

from cts.api import Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan
from cts.testing.endpoints import PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from cts.testing.frame_run import BEGIN_S, run_frames
from cts.testing.pacers import MockPacer, StallingPacer, run_on_mock_clock, trio_now_ns

__all__ = [
    "Cancelled",
    "Refused",
    "cancel_in_the_network",
    "cancel_in_the_pacer",
    "kept_frames",
    "refuse",
    "send_both",
]

MakeSender = Callable[[StreamPlan], ISender]


@frozen
class Cancelled:
    """What a cancelled call of ``send_frame`` did.

    Attributes:
        returned: whether it returned as if nothing had happened.
        error: what it raised instead of ``trio.Cancelled``, if anything.
        delay_ns: how long it took to end.
    """

    returned: bool
    error: Exception | None
    delay_ns: int


@frozen
class Refused:
    """What a call of ``send_frame`` did when the network refused a datagram.

    Attributes:
        error: what the endpoint raised.
        raised: what came out of the call, if anything.
    """

    error: OSError
    raised: Exception | None


def cancel_in_the_pacer(make: MakeSender, plan: StreamPlan) -> Cancelled | None:
    """Cancel the first frame's call while the pacer makes it wait; None if it never waits."""
    return run_on_mock_clock(partial(_cancel, make, plan, None, 1))


def cancel_in_the_network(make: MakeSender, plan: StreamPlan, *, after: int, segment_limit: int) -> Cancelled | None:
    """Cancel the first frame's call while the send buffer is full, ``after`` datagrams; None if it never came to that."""
    return run_on_mock_clock(partial(_cancel, make, plan, after, segment_limit))


def refuse(make: MakeSender, plan: StreamPlan, *, after: int, segment_limit: int) -> Refused | None:
    """Let the network refuse the datagram behind ``after`` of the first frame; None if it never came to that."""

    async def main() -> Refused | None:
        endpoint = FailingEndpoint(after=after, segment_limit=segment_limit)
        raised = None
        try:
            await _send_first(make, plan, endpoint, MockPacer())
        except Exception as error:
            raised = error
        return Refused(endpoint.error, raised) if endpoint.refused else None

    return run_on_mock_clock(main)


def kept_frames(make: MakeSender, plan: StreamPlan) -> int:
    """Return how many frames are still alive when all of them were sent and nobody else holds them."""

    async def main() -> int:
        sender, endpoint, pacer = make(plan), RecordingEndpoint(), MockPacer()
        base_ns = pacer.now_ns()
        watched = []
        for sequence in range(1, plan.final_frame + 1):
            due_ns = base_ns + plan.send_offset_ns(sequence)
            await pacer.wait_until(due_ns)
            frame = _WatchedFrame(plan, sequence, due_ns)
            watched.append(weakref.ref(frame))
            await sender.send_frame(frame, endpoint, PEER, pacer)
        del frame
        if any(reference() is not None for reference in watched):
            gc.collect()  # what is only in a cycle is not kept
        return sum(reference() is not None for reference in watched)

    return run_on_mock_clock(main)


def send_both(make: MakeSender, plan: StreamPlan) -> list[list[SentDatagram]]:
    """Send two streams of ``plan`` at once and return what left of each."""

    async def main() -> list[list[SentDatagram]]:
        endpoints = [RecordingEndpoint(), RecordingEndpoint()]
        senders = [make(plan) for _ in endpoints]
        await trio.sleep_until(BEGIN_S)
        async with trio.open_nursery() as nursery:
            for sender, endpoint in zip(senders, endpoints, strict=True):
                nursery.start_soon(run_frames, sender, plan, endpoint)
        return [endpoint.sent for endpoint in endpoints]

    return run_on_mock_clock(main)


class _WatchedFrame(Frame):
    """A frame that can be weakly referred to."""

    __slots__ = ("__weakref__",)


async def _send_first(make: MakeSender, plan: StreamPlan, endpoint: IDatagramEndpoint, pacer: IPacer) -> None:
    await trio.sleep_until(BEGIN_S)
    await make(plan).send_frame(Frame(plan, 1, pacer.now_ns()), endpoint, PEER, pacer)


async def _cancel(make: MakeSender, plan: StreamPlan, after: int | None, segment_limit: int) -> Cancelled | None:
    cancelled_ns: list[int] = []
    scope = trio.CancelScope()

    def cancel() -> None:
        cancelled_ns.append(trio_now_ns())
        scope.cancel()

    stalling = StallingEndpoint(after=after or 0, on_stall=cancel, segment_limit=segment_limit)
    endpoint = RecordingEndpoint(segment_limit=segment_limit) if after is None else stalling
    pacer = StallingPacer(on_stall=cancel) if after is None else MockPacer()
    returned, error = False, None
    with scope:
        try:
            await _send_first(make, plan, endpoint, pacer)
            returned = True
        except Exception as caught:
            error = caught
    return Cancelled(returned, error, trio_now_ns() - cancelled_ns[0]) if cancelled_ns else None
