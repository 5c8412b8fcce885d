"""What became of a stream, as values that outlive it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from attrs import field, frozen

from cts.metrics.counters import FrameTotals
from cts.metrics.histogram import Percentiles

__all__ = [
    "SUCCEEDED",
    "UNKNOWN_CONNECTION_ID",
    "Address",
    "EndpointStatistics",
    "Outcome",
    "Role",
    "StreamResult",
    "StreamSnapshot",
]

SUCCEEDED = "Succeeded"
UNKNOWN_CONNECTION_ID = "00000000-0000-0000-0000-000000000000"
"""Logged for a stream whose name never arrived."""


class Address(NamedTuple):
    """A UDP address; ``host`` is a numeric IPv4 or IPv6 address (with ``%scope`` where it needs one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Role(Enum):
    """Which part one side plays in a stream, whoever asked for it."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Outcome(Enum):
    """Whose fault a stream's end was."""

    SUCCESSFUL = "successful"
    NETWORK_ERROR = "network error"
    PROTOCOL_ERROR = "protocol error"
    CANCELLED = "cancelled"


@frozen
class EndpointStatistics:
    """What an endpoint has read and lost so far.

    Attributes:
        datagrams: datagrams read.
        overflowed: datagrams that the kernel dropped because the receive buffer was full (not loss in the network).
        unreachable: times that the network said (by ICMP) that a peer does not get what was sent; there may have been more.
    """

    datagrams: int = 0
    overflowed: int = 0
    unreachable: int = 0

    def __add__(self, other: EndpointStatistics) -> EndpointStatistics:
        totals = (self.datagrams + other.datagrams, self.overflowed + other.overflowed)
        return EndpointStatistics(*totals, self.unreachable + other.unreachable)


@frozen
class StreamSnapshot:
    """Counts of a stream that may still run.

    Attributes:
        frames: verdicts so far (a receiver's) and datagrams that fit no frame.
        bytes_received: bytes of data datagrams that fit a frame.
        bytes_sent: bytes of frames handed to the network.
    """

    frames: FrameTotals = field(factory=FrameTotals)
    bytes_received: int = 0
    bytes_sent: int = 0

    def __add__(self, other: StreamSnapshot) -> StreamSnapshot:
        return StreamSnapshot(
            self.frames + other.frames,
            self.bytes_received + other.bytes_received,
            self.bytes_sent + other.bytes_sent,
        )


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
        bits_per_second: over the measured interval: from the start to the arrival (or sending) of the final frame.
        counts: the final counts.
        send_lateness: how late frames were sent, nanoseconds after they were due; None for a receiver.
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
