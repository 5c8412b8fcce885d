"""Frames of a stream that lacked something at their render time: how much, and their delay until nothing more can come."""

from __future__ import annotations

from collections.abc import Iterable

from cts.metrics.frame_record import LACKING_REMEMBERED

__all__ = ["LackingFrames"]

Delayed = tuple[int, int]
"""A frame's render time and its transit, nanoseconds."""


class LackingFrames:
    """What the last 1024 of them still lack: no more than that can come late.

    Of what those before them lack only the sum is kept. A frame's transit is that of what came of it last, so it is known when
    the frame is whole, or forgotten.
    """

    __slots__ = ("_before", "_forgotten", "_lacking", "_open")

    def __init__(self) -> None:
        self._lacking: dict[int, int] = {}
        self._open: dict[int, Delayed] = {}
        # The last frame forgotten, and what those lack together.
        self._forgotten = self._before = 0

    def lack(self, sequence: int, datagrams: int) -> Delayed | None:
        """Remember that the next frame lacks so many, and return the delay of one that is forgotten for it."""
        self._lacking[sequence] = datagrams
        if len(self._lacking) <= LACKING_REMEMBERED:
            return None
        self._forgotten = next(iter(self._lacking))
        self._before += self._lacking.pop(self._forgotten)
        return self._open.pop(self._forgotten, None)

    def take(self, sequence: int, fresh: int, *, told_apart: bool) -> int:
        """Return how many of what came late its frame had lacked, which it lacks no more.

        Args:
            sequence: the frame's number.
            fresh: datagrams that had not come before, as far as is known.
            told_apart: whether that is known.
        """
        if (lacking := self._lacking.get(sequence)) is None:
            fresh = min(fresh, self._before if told_apart and sequence <= self._forgotten else 0)
            self._before -= fresh
        else:
            fresh = min(fresh, lacking)
            self._lacking[sequence] = lacking - fresh
        return fresh

    def arrived(self, sequence: int, due_ns: int, transit: int) -> None:
        """Take the transit of what came last of a frame; of one that is forgotten it counts no more."""
        if sequence in self._lacking:
            self._open[sequence] = due_ns, transit

    def whole(self, sequence: int) -> Delayed | None:
        """Return the delay of a frame if it lacks nothing any more, once."""
        return self._open.pop(sequence, None) if not self._lacking.get(sequence) else None

    def leave_out(self, sequence: int) -> None:
        """Forget the delay of a frame so far, which makes no sense."""
        self._open.pop(sequence, None)

    def delays(self) -> Iterable[Delayed]:
        """Return what is known so far of those that lack something yet."""
        return self._open.values()

    def of_delays(self) -> LackingFrames:
        """Return a copy that knows delays only."""
        copy = LackingFrames()
        copy._open = dict(self._open)
        return copy
