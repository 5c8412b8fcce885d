"""Which transits of a stream make sense: a peer's stamps may be made up, or damaged on the way.

While a stream lasts nothing of it can be under way for longer than that, so its transits differ by no more; what lies farther
from most of the first ones is left out. And what comes in time has been under way for no longer than the buffer reaches, so
that transits which rise or fall with the time itself are of stamps that stand still, or go at another pace than any clock.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FARTHEST", "UsableTransits"]

FARTHEST = (1 << 63) - 1
"""Nanoseconds, 292 years: no time of a run is farther from its origin."""
_REACHES = 3
"""Buffers by which a frame in time may have been under way longer than another: one, and two of a sender ahead of itself."""
_SLOPE = 0.75
"""Of the time: by so much transits must rise or fall over a stream to be none. It takes four buffers of time to show."""


class UsableTransits:
    """What is known of one stream's transits, all in nanoseconds.

    Args:
        lasts_ns: how long the stream lasts.
        buffer_ns: how long its receiver buffers.

    Attributes:
        low, high: between these they make sense, as far as that is known.
        known: whether it is.
        frames: of how many they did.
    """

    __slots__ = ("_buffer_ns", "_first", "_last", "_lasts_ns", "frames", "high", "known", "low")

    def __init__(self, lasts_ns: int = 2 * FARTHEST, buffer_ns: int = FARTHEST) -> None:
        self._lasts_ns, self._buffer_ns = lasts_ns, buffer_ns
        self.low, self.high = -FARTHEST, FARTHEST
        self.known = False
        self.frames = 0
        self._first: tuple[int, int] | None = None
        self._last = (0, 0)

    def settle(self, transits: Sequence[int]) -> None:
        """Know from the stream's first ones where the others may lie."""
        middle = sorted(transits)[len(transits) // 2]
        self.low, self.high = max(middle - self._lasts_ns, self.low), min(middle + self._lasts_ns, self.high)
        self.known = True

    def take(self, dues: Sequence[int], transits: Sequence[int]) -> None:
        """Take those of frames in their order that make sense, at least one, with the frames' render times."""
        self.frames += len(transits)
        self._first = self._first or (dues[0], transits[0])
        self._last = dues[-1], transits[-1]

    def are_nonsense(self, unusable: int) -> bool:
        """Tell whether they are of no clock: most, of which so many make no sense by themselves, or all together."""
        if unusable > self.frames:
            return True
        if self._first is None:
            return False
        time_ns, change_ns = (last - first for last, first in zip(self._last, self._first, strict=True))
        return time_ns * _SLOPE >= _REACHES * self._buffer_ns and abs(change_ns) > time_ns * _SLOPE
