"""Built-in sender strategies, registered like a stranger's."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, Message, StreamPlan
from cts.protocol.trains import TRAINS_PER_STAMP, Train, train_size

__all__ = ["AutoSender", "PlainSender", "send_trains", "stamped"]

_SENDS_PER_TURN = 32
"""Sends after which a frame lets other tasks run, so that a large one starves neither timers nor readers."""


class PlainSender(ISender):
    """One datagram per call, a frame's datagrams back to back."""

    api = 1

    def __init__(self, options: object, plan: StreamPlan) -> None:
        self._plan = plan

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send the datagrams one by one, each stamped on its own."""
        sent = 0
        for number, payload in enumerate(frame.payloads, 1):
            sent += await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload)
            if number % _SENDS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        return sent


class AutoSender(PlainSender):
    """A frame in as few calls as the endpoint can, plainly where it can only one datagram at a time."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send the datagrams in trains, as many trains in a call as the endpoint takes."""
        limit = endpoint.segment_limit_to(peer)
        if limit == 1:
            return await super().send_frame(frame, endpoint, peer, pacer)
        return await send_trains(frame, frame.trains(limit), endpoint, peer, pacer)

    def trains(self, segment_limit: int) -> Sequence[Train]:
        """Offer each frame's trains: handing them over is all that this sender does."""
        return self._plan.trains(segment_limit)


def stamped(frame: Frame, trains: Sequence[Train], peer: Address, now_ns: int) -> list[Message]:
    """Return trains of a frame as messages that leave together now."""
    # A single header is a buffer that the next stamp writes anew.
    return [(peer, bytes(frame.stamp(now_ns, len(train))), train) for train in trains]


async def send_trains(
    frame: Frame, trains: Sequence[Train], endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer, *, first: int = 0
) -> int:
    """Send a frame's trains from the one with index ``first`` on, each call stamped on its own; return the bytes sent.

    Suspends while the endpoint takes nothing, and in large frames to let other tasks run. Raises what the endpoint does.
    """
    sent = calls = 0
    while first < len(trains):
        gone = endpoint.send_now(stamped(frame, trains[first : first + TRAINS_PER_STAMP], peer, pacer.now_ns()))
        if gone:
            sent += sum(map(train_size, trains[first : first + gone]))
        else:
            sent += await endpoint.send_train(peer, frame.stamp(pacer.now_ns(), len(trains[first])), trains[first])
        first += gone or 1
        calls += 1
        if calls % _SENDS_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
    return sent
