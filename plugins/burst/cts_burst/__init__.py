"""A sender for cts that holds frames back and sends several at a time, as an encoder with a coarse tick does."""

from __future__ import annotations

from attrs import Attribute, field, frozen

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan

__all__ = ["BurstOptions", "BurstSender"]


def _is_a_count(instance: object, attribute: Attribute[int], value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, got {value}")


@frozen
class BurstOptions:
    """How coarse the tick is.

    Attributes:
        frames: how many frames leave together, at least 1 (which holds nothing back).
    """

    frames: int = field(default=4, validator=_is_a_count)


class BurstSender(ISender):
    """Holds each frame until the last one of its group is due, then sends it at once.

    Groups are ``frames`` long, counted from the first frame; the last group may be shorter. Keeps nothing between frames.
    """

    api = 1
    options = BurstOptions

    def __init__(self, options: BurstOptions, plan: StreamPlan) -> None:
        self._plan = plan
        self._frames = options.frames

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Wait for the group's end, then send the frame in as few calls as the endpoint can."""
        await pacer.wait_until(frame.due_ns + self._held_ns(frame.sequence))
        sent = 0
        for train in frame.trains(endpoint.segment_limit):
            sent += await endpoint.send_train(peer, frame.stamp(pacer.now_ns(), len(train)), train)
        return sent

    def _held_ns(self, sequence: int) -> int:
        """Return nanoseconds from a frame's due time to that of the last frame of its group."""
        group_end = -(-sequence // self._frames) * self._frames
        last = min(group_end, self._plan.final_frame)
        return self._plan.send_offset_ns(last) - self._plan.send_offset_ns(sequence)
