"""Who came to a server, and what became of it: a line for each stream that begins or ends, as many as a person can read."""

from __future__ import annotations

from cts.output.figures import seconds
from cts.output.peer_text import told_of_end
from cts.output.plan_words import plan_words
from cts.protocol.roles import Direction, Role
from cts.records.snapshots import Outcome, StreamInfo
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamResult
from cts.units import SECOND, counted

__all__ = ["StreamLines", "shown_id"]

_LINES_A_SECOND = 10
_ENDS = {Outcome.SUCCESSFUL: "ended", Outcome.CANCELLED: "was cut off"}


class StreamLines:
    """Makes the lines, ten at most in a second; counts those that it leaves out. All that is kept is a few numbers."""

    def __init__(self) -> None:
        self._began_ns = 0
        self._second = 0
        self._made = 0
        self._begun = self._ended = 0

    def run_began(self, began_ns: int) -> None:
        """Note from when times count."""
        self._began_ns = began_ns

    def opened(self, stream: StreamInfo) -> str | None:
        """Return the line for a stream that began; None if there are too many."""
        if not self._has_room(stream.opened_ns):
            self._begun += 1
            return None
        direction = Direction.PULL if stream.role is Role.SENDER else Direction.PUSH
        own = "" if stream.plan is None else f", as it asked: {direction.value} {plan_words(stream.plan)}"
        return f"{_who(stream, stream.opened_ns)} began{own}"

    def ended(self, stream: StreamInfo, result: StreamResult) -> str | None:
        """Return the line for a stream that ended; None if there are too many."""
        time_ns = result.ended_ns - self._began_ns
        if not self._has_room(time_ns):
            self._ended += 1
            return None
        why = "" if result.outcome is Outcome.SUCCESSFUL else f", {result.result}"
        what = f"{_ENDS.get(result.outcome, 'failed')}{why}: {_counts(result)}{told_of_end(result.peer)}"
        return f"{_who(stream, time_ns)} {what} [{shown_id(result.connection_id)}]"

    def left_out(self) -> str | None:
        """Return a line that counts what was left out since the last such line; None for nothing."""
        counts = (self._begun, "began"), (self._ended, "ended")
        self._begun = self._ended = 0
        texts = [f"{count:,} more {verb}" for count, verb in counts if count]
        return f"streams not shown one by one: {', '.join(texts)}" if texts else None

    def _has_room(self, time_ns: int) -> bool:
        # Frames are judged lazily, so that an end may lie somewhat before what was told last.
        if (second := time_ns // SECOND) > self._second:
            self._second, self._made = second, 0
        self._made += 1
        return self._made <= _LINES_A_SECOND


def _who(stream: StreamInfo, time_ns: int) -> str:
    return f"{seconds(time_ns)} s: stream {stream.number} with {stream.remote}"


def shown_id(connection_id: str) -> str:
    """Return a stream's id for people, who cannot know what logs write for one that never came."""
    return "no id" if connection_id == UNKNOWN_CONNECTION_ID else connection_id


def _counts(result: StreamResult) -> str:
    if not result.counted:
        return "its counts are not known"
    if result.role is Role.SENDER:
        times = result.counts.unreachable
        not_reached = f", the network said {counted(times, 'time')} that it is not reached" if times else ""
        return f"{result.counts.bytes_sent:,} bytes sent{not_reached}"
    frames = result.counts.frames
    return f"{frames.completed:,} frames completed, {frames.dropped:,} dropped, {frames.repeated:,} duplicated"
