"""What one end of a stream knows of the other by what that end told: its clock, its counts, its results."""

from __future__ import annotations

from attrs import evolve, field, frozen

from cts.metrics.clock_figures import ClockFigures
from cts.metrics.counters import ArrivalTotals, FrameTotals, Totals
from cts.metrics.loss import DueBytes
from cts.metrics.viewing import Longest
from cts.protocol.control.messages import Counts
from cts.protocol.roles import Role

__all__ = ["NOTHING_TOLD", "ControlTotals", "PeerEnd", "PeerTotals"]


@frozen
class ControlTotals(Totals):
    """Control datagrams of the peer's address that said nothing, by why.

    Attributes:
        undecodable: none of the protocol's.
        other_stream: of another stream, or made up by who does not know this one.
        forged: with another tag than what they say has.
        replayed: copies, and what came too far behind.
        ignored: what the peer sent too fast or out of place, or with counts that cannot be.
    """

    undecodable: int = 0
    other_stream: int = 0
    forged: int = 0
    replayed: int = 0
    ignored: int = 0


@frozen(kw_only=True)
class PeerEnd:
    """The other end of a stream that both agreed on.

    Attributes:
        clock: its clock and the ways there and back; None where no PING was answered.
        counts: what it told last of what it counted; None for nothing.
        outcome: its result, ``Succeeded`` or the name of an error; None where its results were not received.
        acknowledged: whether it has said that it has this end's results.
        key_name: whose key it has; None for one without a name, and for none.
        control: datagrams that claimed to be its control datagrams and said nothing.
    """

    clock: ClockFigures | None = None
    counts: Counts | None = None
    outcome: str | None = None
    acknowledged: bool = False
    key_name: str | None = None
    control: ControlTotals = field(factory=ControlTotals)

    @property
    def totals(self) -> PeerTotals:
        """What it told last, to be added up with what others did."""
        return PeerTotals.of(self.counts, finished=self.outcome is not None)

    def due_as(self, role: Role) -> DueBytes | None:
        """Return what was due of that part of it, and was missing; None where its results are not here, or do not tell."""
        if self.outcome is None or self.counts is None:
            return None
        told = self.counts.sent if role is Role.SENDER else self.counts.received
        return None if told is None else believable(told.due_bytes)


@frozen
class PeerTotals(Totals):
    """What the other ends of streams told last, added up.

    Attributes:
        streams: streams that both ends agreed on, of which one can be told.
        receiving, sending: those of whose receiving, and sending, end something was told.
        finished: those whose results were received.
        frames: verdicts of peers that receive, and their datagrams that fit no frame.
        arrivals: their datagrams by what became of them.
        bytes_received: their bytes of good data.
        received: bytes by place, as they see it.
        frames_due, frames_unsent: of peers that send: frames whose turn has come, and those that their hosts did not let out.
        bytes_sent: bytes that they handed to the network.
        sent: bytes that were due of them, and what did not leave.
        lateness: the longest time after its own that one of their frames left, nanoseconds.
    """

    streams: int = 0
    receiving: int = 0
    sending: int = 0
    finished: int = 0
    frames: FrameTotals = field(default=FrameTotals())
    arrivals: ArrivalTotals = field(default=ArrivalTotals())
    bytes_received: int = 0
    received: DueBytes = field(default=DueBytes())
    frames_due: int = 0
    frames_unsent: int = 0
    bytes_sent: int = 0
    sent: DueBytes = field(default=DueBytes())
    lateness: Longest = field(default=Longest(0))

    @classmethod
    def of(cls, counts: Counts | None, *, finished: bool) -> PeerTotals:
        """Return those of one stream."""
        totals = cls(streams=1, finished=int(finished))
        if counts is None:
            return totals
        if (received := counts.received) is not None:
            totals = evolve(
                totals,
                receiving=1,
                frames=received.frames,
                arrivals=received.arrivals,
                bytes_received=received.bytes_received,
                received=believable(received.due_bytes),
            )
        if (sent := counts.sent) is not None:
            totals = evolve(
                totals,
                sending=1,
                frames_due=sent.frames_due,
                frames_unsent=sent.frames_unsent,
                bytes_sent=sent.bytes_sent,
                sent=believable(sent.due_bytes),
                lateness=Longest(sent.lateness_greatest_ns),
            )
        return totals


def believable(due: DueBytes) -> DueBytes:
    """Return bytes that a stranger counted as what they can be: no part is more than the whole."""
    missing = min(due.missing, due.due)
    late = min(due.late, missing)
    return DueBytes(due.due, missing, late, min(due.sent_late, late), min(due.early, missing))


NOTHING_TOLD = PeerTotals()
"""Those of a stream whose other end tells nothing; one value for all, so that many are added up at once."""
