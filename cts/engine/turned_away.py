"""What a person hears of peers that asked for a stream and were refused: the first at once, then a line a minute at most."""

from __future__ import annotations

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
    """Tells of them by reason, of which there is a fixed set.

    Args:
        tell: takes a line.

    Attributes:
        notes: the first line of each reason.
    """

    _tell: Callable[[str], None]
    notes: list[str] = field(factory=list, init=False)
    _told: dict[str, _Told] = field(factory=dict, init=False)

    def refused(self, remote: Address, reason: str, times: int, now_ns: int) -> None:
        """Take note that a peer's question was refused so many times."""
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
