"""What a person should hear of a stream beside its result: what happened, and what that may come from."""

from __future__ import annotations

from attrs import frozen

from cts.protocol.handshake import Handshake
from cts.protocol.plan import StreamPlan
from cts.units import MILLISECOND, SECOND, counted, format_duration

__all__ = ["Remark", "came_late", "fell_silent", "no_frames"]

_SILENCE_NS = SECOND // 2


@frozen
class Remark:
    """Words about a stream.

    Attributes:
        text: one sentence, without a full stop.
        disagrees: whether the two ends' settings differ, for nothing else explains it.
    """

    text: str
    disagrees: bool = False


def no_frames(plan: StreamPlan, handshake: Handshake) -> Remark:
    """Say what came, and what did not, where a stream ended before the first frame; likely causes first."""
    waited = format_duration(plan.render_offset_ns(1))
    if not handshake.asks:
        causes = "our answer does not reach it in time, its direction is pull, or its frames are lost"
        came = f"the peer asked {counted(handshake.asked + 1, 'time')}, was answered, and sent no frame in {waited}"
        return Remark(f"{came}: {causes}")
    if handshake.connection_id is not None:
        causes = "its direction is push, datagrams of that size do not pass, or the first would come later than that"
        return Remark(f"the server answered, and no frame came in {waited}: {causes}")
    causes = "no server there, a firewall, or a round trip longer than the buffer"
    return Remark(f"{counted(handshake.asked, 'START')} sent, and nothing came back in {waited}: {causes}")


def fell_silent(plan: StreamPlan, base_ns: int, last_data_ns: int, last_sequence: int) -> Remark | None:
    """Say since when a peer sent nothing more, where it was to send on; None where what is missing is too little to tell.

    Args:
        plan: the stream's arithmetic.
        base_ns: from when this side's schedule counts.
        last_data_ns: when the last data came.
        last_sequence: the frame that it was of.
    """
    silent_ns = base_ns + plan.send_offset_ns(plan.final_frame) - last_data_ns
    missing = plan.final_frame - last_sequence
    if missing < 2 or silent_ns < max(_SILENCE_NS, 2 * plan.interval_ns):
        return None
    seconds = (last_data_ns - base_ns) / SECOND
    when = f"{seconds:.3f} s after the stream began, in frame {last_sequence:,} of {plan.final_frame:,}"
    return Remark(f"the peer fell silent {when}: it stopped, its stream is shorter, or the way from it broke off")


def came_late(plan: StreamPlan, after_ns: int) -> str:
    """Say when the first datagram came of a stream that had been given up for want of any."""
    after = (
        f"{-(-after_ns // MILLISECOND):,} ms after the {format_duration(plan.render_offset_ns(1))} buffer had run out"
    )
    return f"the first datagram came {after}: with a longer stream.buffer_depth it would have been in time"
