"""What came of one frame, as far as a truth knows it, and the verdict that this makes."""

from __future__ import annotations

from typing import NamedTuple

from attrs import define, field

from cts.records.reported_frames import VERDICTS
from cts.verification.bounds import Bounds

__all__ = ["ExpectedFrame", "Stamp", "Window", "verdict_of"]

_COMPLETED, _DROPPED, _REPEATED = VERDICTS

Stamp = tuple[int, int]
"""The sender's clock in a datagram: ticks, and ticks per second."""


class ExpectedFrame(NamedTuple):
    """A frame whose render time has passed.

    Attributes:
        sequence: its number.
        due_ns: its render time.
        size: bytes that came in time.
        received_ns: when the last of them came, None if none did.
        stamps: what the sender may have stamped into that one, or into those within the tolerance of it.
        verdicts: what may have become of it; None where that is a matter of its size.
    """

    sequence: int
    due_ns: int
    size: Bounds
    received_ns: int | None
    stamps: tuple[Stamp | None, ...]
    verdicts: tuple[str, ...] | None


def verdict_of(size: int, frame_size: int) -> str:
    """Return what becomes of a frame of which so many bytes came in time."""
    if size == frame_size:
        return _COMPLETED
    return _DROPPED if size < frame_size else _REPEATED


@define(eq=False)
class Window:
    """When arrivals count for a frame for certain, and the bytes that have come for certain, and those that may have."""

    sure_after_ns: int
    sure_until_ns: int
    stamps: set[int] = field(factory=set)
    distinct: int = 0
    again: bool = False
    in_doubt: list[tuple[int, int]] = field(factory=list)
    """What has come for certain, each stamp once: their bytes, and whether more came; stamp and bytes of what may have come."""
    sure: int = 0
    maybe: int = 0
    received_ns: int | None = None
    stamp: Stamp | None = None
    stamps_before: list[tuple[int, Stamp | None]] = field(factory=list)
    """Until when others came, within the tolerance."""

    def come(self, ticks: int, size: int, frame_size: int) -> None:
        """Take in a datagram by its stamp."""
        if ticks in self.stamps or self.distinct >= frame_size:
            self.again = True
        else:
            self.stamps.add(ticks)
            self.distinct += size

    def verdict(self, frame_size: int) -> str:
        """Return what becomes of the frame if nothing more comes."""
        if self.distinct < frame_size:
            return _DROPPED
        return _REPEATED if self.again or self.distinct > frame_size else _COMPLETED
