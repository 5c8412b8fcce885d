"""Finds the stream of the events that is the one which the truth tells of."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from cts.protocol.roles import Direction
from cts.records.reported_run import ReportedStream

__all__ = ["ReportedStreams"]

_PAIRING_NS = 250_000_000
"""How far the openings of a stream may lie apart in events and truth and still be told of as that difference: less than the
least time between two STARTs, which is 500 ms."""


class ReportedStreams:
    """The receiving streams of the events, each until the truth asks for it: by address, and by time, for ports are reused.

    Args:
        streams: the streams.
        direction: which way frames went.
        tolerance_ns: how far times of truth and run may lie apart.
    """

    def __init__(self, streams: Iterable[ReportedStream], direction: Direction, tolerance_ns: int) -> None:
        self._slack_ns = tolerance_ns + _PAIRING_NS
        self._waiting: defaultdict[str, deque[ReportedStream]] = defaultdict(deque)
        for stream in sorted(streams, key=lambda each: each.opened_ns):
            self._waiting[stream.local if direction is Direction.PULL else stream.remote].append(stream)
        self._missed: list[ReportedStream] = []

    def openings(self, address: str) -> list[int]:
        """Return when the streams of an address opened that have not been asked for."""
        return [stream.opened_ns for stream in self._waiting[address]]

    def take(self, address: str, opened_ns: int) -> ReportedStream | None:
        """Return the stream of an address that opened at that time, None if there is none."""
        waiting = self._waiting[address]
        while waiting:
            first = waiting[0]
            if first.opened_ns > opened_ns + self._slack_ns:
                break
            waiting.popleft()
            if first.opened_ns >= opened_ns - self._slack_ns:
                return first
            self._missed.append(first)
        return None

    def rest(self) -> list[ReportedStream]:
        """Return the streams that the truth never asked for."""
        return self._missed + [stream for waiting in self._waiting.values() for stream in waiting]
