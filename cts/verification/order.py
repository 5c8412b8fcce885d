"""How far datagrams arrive behind others that were sent later: RFC 4737, section 4.2.2, from the list of arrivals.

A datagram's extent is how many places it arrived behind the earliest arrival that was sent later. Only what is ahead of all
before it can be that. Of these a receiver remembers the last 256 at least; what was overtaken by an earlier one is told to be
as far behind as it remembers, so that its extent has bounds.
"""

from __future__ import annotations

from bisect import bisect_right

from attrs import define, field

from cts.verification.bounds import Bounds

__all__ = ["Order"]

_REMEMBERED_BY_ALL = 256
_REMEMBERED = 8192


@define(eq=False)
class Order:
    """One stream's datagrams, each once, as they arrive."""

    _ahead: list[tuple[int, int]] = field(factory=list, init=False)
    _places: list[int] = field(factory=list, init=False)
    """Frame and stamp of what was ahead of all before it, and its place among the arrivals."""
    _arrived: int = field(default=0, init=False)
    _forgot: bool = field(default=False, init=False)

    def arrived(self, sequence: int, ticks: int) -> Bounds | None:
        """Return the extent of what arrived, None if it is behind nothing."""
        sent, place = (sequence, ticks), self._arrived
        self._arrived += 1
        ahead = self._ahead
        if not ahead or sent > ahead[-1]:
            ahead.append(sent)
            self._places.append(place)
            if len(ahead) > _REMEMBERED:
                self._forgot = True
                del ahead[: _REMEMBERED // 2], self._places[: _REMEMBERED // 2]
            return None
        at = bisect_right(ahead, sent)
        extent = place - self._places[min(at, len(ahead) - 1)]
        if at >= len(ahead) - _REMEMBERED_BY_ALL:
            return Bounds(extent, extent)
        return Bounds(place - self._places[-_REMEMBERED_BY_ALL], place if self._forgot and at == 0 else extent)
