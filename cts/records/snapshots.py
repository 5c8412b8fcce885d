"""A run, its streams and its endpoints at one moment, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from attrs import field, frozen

from cts.metrics.counters import ArrivalTotals, FrameTotals, Totals
from cts.metrics.loss import DueBytes
from cts.metrics.recent_delays import DelayTotals
from cts.metrics.unsent import UnsentFrames
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.live import LiveFigures
from cts.records.peer_end import NOTHING_TOLD, PeerTotals

__all__ = ["Address", "EndpointStatistics", "Outcome", "RunSnapshot", "StreamInfo", "StreamSnapshot"]


class Address(NamedTuple):
    """A UDP address; ``host`` is a numeric IPv4 or IPv6 address (with ``%scope`` where it needs one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Outcome(Enum):
    """Whose fault a stream's end was."""

    SUCCESSFUL = "successful"
    NETWORK_ERROR = "network error"
    PROTOCOL_ERROR = "protocol error"
    CANCELLED = "cancelled"


@frozen
class EndpointStatistics(Totals):
    """What an endpoint has read and lost so far.

    Attributes:
        datagrams: datagrams read.
        overflowed: datagrams that the kernel dropped because the receive buffer was full (not loss in the network).
        unreachable: times that the network said (by ICMP) that a peer does not get what was sent; there may have been more.
    """

    datagrams: int = 0
    overflowed: int = 0
    unreachable: int = 0


@frozen
class StreamSnapshot(Totals):
    """Counts of a stream that may still run.

    Attributes:
        frames: verdicts so far (a receiver's) and datagrams that fit no frame.
        arrivals: datagrams that reached this side, by what became of them.
        unsent: frames that this host did not let out, by cause.
        bytes_received: bytes of good data datagrams, those that fit no frame too.
        bytes_sent: bytes of frames handed to the network.
        bytes_on_time: what of ``bytes_received`` came in time for its frame.
        unreachable: times that the network said (by ICMP) that the peer does not get what was sent; there may have been more.
        bytes_of_no_frame: what of ``bytes_received`` is of none of the stream's frames, as of one past its end.
        due: what was due of the stream up to now, and what of it was missing.
        peers: what the peer told, where both ends agreed on the stream.
    """

    frames: FrameTotals = field(default=FrameTotals())
    bytes_received: int = 0
    bytes_sent: int = 0
    arrivals: ArrivalTotals = field(default=ArrivalTotals())
    unsent: UnsentFrames = field(factory=UnsentFrames)
    bytes_on_time: int = 0
    unreachable: int = 0
    bytes_of_no_frame: int = 0
    due: DueBytes = field(default=DueBytes())
    peers: PeerTotals = field(default=NOTHING_TOLD)


@frozen
class StreamInfo:
    """A stream that was opened.

    Attributes:
        number: from 1, in the order of opening.
        local, remote: its two ends.
        role: which part this side plays.
        opened_ns: when, in nanoseconds since the run began.
        plan: its arithmetic; None for the run's.
    """

    number: int
    local: Address
    remote: Address
    role: Role
    opened_ns: int
    plan: StreamPlan | None = field(default=None, eq=False)


@frozen
class RunSnapshot:
    """The whole run at one moment.

    Attributes:
        elapsed_ns: nanoseconds since the run began.
        open_streams: streams that run now.
        counts: totals of all streams of the measured side, ended ones included; what was sent is of all sides.
        outcomes: ended streams by outcome.
        refused: datagrams that were read and answered with nothing, by reason.
        overflowed: datagrams that the kernel dropped for want of receive-buffer space.
        unreachable: times that the network said (by ICMP) that a peer does not get what was sent.
        unsent: frames that this host did not let out, by cause, of all sides.
        cut_off_by_time_limit: streams that the time limit cut off when it ended the run; None while it has not.
        interrupted: whether somebody stopped it.
        delays: how the delay of frames varied, of those streams of the measured side that have media metrics; zeros where
            nobody watches who wants to know (``Observer.wants_delays``).
        live: more, where somebody watches who draws the present (``Observer.redraws``).
    """

    elapsed_ns: int
    open_streams: int
    counts: StreamSnapshot
    outcomes: Mapping[Outcome, int] = field(factory=dict)
    refused: Mapping[str, int] = field(factory=dict)
    overflowed: int = 0
    unreachable: int = 0
    unsent: UnsentFrames = field(factory=UnsentFrames)
    cut_off_by_time_limit: int | None = None
    interrupted: bool = False
    delays: DelayTotals = field(factory=DelayTotals)
    live: LiveFigures | None = None
