"""A sender for cts that spreads a frame's datagrams evenly over the frame's interval, as a pacing encoder does."""

from __future__ import annotations

from attrs import Attribute, field, frozen

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan

__all__ = ["SpreadOptions", "SpreadSender"]


def _is_a_share(instance: object, attribute: Attribute[float], value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{attribute.name} must be above 0 and at most 1, got {value}")


@frozen
class SpreadOptions:
    """How widely to spread.

    Attributes:
        fraction: the part of the frame interval that the datagrams are spread over, above 0 and at most 1.
    """

    fraction: float = field(default=1.0, validator=_is_a_share)


class SpreadSender(ISender):
    """Sends datagram i of n (from 0) at the frame's due time + i / n of ``fraction`` of the frame interval."""

    api = 1
    options = SpreadOptions

    def __init__(self, options: SpreadOptions, plan: StreamPlan) -> None:
        span_ns = round(plan.interval_ns * options.fraction)
        count = len(plan.payloads)
        self._offsets_ns = [number * span_ns // count for number in range(count)]

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send the datagrams one by one, each at its own time; what is late already leaves at once."""
        sent = 0
        for offset_ns, payload in zip(self._offsets_ns, frame.payloads, strict=True):
            await pacer.wait_until(frame.due_ns + offset_ns)
            sent += await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload)
        return sent
