"""What became of a stream, and of a run, as values that outlive them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, field, frozen

from cts.errors import printable
from cts.expectations.expectation import Expectation
from cts.metrics.histogram import Histogram, Percentiles
from cts.metrics.host import HostFigures, Trust, trust_in
from cts.metrics.loss import DueBytes, LossByPlace, lost_by_place
from cts.metrics.media import MediaTotals
from cts.metrics.playout import Playout
from cts.metrics.quality_of_outcome import Profile
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.buffers import SocketBuffers
from cts.records.late import LateArrivals
from cts.records.outcome_profiles import default_profile
from cts.records.peer_end import PeerEnd
from cts.records.provenance import Provenance
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamSnapshot
from cts.units import SECOND

__all__ = [
    "SUCCEEDED",
    "UNKNOWN_CONNECTION_ID",
    "RunReport",
    "RunResult",
    "StreamEnds",
    "StreamResult",
    "came_to_nothing",
    "failure_of",
    "result_of",
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

    @property
    def loss(self) -> LossByPlace | None:
        """Where its bytes were lost; None where no end is known that received them."""
        end = self.end
        if end.role is Role.RECEIVER:
            return lost_by_place(end.counts.due, self._sent)
        received = None if end.peer is None else end.peer.due_as(Role.RECEIVER)
        return None if received is None else lost_by_place(received, (end.counts.due,))

    @property
    def knows_both(self) -> bool:
        """Whether of its bytes both is known what was sent and what was received."""
        return bool(self._sent) if self.end.role is Role.RECEIVER else self.loss is not None

    @property
    def _sent(self) -> tuple[DueBytes, ...]:
        """What sending ends had to send, by those that are here, or by what the other end told."""
        if self.others:
            return tuple(other.counts.due for other in self.others)
        told = None if self.end.peer is None else self.end.peer.due_as(Role.SENDER)
        return () if told is None else (told,)


def came_to_nothing(result: StreamResult) -> bool:
    """Tell whether a stream was asked for and failed without a byte of it: a stranger's START, a peer that is gone."""
    counts = result.counts
    return result.failed and not (counts.bytes_received or counts.bytes_sent)


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
        streams: the streams that ended, in the order of ending; there may be fewer than there were.
        streams_omitted: streams that ended and are not in ``streams``.
        interrupted: whether somebody stopped it.
        send_lateness: how late frames were sent, nanoseconds after they were due; empty where nothing was sent.
        failures: what went wrong with the run itself, such as a worker that died or a log that could not be written.
        answered: for each server of several addresses the one that answered first.
        buffers: what each socket had; None where there were no real ones.
        seed: what its senders, and in a simulation its network, left to chance follows from it.
        late: what came of streams that had been given up.
        notes: what a person should hear of the run, in words.
        plan: the arithmetic of streams that have none of their own.
        playout: verdicts of all its streams at other depths of their buffers; None where none are known.
        metrics: media metrics of all its streams together; None where none are known.
        hosts: how this host served each of its processes; empty in virtual time, which no host holds up; None where nobody
            looked.
        profile: what its streams are scored by.
        provenance: what the run was, and what ran it; None where that is not known.
        expectations: what was expected of it.
    """

    role: str
    direction: Direction
    began_ns: int
    elapsed_ns: int
    snapshot: RunSnapshot
    streams: tuple[StreamEnds, ...]
    streams_omitted: int = 0
    interrupted: bool = False
    failures: tuple[str, ...] = ()
    answered: tuple[Address, ...] = ()
    seed: int | None = None
    send_lateness: Histogram = field(factory=Histogram)
    buffers: SocketBuffers | None = None
    late: LateArrivals = field(factory=LateArrivals)
    notes: tuple[str, ...] = ()
    plan: StreamPlan | None = None
    hosts: tuple[HostFigures, ...] | None = None
    playout: Playout | None = None
    metrics: MediaTotals | None = None
    profile: Profile = field(factory=default_profile)
    provenance: Provenance | None = None
    expectations: tuple[Expectation, ...] = ()

    @property
    def trust(self) -> Trust | None:
        """Whether this host was good enough for these numbers; None where that is not known."""
        plans = self._plans
        if not plans or self.hosts is None:
            return None
        # The least that any of its streams bears.
        interval_ns, buffer_ns = (
            min(each) for each in zip(*((p.interval_ns, p.render_offset_ns(1)) for p in plans), strict=True)
        )
        return trust_in(self.hosts, interval_ns=interval_ns, buffer_ns=buffer_ns)

    @property
    def common_plan(self) -> StreamPlan | None:
        """The arithmetic of all its streams; None where they have several, or it is not known."""
        plans = self._plans
        return next(iter(plans)) if len(plans) == 1 else None

    @property
    def _plans(self) -> frozenset[StreamPlan]:
        """Those of the streams that are known; the run's where there are none."""
        return frozenset(
            plan
            for plan in {stream.end.plan or self.plan for stream in self.streams} or {self.plan}
            if plan is not None
        )

    @property
    def results(self) -> tuple[StreamResult, ...]:
        """The first end of each stream: the measured one, where there is one."""
        return tuple(stream.end for stream in self.streams)

    @property
    def loss(self) -> LossByPlace:
        """Where the bytes of its streams were lost; where none of its sides receives, only what was not sent is known."""
        due = self.snapshot.counts.due
        if Role.RECEIVER not in self.roles:
            return LossByPlace(due=due.due, not_sent=due.missing)
        received = [stream for stream in self.streams if stream.end.role is Role.RECEIVER]
        known = sum((stream.loss for stream in received if stream.loss is not None), LossByPlace())
        if self.role == "server" and Role.SENDER in self.roles:
            # The totals are of both parts that it played.
            return known
        counted = sum((stream.end.counts.due for stream in received), DueBytes())
        # Of streams that are not told of any more, the totals are left.
        return known + lost_by_place(due - counted)

    @property
    def roles(self) -> frozenset[Role]:
        """The parts that the run's sides play: of a server what its clients asked for, as configured where nobody did."""
        server, client = self.direction.server_role, self.direction.client_role
        asked = [stream.end.role for stream in self.streams] if self.role == "server" else []
        if not asked or self.streams_omitted:
            asked.append(server)
        return frozenset({"server": asked, "client": [client]}.get(self.role, [server, client]))

    @property
    def judged(self) -> Direction:
        """Which way the frames went that are judged here: what a server receives its clients push."""
        return Direction.PUSH if self.role == "server" and Role.RECEIVER in self.roles else self.direction

    @property
    def served_both(self) -> bool:
        """Whether it is of a server that sent streams and received others."""
        return self.role == "server" and len(self.roles) > 1

    @property
    def received(self) -> tuple[StreamResult, ...]:
        """The receiving ends of its streams."""
        return tuple(end for end in self.results if end.role is Role.RECEIVER)

    def with_failures(self, more: Iterable[str]) -> RunReport:
        """Return it with more that went wrong, such as logs that are not whole."""
        return evolve(self, failures=(*self.failures, *more))

    @property
    def failed(self) -> bool:
        """Whether the run or one of its streams failed; to be cut short is not to fail."""
        outcomes = self.snapshot.outcomes
        return bool(self.failures or outcomes.get(Outcome.NETWORK_ERROR) or outcomes.get(Outcome.PROTOCOL_ERROR))


@frozen
class RunResult:
    """What a run came to.

    Attributes:
        report: what was measured.
        signal: the signal that stopped it, None if it ended by itself.
    """

    report: RunReport
    signal: int | None

    def with_failures(self, more: Iterable[str]) -> RunResult:
        """Return it with more that went wrong."""
        return evolve(self, report=self.report.with_failures(more))

    @property
    def exit_status(self) -> int:
        """0: every stream succeeded; 1: the run or some of them failed; 128 + signal: stopped (130 for Ctrl-C)."""
        if self.signal is not None:
            return 128 + self.signal
        return 1 if self.report.failed else 0
