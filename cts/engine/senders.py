"""Built-in sender strategies, registered like a stranger's."""

from __future__ import annotations

import trio

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan

__all__ = ["AutoSender", "PlainSender"]

_SENDS_PER_TURN = 64
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
        """Send the datagrams in runs, each run stamped on its own."""
        if endpoint.segment_limit == 1:
            return await super().send_frame(frame, endpoint, peer, pacer)
        sent = 0
        for number, run in enumerate(frame.runs(endpoint.segment_limit), 1):
            sent += await endpoint.send_segments(peer, frame.stamp(pacer.now_ns()), run)
            if number % _SENDS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        return sent
