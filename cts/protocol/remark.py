"""What a person should hear of a stream beside its result: what happened, and what that may come from."""

from __future__ import annotations

from attrs import frozen

from cts.protocol.handshake import Handshake
from cts.protocol.plan import StreamPlan
from cts.units import MILLISECOND, SECOND, counted, format_duration

__all__ = [
    "FELL_SILENT",
    "Remark",
    "came_late",
    "fell_silent",
    "left_unsent",
    "no_frames",
    "not_reached",
    "silence_told_ns",
    "wrong_payload",
]

FELL_SILENT = "the peer fell silent"
_SILENCE_NS = SECOND // 2
_SHOWN_NS = 10 * MILLISECOND
_SILENCE_TOLD_NS = 2 * SECOND
"""While a stream runs its peer may be about to send again; what is told cannot be taken back."""


@frozen
class Remark:
    """Words about a stream.

    Attributes:
        text: one sentence, without a full stop.
        disagrees: whether the two ends' settings differ, for nothing else explains it.
    """

    text: str
    disagrees: bool = False


def no_frames(plan: StreamPlan, handshake: Handshake, unreachable: int = 0) -> Remark:
    """Say what came, and what did not, where a stream ended before the first frame; likely causes first.

    Args:
        plan: the stream's arithmetic.
        handshake: how it began.
        unreachable: how often the network said that the peer is not reached, which rules other causes out.
    """
    waited = _waited(plan, handshake.patience_ns)
    sizes = f"datagrams of {plan.datagram_sizes[0]:,} bytes do not pass"
    if handshake.agreed and handshake.connection_id is not None:
        # Both know the direction, and small datagrams of either may well have passed.
        came = f"both ends agreed on the stream, and no frame came in {waited}"
        causes = f"{sizes}, the peer stopped, or WELCOME does not reach it in time"
        if handshake.asks:
            causes = f"{sizes}, the peer stopped, or the first would come later than that"
    elif not handshake.asks:
        came = f"the peer asked {counted(handshake.asked + 1, 'time')}, was answered, and sent no frame in {waited}"
        causes = "our answer does not reach it in time, its direction is pull, or its frames are lost"
    elif handshake.connection_id is not None:
        came = f"the server answered, and no frame came in {waited}"
        causes = f"its direction is push, {sizes}, or the first would come later than that"
    else:
        came = f"{counted(handshake.asked, 'START')} sent, and nothing came back in {waited}"
        if handshake.in_vain_ns:
            # A clock's instants are no round numbers.
            asked = format_duration(max(round(handshake.in_vain_ns / _SHOWN_NS), 1) * _SHOWN_NS)
            came = f"asked by HELLO for {asked}, then {came}"
        longer = "that" if plan.buffer_is_cut else "the buffer"
        causes = f"no server there, a firewall, or a round trip longer than {longer}"
    return Remark(f"{not_reached(unreachable)}; {came}" if unreachable else f"{came}: {causes}")


def not_reached(times: int) -> str:
    """Say what the network said of the peer, so many times."""
    return f"the network says that nobody listens there, or that the way is closed ({counted(times, 'time')})"


def left_unsent(frames: int, of: int) -> Remark:
    """Say how much of a stream its own host did not let out, which does not end it."""
    return Remark(f"{frames:,} of {counted(of, 'frame')} could not be sent: the stream went on without them")


def wrong_payload(sequence: int) -> Remark:
    """Say that one wrong payload, in that frame, ended a stream."""
    ended = f"a datagram of frame {sequence:,} whose payload is not the pattern ended the stream"
    return Remark(f'{ended}; stream.verify = "count" counts such ones and goes on')


def fell_silent(
    plan: StreamPlan, base_ns: int, last_data_ns: int, last_sequence: int, now_ns: int | None = None
) -> Remark | None:
    """Say since when a peer sent nothing more, where it was to send on; None where what is missing is too little to tell.

    Args:
        plan: the stream's arithmetic.
        base_ns: from when this side's schedule counts.
        last_data_ns: when the last data came.
        last_sequence: the frame that it was of.
        now_ns: the present of a stream that still runs; None where it has ended.
    """
    until_ns = base_ns + plan.send_offset_ns(plan.final_frame)
    if now_ns is not None and now_ns < until_ns:
        until_ns = now_ns
    least_ns = _SILENCE_NS if now_ns is None else silence_told_ns(plan)
    missing = plan.final_frame - last_sequence
    if missing < 2 or until_ns - last_data_ns < max(least_ns, 2 * plan.interval_ns):
        return None
    seconds = (last_data_ns - base_ns) / SECOND
    when = f"{seconds:.3f} s after the stream began, in frame {last_sequence:,} of {plan.final_frame:,}"
    return Remark(f"{FELL_SILENT} {when}: it stopped, its stream is shorter, or the way from it broke off")


def silence_told_ns(plan: StreamPlan) -> int:
    """Return how long a peer must have been silent, where it was to send, until that is told while the stream runs."""
    return max(_SILENCE_TOLD_NS, 2 * plan.render_offset_ns(1))


def _waited(plan: StreamPlan, patience_ns: int) -> str:
    first_ns = plan.render_offset_ns(1)
    waited = format_duration(max(first_ns, patience_ns))
    return (
        f"{waited}, which is all that the stream is long" if plan.buffer_is_cut and first_ns >= patience_ns else waited
    )


def came_late(plan: StreamPlan, after_ns: int) -> str:
    """Say when the first datagram came of a stream that had been given up for want of any."""
    after = (
        f"{-(-after_ns // MILLISECOND):,} ms after the {format_duration(plan.render_offset_ns(1))} buffer had run out"
    )
    longer = "stream" if plan.buffer_is_cut else "stream.buffer_depth"
    return f"the first datagram came {after}: with a longer {longer} it would have been in time"
