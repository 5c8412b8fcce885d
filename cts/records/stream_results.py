"""What became of a stream, and of both its ends, as values that outlive it."""

from __future__ import annotations

from attrs import frozen

from cts.errors import printable
from cts.metrics.histogram import Percentiles
from cts.metrics.loss import DueBytes, LossByPlace, lost_by_place
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import Playout
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import SUCCEEDED, StreamError
from cts.records.peer_end import PeerEnd
from cts.records.snapshots import Address, Outcome, StreamSnapshot
from cts.units import SECOND

__all__ = [
    "SUCCEEDED",
    "UNKNOWN_CONNECTION_ID",
    "StreamEnds",
    "StreamResult",
    "came_to_nothing",
    "failure_of",
    "result_of",
]

UNKNOWN_CONNECTION_ID = "00000000-0000-0000-0000-000000000000"
"""Logged for a stream whose name never arrived."""


@frozen
class StreamResult:
    """What became of a stream.

    Attributes:
        connection_id: the UUID that both ends log.
        local, remote: its two ends.
        role: sender or receiver.
        outcome: whose fault the end was.
        result: ``Succeeded``, an error's name, or ``code: text``; holds no comma.
        started_ns, ended_ns: its life, in the run's clock.
        bits_per_second: over the measured interval: from the start to the arrival (or sending) of the final frame, to the end
            where that never came; what was of none of the stream's frames does not count.
        counts: the final counts.
        send_lateness: how late frames were sent, nanoseconds after they were due; None for a receiver.
        remark: what a person should hear of it beside its result, in words; None for nothing.
        counted: whether the counts are known; they are 0 where nobody lives who knew them.
        measured: whether its datagrams were followed, if it received: of very many streams at once, those of some are not.
        playout: its verdicts at other depths of its buffer; None for a sender, and where they are not known.
        metrics: media metrics; None for a sender, and where they are not known.
        plan: its arithmetic; None for the run's.
        peer: what the other end told; None where the stream was begun by START.
    """

    connection_id: str
    local: Address
    remote: Address
    role: Role
    outcome: Outcome
    result: str
    started_ns: int
    ended_ns: int
    bits_per_second: int
    counts: StreamSnapshot
    send_lateness: Percentiles | None = None
    remark: str | None = None
    counted: bool = True
    measured: bool = True
    playout: Playout | None = None
    metrics: MediaTotals | None = None
    plan: StreamPlan | None = None
    peer: PeerEnd | None = None

    @property
    def failed(self) -> bool:
        """Whether it failed; to be cut short is not to fail."""
        return self.outcome in (Outcome.NETWORK_ERROR, Outcome.PROTOCOL_ERROR)

    @property
    def settings_disagree(self) -> bool:
        """Whether it failed since its peer has other settings: then no figure of its frames says anything."""
        return self.result == StreamError.SETTINGS_DISAGREE.value

    @property
    def failed_there(self) -> bool:
        """Whether its other end told that it failed there, or was cut short, and not by this end."""
        told = None if self.peer is None else self.peer.outcome
        return told not in (None, SUCCEEDED, StreamError.PEER_ENDED.value)


