"""What is believed of what a peer has counted: what a stream of the plan can come to, and this end has not seen otherwise.

A network loses, delays, copies and alters. No rule here is broken by any of that: what is told and breaks one is wrong by
itself, by the plan, or by what this end has sent or received.
"""

from __future__ import annotations

from typing import TypeVar

from attrs import asdict, evolve, frozen

from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts, Results
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import SUCCEEDED
from cts.protocol.wire import HEADER_SIZE

__all__ = ["Seen", "believed"]

_MOST = 1 << 48
_MOST_TIMES = 100
"""How often a network may double what there is, at most."""
_STRAY_BYTES = 1 << 24
"""What may be taken for a stream's though it is of one before it at the same ports."""
_MOST_NS = 1 << 62
_LEAST_DATA, _MOST_DATA = HEADER_SIZE + 1, (1 << 16) - 1
"""Bytes of a datagram with data."""

_Told = TypeVar("_Told", Counts, Results)


@frozen
class Seen:
    """What one end of a stream knows of it, whatever its peer says.

    Attributes:
        role: its part; the peer has the other one.
        frames: of a sender, those of which something may have left; of a receiver, those that have come whole.
    """

    role: Role
    frames: int


def believed(told: _Told, plan: StreamPlan, seen: Seen | None = None) -> _Told:
    """Return what is told without the part that cannot be.

    Args:
        told: what a peer says of itself.
        plan: the stream's arithmetic.
        seen: what this end knows; None where it knows nothing.
    """
    received, sent = told.received, told.sent
    last = isinstance(told, Results)
    whole = isinstance(told, Results) and told.outcome == SUCCEEDED
    sends = seen is not None and seen.role is Role.SENDER
    receives = seen is not None and seen.role is Role.RECEIVER
    begun = seen.frames if seen is not None and sends else plan.final_frame
    # Counts may have been overtaken by what was sent after them.
    came = seen.frames if seen is not None and receives and last else 0
    if received is not None and (receives or not _can_have_received(received, plan, begun, whole)):
        received = None
    if sent is not None and (sends or not _can_have_sent(sent, plan, came, whole)):
        sent = None
    return evolve(told, received=received, sent=sent)


def _can_have_received(told: ReceiverCounts, plan: StreamPlan, begun: int, whole: bool) -> bool:
    """Tell whether a receiver can have counted this where frames up to ``begun`` have left, at most."""
    rendered, played = told.completed + told.dropped + told.repeated, told.completed + told.repeated
    missed = told.bytes_received - told.bytes_on_time
    late = missed - told.early - told.bytes_of_no_frame
    return (
        _within_reason(told)
        and (rendered == plan.final_frame if whole else rendered <= plan.final_frame)
        and played <= begun
        # Frames: their bytes are due, who is dropped lacks something, who is not has come.
        and told.due == plan.size_up_to(rendered)
        and told.dropped <= told.missing <= min(told.due, plan.size_up_to(told.dropped + told.hidden_losses))
        and told.sent_late <= told.late_bytes <= min(told.missing, late)
        and told.due - told.missing <= min(told.bytes_on_time, plan.size_up_to(begun))
        and plan.size_up_to(played) <= told.bytes_on_time
        and told.hidden_losses <= min(rendered, told.duplicate)
        and told.duplicate <= told.on_time
        # Datagrams, and the bytes of the same ones.
        and _fit(told.on_time, told.bytes_on_time)
        and _fit(told.late, late)
        and _fit(told.ahead, told.early)
        and _fit(told.no_such_frame, told.bytes_of_no_frame)
        and told.bytes_on_time + late + told.early <= max(_STRAY_BYTES, _MOST_TIMES * plan.size_up_to(begun))
    )


def _can_have_sent(told: SenderCounts, plan: StreamPlan, came: int, whole: bool) -> bool:
    """Tell whether a sender can have counted this where so many frames have come whole."""
    # One that was in flight when its stream was cut off had not had its turn, though all of it may have left.
    begun = min(plan.final_frame, told.frames_due + 1)
    return (
        _within_reason(told)
        and (told.frames_due == plan.final_frame if whole else told.frames_due <= plan.final_frame)
        and told.frames_unsent <= told.frames_due
        and came <= begun
        and told.due == told.bytes_sent + told.missing
        and told.missing == plan.size_up_to(told.frames_unsent)
        and plan.size_up_to(max(0, came - 1)) <= told.due <= plan.size_up_to(begun)
        and told.lateness_p50_ns <= told.lateness_p99_ns <= told.lateness_greatest_ns
    )


def _fit(datagrams: int, size: int) -> bool:
    """Tell whether so many datagrams with data can have that many bytes together."""
    return datagrams * _LEAST_DATA <= size <= datagrams * _MOST_DATA


def _within_reason(told: ReceiverCounts | SenderCounts) -> bool:
    return all(value < (_MOST_NS if name.endswith("_ns") else _MOST) for name, value in asdict(told).items())
