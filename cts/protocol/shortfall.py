"""What frames lacked when they were rendered, and what of that came after all, too late: by whose fault."""

from __future__ import annotations

from cts.metrics.frame_record import LACKING_REMEMBERED
from cts.metrics.loss import DueBytes
from cts.protocol.plan import StreamPlan
from cts.units import SECOND

__all__ = ["Shortfall"]


class Shortfall:
    """Bytes that were missing at render time, of one stream.

    The stamps of datagrams tell when they left, against the schedule that the sender keeps to. The earliest of them stands for
    that schedule's beginning, which nothing on the wire tells: a stream that began late as a whole is on time by it.

    Args:
        plan: the stream's arithmetic.

    Attributes:
        forgotten: the last frame of which it is no longer known whether it lacked something.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self.forgotten = 0
        self._missing = self._late = self._sent_late = self._early = 0
        self._lacking: dict[int, int] = {}
        self._earliest_ns: int | None = None

    def totals(self, frames: int) -> DueBytes:
        """Return the counts, where so many frames, from the first on, have their verdict."""
        return DueBytes(self._plan.size_up_to(frames), self._missing, self._late, self._sent_late, self._early)

    def lacks(self, sequence: int, size: int) -> None:
        """Take note that a frame lacked so many bytes when it was rendered."""
        self._missing += size
        self._lacking[sequence] = size
        if len(self._lacking) > LACKING_REMEMBERED:
            self.forgotten = next(iter(self._lacking))
            del self._lacking[self.forgotten]

    def lacking(self, sequence: int) -> int:
        """Return how much a rendered frame still lacks, as far as that is remembered."""
        return self._lacking.get(sequence, 0)

    def lacks_all(self, first: int, last: int) -> None:
        """Take note that nothing had come of the frames from ``first`` to ``last``."""
        remembered = max(first, last + 1 - LACKING_REMEMBERED)
        self._missing += self._plan.size_up_to(remembered - 1) - self._plan.size_up_to(first - 1)
        self.forgotten = max(self.forgotten, remembered - 1)
        for sequence in range(remembered, last + 1):
            self.lacks(sequence, self._plan.size_of(sequence))

    def left(self, sequence: int, qpc: int, qpf: int) -> int:
        """Return how long after its time by the earliest one a datagram with that stamp left, nanoseconds, at least."""
        if qpf <= 0:
            return 0
        left_ns = qpc * SECOND // qpf - self._plan.send_offset_ns(sequence)
        if self._earliest_ns is None or left_ns < self._earliest_ns:
            self._earliest_ns = left_ns
        return left_ns - self._earliest_ns

    def came_late(self, sequence: int, size: int, qpc: int, qpf: int, late_ns: int) -> None:
        """Take note of data that came ``late_ns`` after its frame had been rendered."""
        lacking = self._lacking.get(sequence, 0)
        size = min(size, lacking)
        if size:
            self._lacking[sequence] = lacking - size
            self._late += size
            if self.left(sequence, qpc, qpf) >= late_ns:
                self._sent_late += size

    def came_early(self, size: int) -> None:
        """Take note of data that the buffer had no room for yet."""
        self._early += size
