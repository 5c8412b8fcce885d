"""Relative time in flight and its change from frame to frame, from two clocks that need not agree.

With time in flight t(k) = receiver ticks / receiver ticks per second - sender ticks / sender ticks per second, of unknown
offset, the first usable frame is the base: relative time in flight is t(k) - t(1), which may be negative, and jitter is
|t(k) - t(previous usable frame)|. This is the original's definition, not the smoothed estimate of RFC 3550, section 6.4.1.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["ABSURD_MS", "InFlight", "InFlightTimes"]

ABSURD_MS = 86_400_000.0
"""No frame is a day early or late: a relative time beyond this comes from a clock that lies."""


@frozen
class InFlight:
    """Times of one frame, in milliseconds: relative to the base frame, and the step from the previous frame."""

    relative_ms: float
    jitter_ms: float


class InFlightTimes:
    """Times in flight of one stream's completed frames, told in order.

    Attributes:
        unusable: frames whose stamps make no sense (ticks per second not positive, or a time beyond ``ABSURD_MS``).
    """

    def __init__(self) -> None:
        self.unusable = 0
        self._base_ms: float | None = None
        self._previous_ms = 0.0

    def add(self, sender_qpc: int, sender_qpf: int, receiver_qpc: int, receiver_qpf: int) -> InFlight | None:
        """Return the times of a frame, or None (counted) for stamps that make no sense. Takes any integers.

        Args:
            sender_qpc: ticks of the sender's clock when the frame's last datagram was sent.
            sender_qpf: the sender's ticks per second.
            receiver_qpc: ticks of the receiver's clock when that datagram came.
            receiver_qpf: the receiver's ticks per second.
        """
        if sender_qpf <= 0 or receiver_qpf <= 0:
            self.unusable += 1
            return None
        # Doubles of absolute times, as the original takes them: exact ticks would round its halves the other way.
        in_flight_ms = receiver_qpc * 1000 / receiver_qpf - sender_qpc * 1000 / sender_qpf
        if self._base_ms is None:
            self._base_ms = self._previous_ms = in_flight_ms
        relative_ms = in_flight_ms - self._base_ms
        if abs(relative_ms) > ABSURD_MS:
            self.unusable += 1
            return None
        jitter_ms = abs(self._previous_ms - in_flight_ms)
        self._previous_ms = in_flight_ms
        return InFlight(relative_ms, jitter_ms)
