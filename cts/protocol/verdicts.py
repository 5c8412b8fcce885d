"""What becomes of a frame, and by which rule; ``docs/verdicts.md`` lays both rules side by side."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from cts.metrics.frame_record import FrameRecord

__all__ = ["FrameObserver", "RenderedFrame", "Verdict", "VerdictRule", "verdict_by_bytes"]


class Verdict(Enum):
    """What became of a frame, by what was there at its render time."""

    COMPLETED = "completed"
    DROPPED = "dropped"
    REPEATED = "repeated"


class VerdictRule(Enum):
    """By what a frame is judged."""

    DISTINCT = "distinct"
    """By its datagrams, of which each counts once: completed if all came, repeated if some came again besides."""
    BYTES = "bytes"
    """By the bytes that came, whatever they were: the original's rule."""


class RenderedFrame(NamedTuple):
    """A frame and its verdict (a tuple, since one may be made for every frame).

    Attributes:
        sequence: its number, from 1.
        verdict: completed, dropped or repeated.
        size: bytes that came on time.
        sender_qpc: ticks of the sender's clock in the last datagram that came on time; 0 if none did.
        sender_qpf: the sender's ticks per second in that datagram; 0 if none came.
        received_ns: receive time of that datagram, in the driver's clock; 0 if none came.
        due_ns: render time.
        record: all that is known of its datagrams; None from whoever does not tell.
    """

    sequence: int
    verdict: Verdict
    size: int
    sender_qpc: int
    sender_qpf: int
    received_ns: int
    due_ns: int
    record: FrameRecord | None = None


FrameObserver = Callable[[RenderedFrame], None]


def verdict_by_bytes(size: int, full_size: int) -> Verdict:
    """Return what becomes of a frame of which so many bytes came, by the original's rule."""
    if size == full_size:
        return Verdict.COMPLETED
    return Verdict.DROPPED if size < full_size else Verdict.REPEATED
