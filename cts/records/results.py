"""What became of a run, as values that outlive it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from attrs import evolve, field, frozen

from cts.expectations.expectation import Expectation
from cts.metrics.counters import total_of
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures, Trust, trust_in
from cts.metrics.loss import DueBytes, LossByPlace, lost_by_place
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import Playout, PlayoutSum
from cts.metrics.quality_of_outcome import Profile
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.buffers import SocketBuffers
from cts.records.late import LateArrivals
from cts.records.outcome_profiles import default_profile
from cts.records.provenance import Provenance
from cts.records.snapshots import Address, Outcome, RunSnapshot
from cts.records.stream_results import StreamEnds, StreamResult

__all__ = [
    "RunReport",
    "RunResult",
]


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
        interrupted: whether somebody stopped it; of a replay also whether ``events_ended``.
        events_ended: of a replay, whether its events end before the run did, so that it is not known how that ended.
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
    events_ended: bool = False
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

    @cached_property
    def never_began(self) -> tuple[StreamEnds, ...]:
        """The streams that were asked for and never began, as far as they are listed.

        Neither end sent or received a byte of them, nor did both agree on them, nor did a server name one to a client that is
        here. Where data came of some stream once it had been given up none is among them: it may be the one.
        """
        return () if self.late.streams else tuple(stream for stream in self.streams if not stream.began(self.role))

    @cached_property
    def begun(self) -> RunReport:
        """The report without streams that never began: they count among no frames, bytes, outcomes and metrics."""
        absent = self.never_began
        if not absent:
            return self
        counts = self.snapshot.counts
        frames = total_of([stream.end.counts.frames for stream in absent])
        due = total_of([stream.end.counts.due for stream in absent])
        outcomes = Counter(self.snapshot.outcomes) - Counter(stream.outcome for stream in absent)
        without = set(map(id, absent))
        begun = evolve(
            self,
            streams=tuple(stream for stream in self.streams if id(stream) not in without),
            snapshot=evolve(
                self.snapshot,
                counts=evolve(counts, frames=counts.frames - frames, due=counts.due - due),
                outcomes=dict(outcomes),
            ),
        )
        # What the streams that are not listed any more add to these is not known apart.
        return begun if self.streams_omitted else _measured_by_its_streams(begun)

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
        if self.streams_omitted:
            asked += self._parts_counted
        if not asked:
            asked.append(server)
        return frozenset({"server": asked, "client": [client]}.get(self.role, [server, client]))

    @property
    def _parts_counted(self) -> list[Role]:
        """The parts that the totals have something of, which is all that is left of streams that are not told of any more."""
        counts = self.snapshot.counts
        has = {Role.SENDER: counts.bytes_sent, Role.RECEIVER: counts.bytes_received or counts.frames.rendered}
        return [role for role, amount in has.items() if amount]

    @property
    def run_ns(self) -> int:
        """How long the run went on, with what came behind the end of its last stream, nanoseconds."""
        return max(self.elapsed_ns, self.snapshot.elapsed_ns)

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

    @property
    def settings_disagree(self) -> bool:
        """Whether each stream that it received was of other settings than its own: then no figure of frames says anything."""
        return bool(self.received) and all(end.settings_disagree for end in self.received)

    def with_failures(self, more: Iterable[str]) -> RunReport:
        """Return it with more that went wrong, such as logs that are not whole."""
        return evolve(self, failures=(*self.failures, *more))

    @property
    def failed(self) -> bool:
        """Whether the run or one of its streams failed; to be cut short is not to fail.

        A client's stream has failed, too, where the other end says that it did not come to its end: that is what was asked.
        """
        outcomes = self.snapshot.outcomes
        failed = self.failures or outcomes.get(Outcome.NETWORK_ERROR) or outcomes.get(Outcome.PROTOCOL_ERROR)
        return bool(failed) or (self.role == "client" and any(end.failed_there for end in self.results))


def _measured_by_its_streams(report: RunReport) -> RunReport:
    playout = PlayoutSum()
    for end in report.received:
        playout.add(end.playout)
    known = [end.metrics for end in report.received if end.metrics is not None]
    return evolve(report, playout=playout.playout, metrics=MediaTotals.of(known) if known else None)


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