@frozen
class StreamEnds:
    """What became of a stream by each of its ends that was here.

    Attributes:
        end: the end on the side that is measured; where there was none, one of the other side.
        others: further ones, of the other side: mostly one where both sides are here, more where a server had to begin again.
    """

    end: StreamResult
    others: tuple[StreamResult, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """That of the first end, unless only another one failed: a failure on either side is the stream's."""
        if not self.end.failed:
            for other in self.others:
                if other.failed:
                    return other.outcome
        return self.end.outcome

    def began(self, role: str) -> bool:
        """Tell whether anything was of it but questions, in a run of that role; as far as its counts are known."""
        if role == "client" and self.end.connection_id != UNKNOWN_CONNECTION_ID:
            # The server named it, and so sent it; by itself a name says nothing, for a server names what strangers ask for.
            return True
        for end in (self.end, *self.others):
            counts = end.counts
            if end.role is Role.SENDER and counts.due.due:
                return True
            if counts.bytes_received or counts.bytes_sent or counts.frames.error or end.peer is not None:
                return True
        # Of a stream whose counts went with their process, nothing is known.
        return not self.end.counted or self.outcome is Outcome.SUCCESSFUL

    @property
    def loss(self) -> LossByPlace | None:
        """Where its bytes were lost; None where no end is known that received them."""
        end = self.end
        if end.role is Role.RECEIVER:
            return lost_by_place(end.counts.due, self._sent)
        received = None if end.peer is None else end.peer.due_as(Role.RECEIVER)
        return None if received is None else lost_by_place(received, (end.counts.due,) if end.counted else ())

    @property
    def knows_both(self) -> bool:
        """Whether of its bytes both is known what was sent and what was received."""
        return bool(self._sent) if self.end.role is Role.RECEIVER else self.end.counted and self.loss is not None

    @property
    def counted(self) -> bool:
        """Whether the counts of all its ends that are here are known."""
        return all(end.counted for end in (self.end, *self.others))

    @property
    def _sent(self) -> tuple[DueBytes, ...]:
        """What sending ends had to send, by those that are here, or by what the other end told; nothing if one is not known.

        An end whose counts were lost may have sent all, or nothing, since it was last heard of.
        """
        if self.others:
            return tuple(other.counts.due for other in self.others) if all(e.counted for e in self.others) else ()
        told = None if self.end.peer is None else self.end.peer.due_as(Role.SENDER)
        return () if told is None else (told,)


def came_to_nothing(result: StreamResult) -> bool:
    """Tell whether a stream was asked for and failed without a byte of it: a stranger's START, a peer that is gone, or left."""
    counts = result.counts
    return (result.failed or result.result == StreamError.PEER_ENDED.value) and not (
        counts.bytes_received or counts.bytes_sent
    )


def failure_of(error: BaseException) -> tuple[Outcome, str]:
    """Return whose fault an error was and its text for the logs, which quote nothing: commas become spaces."""
    if isinstance(error, OSError):
        return Outcome.NETWORK_ERROR, printable(f"{error.errno}: {error.strerror or error}".replace(",", " "))
    return Outcome.PROTOCOL_ERROR, printable("ErrorPlugin: " + " ".join(str(error).replace(",", " ").split()))


def result_of(
    local: Address,
    remote: Address,
    role: Role,
    *,
    connection_id: str | None,
    outcome: tuple[Outcome, str],
    life_ns: tuple[int, int],
    measured_ns: int | None = None,
    counts: StreamSnapshot,
    remark: str | None = None,
) -> StreamResult:
    """Return what became of a stream.

    Args:
        local, remote: its two ends.
        role: which part this side played.
        connection_id: its name, None if that never came.
        outcome: whose fault its end was, and the text for the logs.
        life_ns: when it began and when it ended, in the run's clock.
        measured_ns: the length of the measured interval; None for its whole life.
        counts: the final counts.
        remark: what a person should hear beside that.
    """
    started_ns, ended_ns = life_ns
    interval_ns = ended_ns - started_ns if measured_ns is None else measured_ns
    # What a longer stream of the peer's sends past the end comes after the interval.
    bits = 8 * (counts.bytes_received - counts.bytes_of_no_frame + counts.bytes_sent)
    return StreamResult(
        connection_id=connection_id or UNKNOWN_CONNECTION_ID,
        local=local,
        remote=remote,
        role=role,
        outcome=outcome[0],
        result=outcome[1],
        started_ns=started_ns,
        ended_ns=ended_ns,
        bits_per_second=bits * SECOND // interval_ns if interval_ns > 0 else 0,
        counts=counts,
        remark=remark,
    )
