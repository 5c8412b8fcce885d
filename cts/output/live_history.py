"""What a run came to second by second, as far back as a live view can show."""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from cts.records.snapshots import RunSnapshot, StreamSnapshot
from cts.units import SECOND

__all__ = ["LiveHistory", "Second"]

_KEPT = 240
_NEARLY_NS = SECOND * 9 // 10
"""A second is told of when a loaded host gets round to it: a little early or late."""


@frozen
class Second:
    """About one second; longer where the run was told of less often.

    Attributes:
        received, sent: bits per second.
        missing: bytes that were missing, of those due, 0 to 1.
        played: frames that were rendered whole, of those that got a verdict, 0 to 1; None where there were none.
    """

    received: int = 0
    sent: int = 0
    missing: float = 0.0
    played: float | None = None


@define
class LiveHistory:
    """Cuts a run's snapshots, which count from the beginning, into seconds.

    Attributes:
        seconds: the last few minutes, the oldest first.
        still_ns: how long no frame has been played though some got their verdict, nanoseconds.
    """

    seconds: deque[Second] = field(factory=lambda: deque(maxlen=_KEPT))
    still_ns: int = 0
    _at_ns: int = 0
    _counts: StreamSnapshot = field(factory=StreamSnapshot)

    def add(self, snapshot: RunSnapshot) -> None:
        """Take a snapshot; they come in order."""
        passed_ns = snapshot.elapsed_ns - self._at_ns
        if passed_ns < _NEARLY_NS:
            return
        counts, before = snapshot.counts, self._counts
        frames = counts.frames - before.frames
        due = counts.due.due - before.due.due
        played = (frames.completed + frames.repeated) / frames.rendered if frames.rendered else None
        self.seconds.append(
            Second(
                received=max(0, counts.bytes_received - before.bytes_received) * 8 * SECOND // passed_ns,
                sent=max(0, counts.bytes_sent - before.bytes_sent) * 8 * SECOND // passed_ns,
                missing=min(1.0, max(0, counts.due.missing - before.due.missing) / due) if due > 0 else 0.0,
                played=played,
            )
        )
        self.still_ns = self.still_ns + passed_ns if played == 0 else 0
        self._at_ns, self._counts = snapshot.elapsed_ns, counts
