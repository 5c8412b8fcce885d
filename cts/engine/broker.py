"""The broker: how many connections to open now, from so many pending, so many at once and so many in all."""

from __future__ import annotations

__all__ = ["Broker"]


class Broker:
    """Keeps the population of one side. A connection is pending until it has a peer, then running, then ended.

    Args:
        pending_limit: connections that may be pending (a server's accepting slots).
        at_once: connections that may be pending or running.
        in_all: connections to open until no more are; 0 for no end.
    """

    def __init__(self, *, pending_limit: int, at_once: int, in_all: int) -> None:
        self._pending_limit = pending_limit
        self.at_once = at_once
        self._in_all = in_all
        self.stopped = False
        self.pending = 0
        self.running = 0
        self.ended = 0

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return self.pending + self.running + self.ended

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing more will."""
        return not self.running and (self.stopped or bool(self._in_all and self.ended >= self._in_all))

    @property
    def wants_more(self) -> bool:
        """Whether more connections are to be opened, now or later."""
        return not self.stopped and not (self._in_all and self.opened >= self._in_all)

    def open(self) -> bool:
        """Open one more connection if the population lacks one; False if it does not."""
        if not self.wants_more or self.pending >= self._pending_limit or self.pending + self.running >= self.at_once:
            return False
        self.pending += 1
        return True

    def started(self) -> None:
        """A pending connection has its peer and runs."""
        self.pending -= 1
        self.running += 1

    def finish_one(self) -> None:
        """A running connection ended."""
        self.running -= 1
        self.ended += 1

    def stop(self) -> None:
        """Open no more; what is pending will never run."""
        self.stopped = True
        self.pending = 0
