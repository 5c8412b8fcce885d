"""What became of a stream, as values that outlive it."""

from __future__ import annotations

from attrs import frozen

from cts.metrics.histogram import Percentiles
from cts.protocol.roles import Role
from cts.records.snapshots import Address, Outcome, StreamSnapshot

__all__ = [
    "SUCCEEDED",
    "UNKNOWN_CONNECTION_ID",
    "StreamResult",
]

SUCCEEDED = "Succeeded"
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
