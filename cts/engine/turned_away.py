"""What comes to a server in vain: all of it is counted; of who asked for a stream and was refused a person hears, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import define, field

from cts.api import Address
from cts.units import SECOND, counted

__all__ = ["TurnedAway"]

_AGAIN_AFTER_NS = 60 * SECOND


@define
class _Told:
    at_ns: int
    since: int = 0


@define(eq=False)
class TurnedAway:
    """Counts by reason, of which there is a fixed set, and tells of the first at once, then in a line a minute at most.

    Args:
        tell: takes a line.

    Attributes:
        counts: datagrams that led to nothing, by reason.
        notes: the first line of each reason that was told of.
    """

    _tell: Callable[[str], None]
    counts: Counter[str] = field(factory=Counter, init=False)
    notes: list[str] = field(factory=list, init=False)
    _told: dict[str, _Told] = field(factory=dict, init=False)

    def count(self, reason: str, times: int) -> None:
        """Count what a person need not hear of."""
        if times:
            self.counts[reason] += times

    def refused(self, remote: Address, reason: str, times: int, now_ns: int) -> None:
        """Count that a peer's question was refused so many times, and tell of it."""
        self.count(reason, times)
        told = self._told.get(reason)
        if told is None:
            self._told[reason] = _Told(now_ns)
            self.notes.append(f"{remote.host} asked for a stream and was refused: {reason}; more are only counted")
            self._tell(self.notes[-1])
            return
        told.since += times
        if now_ns - told.at_ns >= _AGAIN_AFTER_NS:
            self._tell(
                f"{counted(told.since, 'question')} more for a stream refused: {reason}; the last by {remote.host}"
            )
            self._told[reason] = _Told(now_ns)
