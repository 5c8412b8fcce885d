"""What came of one frame, as far as a truth knows it, and the verdict that this makes."""

from __future__ import annotations

from typing import NamedTuple

from attrs import define, field

from cts.records.reported_frames import VERDICTS
from cts.verification.bounds import Bounds
from cts.verification.came import Came, ExpectedRecord, Stamp

__all__ = ["ExpectedFrame", "Window", "verdict_of"]

_COMPLETED, _DROPPED, _REPEATED = VERDICTS


class ExpectedFrame(NamedTuple):
    """A frame whose render time has passed.

    Attributes:
        sequence: its number.
        due_ns: its render time.
        size: bytes that came in time.
        received_ns: when the last of them came, None if none did.
        stamps: what the sender may have stamped into that one, or into those within the tolerance of it.
        verdicts: what may have become of it; None where that is a matter of its size.
        due: datagrams that make it.
        record: what must be told of them; None where something that came may have counted or not.
        order_open: whether something came so near to one of them that which was first is not known.
    """

    sequence: int
    due_ns: int
    size: Bounds
    received_ns: int | None
    stamps: tuple[Stamp | None, ...]
    verdicts: tuple[str, ...] | None
    due: int
    record: ExpectedRecord | None
    order_open: bool


def verdict_of(size: int, frame_size: int) -> str:
    """Return what becomes of a frame of which so many bytes came in time."""
    if size == frame_size:
        return _COMPLETED
    return _DROPPED if size < frame_size else _REPEATED


@define(eq=False)
class Window:
    """When arrivals count for a frame for certain, and what has come for certain, and what may have."""

    sure_after_ns: int
    sure_until_ns: int
    came: Came
    in_doubt: list[tuple[int, int, Stamp]] = field(factory=list)
    """When what may have come did, its bytes and its stamp."""
    maybe: int = 0
    received_ns: int | None = None
    stamp: Stamp | None = None
    stamps_before: list[tuple[int, Stamp | None]] = field(factory=list)
    """Until when others came, within the tolerance."""

    def verdict(self, frame_size: int) -> str:
        """Return what becomes of the frame, by its datagrams, if nothing more comes."""
        came = self.came
        if came.distinct_size < frame_size:
            return _DROPPED
        return _REPEATED if came.again or came.distinct_size > frame_size else _COMPLETED
