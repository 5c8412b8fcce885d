"""A plan that a client asks for, the caps of a server, and what comes of the two: a stream, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction

from attrs import field, frozen

from cts.protocol.plan import PlanError, StreamPlan
from cts.units import FrameRate, format_duration, format_frame_rate, format_rate, format_size

__all__ = ["Caps", "Reason", "Refusal", "WantedPlan", "admit"]


class Reason(IntEnum):
    """Why a server does not serve; the number is what goes on the wire."""

    OTHER = 0
    """One that this version does not know; the text says it."""
    CAP = 1
    """The plan is beyond a cap."""
    PLAN = 2
    """The numbers make no stream."""
    DIRECTION = 3
    """The server does not serve that direction."""
    KEY = 4
    """A key is missing, not known, or another one."""
    BUSY = 5
    """It has as many streams as it may: in all, of this address, or of this network."""
    RATE = 6
    """Too many were asked for in too short a time."""
    DENIED = 7
    """It does not serve this address."""
    UNSUPPORTED = 8
    """HELLO has a field that must be understood and is not."""
    LEAVING = 9
    """It is about to end."""


@frozen
class Refusal:
    """Why there is no stream.

    Attributes:
        reason: what kind of reason.
        text: one sentence on which a person can act, without a full stop.
        cap: the name of the cap that the plan is beyond.
        limit: what that cap allows, with its unit.
    """

    reason: Reason
    text: str
    cap: str | None = None
    limit: str | None = None


@frozen
class WantedPlan:
    """The numbers of a stream as one end told them to the other; they may make none.

    Attributes:
        bits_per_second, frame_rate, stream_length_ns, buffer_depth_ns, datagram_max_size: as in
            :class:`cts.protocol.plan.StreamPlan`.
    """

    bits_per_second: int
    frame_rate: FrameRate
    stream_length_ns: int
    buffer_depth_ns: int
    datagram_max_size: int

    @classmethod
    def of(cls, plan: StreamPlan) -> WantedPlan:
        """Return the numbers of a plan."""
        return cls(
            plan.bits_per_second,
            plan.frame_rate,
            plan.stream_length_ns,
            plan.buffer_depth_ns,
            plan.datagram_max_size,
        )

    def plan(self) -> StreamPlan:
        """Return the stream that they make.

        Raises:
            PlanError: they make none.
        """
        return StreamPlan(
            self.bits_per_second,
            self.frame_rate,
            self.stream_length_ns,
            self.buffer_depth_ns,
            self.datagram_max_size,
        )


def _rate(frame_rate: Fraction | int | None) -> FrameRate | None:
    return None if frame_rate is None else FrameRate(frame_rate)


@frozen
class Caps:
    """What a server allows one stream at most; None for no cap.

    Attributes:
        bits_per_second: of the stream.
        frame_rate: frames per second.
        stream_length_ns: nanoseconds for which it sends.
        buffer_depth_ns: nanoseconds of buffer, for which a receiver holds frames.
        datagram_max_size: bytes of a datagram.
        frame_size: bytes of a frame, for both ends list its datagrams.
    """

    bits_per_second: int | None = None
    frame_rate: FrameRate | None = field(default=None, converter=_rate)
    stream_length_ns: int | None = None
    buffer_depth_ns: int | None = None
    datagram_max_size: int | None = None
    frame_size: int | None = None


def admit(wanted: WantedPlan, caps: Caps) -> StreamPlan | Refusal:
    """Return the stream that a server with these caps serves, which is the one asked for; or why it does not.

    Costs the same whatever the numbers are.
    """
    try:
        plan = wanted.plan()
    except PlanError as error:
        return Refusal(Reason.PLAN, f"these numbers make no stream: {error}")
    for cap, asked, allowed in _beyond(plan, caps):
        text = f"{asked} is asked for, and its server.limits.{cap} is {allowed}: ask for less, or raise it"
        return Refusal(Reason.CAP, text, cap, allowed)
    return plan


def _beyond(plan: StreamPlan, caps: Caps) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each cap that a plan is beyond, with what is asked for and what is allowed."""
    if caps.bits_per_second is not None and plan.bits_per_second > caps.bits_per_second:
        yield "bits_per_second_per_stream", format_rate(plan.bits_per_second), format_rate(caps.bits_per_second)
    if caps.frame_rate is not None and plan.frame_rate > caps.frame_rate:
        asked, allowed = (f"{format_frame_rate(rate)}/s" for rate in (plan.frame_rate, caps.frame_rate))
        yield "frame_rate", asked, allowed
    if caps.stream_length_ns is not None and plan.stream_length_ns > caps.stream_length_ns:
        yield "stream_length", format_duration(plan.stream_length_ns), format_duration(caps.stream_length_ns)
    if caps.buffer_depth_ns is not None and plan.buffer_depth_ns > caps.buffer_depth_ns:
        yield "buffer_depth", format_duration(plan.buffer_depth_ns), format_duration(caps.buffer_depth_ns)
    if caps.datagram_max_size is not None and plan.datagram_max_size > caps.datagram_max_size:
        yield "datagram_max_size", format_size(plan.datagram_max_size), format_size(caps.datagram_max_size)
    if caps.frame_size is not None and plan.frame_size > caps.frame_size:
        yield "frame_size", format_size(plan.frame_size), format_size(caps.frame_size)
