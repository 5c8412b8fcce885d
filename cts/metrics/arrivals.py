"""What became of the datagrams that reached one side of a stream, counted by cause."""

from __future__ import annotations

from enum import IntEnum
from operator import add
from typing import NamedTuple

__all__ = ["ArrivalTotals", "Became"]


class Became(IntEnum):
    """What became of a datagram; a place in a list of counts."""

    ON_TIME = 0
    """It counted for its frame."""
    LATE = 1
    """Its frame had been rendered."""
    AHEAD = 2
    """Its frame was beyond the window of frames that the buffer holds."""
    NO_SUCH_FRAME = 3
    """Its sequence was past the final frame, or below 1."""
    UNDECODABLE = 4
    """It was none of the protocol's."""
    WRONG_PAYLOAD = 5
    """Its payload was not the pattern."""
    UNEXPECTED = 6
    """It was one of the protocol's that this side has no use for."""
    HANDSHAKE = 7
    """It belonged to the stream's beginning."""


class ArrivalTotals(NamedTuple):
    """Datagrams by what became of them, in the order of :class:`Became`."""

    on_time: int = 0
    late: int = 0
    ahead: int = 0
    no_such_frame: int = 0
    undecodable: int = 0
    wrong_payload: int = 0
    unexpected: int = 0
    handshake: int = 0

    @property
    def errors(self) -> int:
        """Those that fit no frame: what the original's logs count as errors."""
        return sum(self) - self.on_time - self.handshake

    def plus(self, other: ArrivalTotals) -> ArrivalTotals:
        """Return the sums."""
        return ArrivalTotals(*map(add, self, other))
