"""How fast a server opens streams: no faster than the host can take them on beside those that run.

To make a stream takes a fraction of a millisecond, and the frames of those that run wait meanwhile; and each stream that is
made brings frames of its own, of which the host can send so many a second and no more. Both are seen as they happen: how long
the openings took, whether the event loop still has time to wait, how late frames leave. Nothing of this is seen in virtual
time, where to do something takes none, and everybody is served at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from cts.api import IPacer
from cts.units import MILLISECOND, SECOND

__all__ = ["HostLoad", "OpeningPace"]

TURN_NS: Final = MILLISECOND
"""Openings for so long one behind the other; then others have their turn."""

_PER_SECOND_AT_MOST: Final = 2500
_LOOK_NS: Final = 5 * MILLISECOND
_BUSY_AT_MOST: Final = 0.98
"""Part of the time that this process may have something to do, and still take streams on."""

_REACH_NS: Final = 100 * MILLISECOND
"""What streams bring shows after a while: until then, no more are opened than there seems to be room for."""

_BEARABLE_NS: Final = 100 * MILLISECOND

_FEW: Final = 64
"""Streams that are opened whatever the host is busy with: on one that others keep busy a few are better late than refused."""


@frozen
class HostLoad:
    """What the streams that run take of the host, each as it is now.

    Attributes:
        streams: returns how many there are.
        busy: returns for which part of the time this process has had something to do, 0 to 1.
        late_ns: returns how late frames leave, nanoseconds.
    """

    streams: Callable[[], int]
    busy: Callable[[], float]
    late_ns: Callable[[], int]


class OpeningPace:
    """Has a server wait between the streams that it opens.

    Args:
        pacer: the run's clock.
        load: what the streams that run take.
        tolerance_ns: how late a frame may leave and yet be in time at its receiver.

    Attributes:
        held_up: whether a stream ever had to wait because those that run were late, or left no room.
    """

    def __init__(self, pacer: IPacer, load: HostLoad, tolerance_ns: int) -> None:
        self._pacer = pacer
        self._load = load
        self._bearable_ns = max(MILLISECOND, min(_BEARABLE_NS, tolerance_ns // 8))
        self._began_ns = 0
        self._opened = 0
        self.held_up = False

    async def begin(self) -> None:
        """Wait until the first stream of several may be opened."""
        if self._load.streams() >= _FEW and self._load.late_ns() > self._bearable_ns:
            await self._rest(self._pacer.now_ns() + _LOOK_NS)
        self._begin_turn()

    async def opened(self) -> None:
        """Take note that one was opened, and wait until the next one may be; mostly that is at once."""
        self._opened += 1
        if self._pacer.now_ns() - self._began_ns < TURN_NS:
            return
        if self._load.streams() < _FEW:
            await self._pacer.wait_until(self._pacer.now_ns())
        else:
            await self._rest(self._began_ns + self._opened * self._interval_ns())
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._began_ns, self._opened = self._pacer.now_ns(), 0

    async def _rest(self, due_ns: int) -> None:
        while True:
            await self._pacer.wait_until(due_ns)
            now_ns = self._pacer.now_ns()
            if now_ns - due_ns <= self._bearable_ns and not self._is_full():
                return
            self.held_up = True
            due_ns = now_ns + _LOOK_NS

    def _is_full(self) -> bool:
        return self._load.busy() >= _BUSY_AT_MOST or self._load.late_ns() > self._bearable_ns

    def _interval_ns(self) -> int:
        """Return the time between two openings: by when they show, they are to take half of what room there seems to be."""
        streams, busy = self._load.streams(), self._load.busy()
        least = SECOND // _PER_SECOND_AT_MOST
        if not streams or not busy:
            return least
        room = (_BUSY_AT_MOST - busy) * streams / busy / 2
        return max(least, int(_REACH_NS / max(room, 1.0)))
