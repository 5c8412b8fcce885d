"""Says that a log could not be written when that is seen, once, and not only when the run is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot

__all__ = ["LogFailures"]


class LogFailures(Observer):
    """Looks at each status what has become of the logs.

    Args:
        logs: the observers that write them.
        say: tells the person who watches.

    Attributes:
        said: what has been told.
    """

    def __init__(self, logs: Sequence[Observer], say: Callable[[str], None]) -> None:
        self._whole = list(logs)
        self._say = say
        self.said: set[str] = set()

    def status(self, snapshot: RunSnapshot) -> None:
        """Tell what the first failure of each log is, and of that log nothing more: counts of lines may still grow."""
        for log in [each for each in self._whole if each.failures()]:
            self._whole.remove(log)
            self.said.add(log.failures()[0])
            self._say(log.failures()[0])
