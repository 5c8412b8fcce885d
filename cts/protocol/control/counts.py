"""What the two ends of a stream count, as they tell each other: numbers in an order that the wire keeps.

A later version may append numbers, never take one out; an end passes over those that it does not know.
"""

from __future__ import annotations

from attrs import asdict, frozen

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.histogram import Percentiles
from cts.metrics.loss import DueBytes

__all__ = ["ReceiverCounts", "SenderCounts"]


@frozen
class ReceiverCounts:
    """What a receiver has counted. Frames, datagrams and bytes as in :mod:`cts.metrics.counters` and :mod:`cts.metrics.loss`.

    Attributes:
        elapsed_ns: nanoseconds since its side of the stream began.
        completed, dropped, repeated: frames by verdict.
        on_time, late, ahead, no_such_frame, undecodable, wrong_payload, unexpected: datagrams by what became of them.
        bytes_received: bytes of good data datagrams.
        bytes_on_time: what of them came in time for its frame.
        bytes_of_no_frame: what of them is of none of the stream's frames.
        due, missing, late_bytes, sent_late, early: bytes by place.
        handshake: datagrams of the stream's beginning.
        duplicate: how many of those on time had come before.
        hidden_losses: frames that the original's rule would call completed.
    """

    elapsed_ns: int = 0
    completed: int = 0
    dropped: int = 0
    repeated: int = 0
    on_time: int = 0
    late: int = 0
    ahead: int = 0
    no_such_frame: int = 0
    undecodable: int = 0
    wrong_payload: int = 0
    unexpected: int = 0
    bytes_received: int = 0
    bytes_on_time: int = 0
    bytes_of_no_frame: int = 0
    due: int = 0
    missing: int = 0
    late_bytes: int = 0
    sent_late: int = 0
    early: int = 0
    handshake: int = 0
    duplicate: int = 0
    hidden_losses: int = 0

    @classmethod
    def of(
        cls, frames: FrameTotals, arrivals: ArrivalTotals, due: DueBytes, *, elapsed_ns: int, **sizes: int
    ) -> ReceiverCounts:
        """Return them, put together; ``sizes`` are those in bytes."""
        return cls(
            elapsed_ns=elapsed_ns,
            completed=frames.completed,
            dropped=frames.dropped,
            repeated=frames.repeated,
            hidden_losses=frames.hidden_losses,
            due=due.due,
            missing=due.missing,
            late_bytes=due.late,
            sent_late=due.sent_late,
            early=due.early,
            **asdict(arrivals),
            **sizes,
        )

    @property
    def arrivals(self) -> ArrivalTotals:
        """The datagrams by what became of them."""
        return ArrivalTotals(
            self.on_time,
            self.late,
            self.ahead,
            self.no_such_frame,
            self.undecodable,
            self.wrong_payload,
            self.unexpected,
            self.handshake,
            self.duplicate,
        )

    @property
    def frames(self) -> FrameTotals:
        """The frames by verdict, beside the datagrams that fit no frame."""
        return FrameTotals(self.completed, self.dropped, self.repeated, self.arrivals.errors, self.hidden_losses)

    @property
    def due_bytes(self) -> DueBytes:
        """The bytes by place, to lay beside those of the sending end."""
        return DueBytes(self.due, self.missing, self.late_bytes, self.sent_late, self.early)


@frozen
class SenderCounts:
    """What a sender has counted.

    Attributes:
        elapsed_ns: nanoseconds since its side of the stream began.
        frames_due: frames whose turn has come.
        frames_unsent: those of them that its host did not let out.
        bytes_sent: bytes handed to the network.
        due, missing: bytes of the frames that were due, and what of them its host did not let out.
        lateness_count: frames whose lateness is known.
        lateness_p50_ns, lateness_p99_ns, lateness_greatest_ns: how long after their time they left, nanoseconds.
    """

    elapsed_ns: int = 0
    frames_due: int = 0
    frames_unsent: int = 0
    bytes_sent: int = 0
    due: int = 0
    missing: int = 0
    lateness_count: int = 0
    lateness_p50_ns: int = 0
    lateness_p99_ns: int = 0
    lateness_greatest_ns: int = 0

    @classmethod
    def of(cls, due: DueBytes, lateness: Percentiles, **numbers: int) -> SenderCounts:
        """Return them, put together; ``numbers`` are the others."""
        return cls(
            due=due.due,
            missing=due.missing,
            lateness_count=lateness.count,
            lateness_p50_ns=lateness.p50,
            lateness_p99_ns=lateness.p99,
            lateness_greatest_ns=lateness.greatest,
            **numbers,
        )

    @property
    def due_bytes(self) -> DueBytes:
        """The bytes, to lay beside those of the receiving end."""
        return DueBytes(self.due, self.missing)
