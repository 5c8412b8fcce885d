"""What became of a stream, and of a run, as values that outlive them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from cts.metrics.histogram import Histogram, Percentiles
from cts.protocol.roles import Direction, Role
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamSnapshot
from cts.units import SECOND

__all__ = ["SUCCEEDED", "UNKNOWN_CONNECTION_ID", "RunReport", "StreamResult", "end_of", "failure_of", "result_of"]

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
        bits_per_second: over the measured interval: from the start to the arrival (or sending) of the final frame, to the end
            where that never came.
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


def failure_of(error: BaseException) -> tuple[Outcome, str]:
    """Return whose fault an error was and its text for the logs, which quote nothing: commas become spaces."""
    if isinstance(error, OSError):
        return Outcome.NETWORK_ERROR, f"{error.errno}: {error.strerror or error}".replace(",", " ")
    return Outcome.PROTOCOL_ERROR, "ErrorPlugin: " + " ".join(str(error).replace(",", " ").split())


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
    """
    started_ns, ended_ns = life_ns
    interval_ns = ended_ns - started_ns if measured_ns is None else measured_ns
    bits = 8 * (counts.bytes_received + counts.bytes_sent)
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
    )


def end_of(results: Iterable[StreamResult], otherwise_ns: int) -> int:
    """Return when the last of these streams ended, or where there is none ``otherwise_ns``."""
    return max((result.ended_ns for result in results), default=otherwise_ns)


@frozen(kw_only=True)
class RunReport:
    """What is known when a run is over.

    Attributes:
        role: ``loopback``, ``server`` or ``client``.
        direction: which way frames went.
        began_ns: the run's beginning, in the run's clock, which the results' times are in.
        elapsed_ns: from its beginning to the end of its last stream on either side, nanoseconds; to its own end
            where it had none.
        snapshot: the final counts.
        results: the streams that ended, in the order of ending; there may be fewer than there were streams.
        streams_omitted: streams that ended and are not in ``results``.
        interrupted: whether somebody stopped it.
        send_lateness: how late frames were sent, nanoseconds after they were due; empty where nothing was sent.
        failures: what went wrong with the run itself, such as a worker that died.
        answered: for each server of several addresses the one that answered first.
    """

    role: str
    direction: Direction
    began_ns: int
    elapsed_ns: int
    snapshot: RunSnapshot
    results: tuple[StreamResult, ...]
    streams_omitted: int = 0
    interrupted: bool = False
    failures: tuple[str, ...] = ()
    answered: tuple[Address, ...] = ()
    send_lateness: Histogram = field(factory=Histogram)

    @property
    def failed(self) -> bool:
        """Whether the run or one of its streams failed; to be cut short is not to fail."""
        outcomes = self.snapshot.outcomes
        return bool(self.failures or outcomes.get(Outcome.NETWORK_ERROR) or outcomes.get(Outcome.PROTOCOL_ERROR))
