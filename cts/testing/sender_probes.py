"""Puts a sender into one awkward situation each and tells what it did wrong, on a mock clock."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial

import trio

from cts.api import Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan
from cts.errors import first_of
from cts.testing.endpoints import PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from cts.testing.frame_run import BEGIN_S, run_frames
from cts.testing.pacers import MockPacer, StallingPacer, run_on_mock_clock, trio_now_ns
from cts.units import SECOND, format_duration

__all__ = ["cancel_background", "cancel_in_the_network", "cancel_in_the_pacer", "kept_frames", "refuse", "send_both"]

MakeSender = Callable[[StreamPlan], ISender]


def cancel_in_the_pacer(make: MakeSender, plan: StreamPlan) -> str | None:
    """Cancel the first frame's call while the pacer makes it wait, and return what the call did instead of ending at once.

    None if it did that, and if it never waits.
    """
    return run_on_mock_clock(partial(_cancel, make, plan, None, 1))


def cancel_in_the_network(make: MakeSender, plan: StreamPlan, *, after: int, segment_limit: int) -> str | None:
    """Cancel the first frame's call while the send buffer is full, ``after`` datagrams; return as for the pacer."""
    return run_on_mock_clock(partial(_cancel, make, plan, after, segment_limit))


def cancel_background(make: MakeSender, plan: StreamPlan) -> str | None:
    """Cancel the task that runs beside a stream at the end of that, and return what it did instead of ending at once."""

    async def main() -> str | None:
        await trio.sleep_until(BEGIN_S)
        pacer = MockPacer()
        task = make(plan).background(RecordingEndpoint(), PEER, pacer)
        if task is None:
            return None
        end_ns = pacer.now_ns() + plan.end_offset_ns
        with trio.CancelScope(deadline=end_ns / SECOND):
            try:
                await task()
            except Exception as error:
                return f"raised {type(error).__name__}: {error}"
        delay_ns = max(0, pacer.now_ns() - end_ns)
        return f"went on for {format_duration(delay_ns)} instead of ending at once" if delay_ns else None

    return run_on_mock_clock(main)


def refuse(make: MakeSender, plan: StreamPlan, *, after: int, segment_limit: int) -> str | None:
    """Let the network refuse the datagram behind ``after`` of the first frame, and return what came instead of its error.

    None if the error came, and if it never came to that.
    """

    async def main() -> str | None:
        endpoint = FailingEndpoint(after=after, segment_limit=segment_limit)
        instead = "nothing came"
        try:
            await _send_first(make, plan, endpoint, MockPacer())
        except Exception as raised:
            if first_of(raised) is endpoint.error:
                return None
            instead = f"{type(raised).__name__}: {raised} came"
        return instead if endpoint.refused else None

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


async def _cancel(make: MakeSender, plan: StreamPlan, after: int | None, segment_limit: int) -> str | None:
    cancelled_ns: list[int] = []
    scope = trio.CancelScope()

    def cancel() -> None:
        cancelled_ns.append(trio_now_ns())
        scope.cancel()

    stalling = StallingEndpoint(after=after or 0, on_stall=cancel, segment_limit=segment_limit)
    endpoint = RecordingEndpoint(segment_limit=segment_limit) if after is None else stalling
    pacer = StallingPacer(on_stall=cancel) if after is None else MockPacer()
    wrong = None
    with scope:
        try:
            await _send_first(make, plan, endpoint, pacer)
            wrong = "swallowed trio.Cancelled and returned; let it pass"
        except Exception as error:
            wrong = f"raised {type(error).__name__}: {error} instead of trio.Cancelled"
    if not cancelled_ns:
        return None
    delay_ns = trio_now_ns() - cancelled_ns[0]
    return f"went on for {format_duration(delay_ns)} instead of ending at once" if delay_ns else wrong
