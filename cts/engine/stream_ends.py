"""The streams of a run, each counted once, by what became of either of its ends.

Where both sides are here a stream has an end on each: one is measured, and a failure of the other is the stream's as well.
Ends find each other by the client's address; where something between them changes addresses, by the connection id.
A port serves one stream after the other: a server's end belongs to the client's that had opened last.
"""

from __future__ import annotations

import gc
import pickle
from collections import Counter, deque

from attrs import define, field

from cts.api import Address, Outcome, Role, StreamResult
from cts.engine.put_off import PutOff
from cts.engine.settings import SessionSettings
from cts.metrics.quality_of_outcome import Profile
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds

__all__ = ["RESULTS_KEPT", "StreamLedger", "concluded"]

RESULTS_KEPT = 10_000
"""Results kept for the summary; a server that runs for months forgets the oldest, never their counts."""
_OTHERS_KEPT = 8
"""Ends of the side that is not measured that are kept of one stream: a server that fails begins again with every START."""


@define(eq=False)
class _Stream:
    number: int
    address: Address
    opened_ns: int
    has_client: bool = False
    has_server: bool = False
    has_measured: bool = False
    running: int = 0
    name: str | None = None
    measured: StreamResult | None = None
    others: list[StreamResult] = field(factory=list)
    counted: Outcome | None = None
    packed: bytes | None = None

    def pack(self) -> None:
        """Keep the result as bytes, once nothing more can come of it.

        A server that has run for long keeps ten thousand, a quarter of a million objects, through which the garbage
        collector would go every few seconds while frames wait.
        """
        if self.measured is not None:
            self.packed, self.measured = pickle.dumps(self.measured), None

    @property
    def ends(self) -> StreamEnds | None:
        """What is known of it; None while it has neither ended nor failed.

        Others that end at the same instant end in the order in which tasks happen to run.
        """
        others = sorted(self.others, key=_order)
        measured = self.measured
        if self.packed is not None:
            measured = pickle.loads(self.packed)
        if measured is not None:
            return StreamEnds(measured, tuple(others))
        # Nobody measures what came of one that began on the other side alone, unless it came to nothing.
        lone_client = self.has_client and not self.has_measured
        first = next((each for each in others if each.failed), None)
        if first is None and lone_client:
            first = next((each for each in others if each.outcome is not Outcome.SUCCESSFUL), None)
        return None if first is None else StreamEnds(first, tuple(each for each in others if each is not first))


def _order(result: StreamResult) -> tuple[int, int, Address, Address]:
    return result.ended_ns, result.started_ns, result.local, result.remote


@define(eq=False)
class StreamLedger:
    """Numbers streams, matches their ends and counts what became of them.

    Args:
        measured: where both sides are here, the role whose ends are measured; a stream has one of them at most. Of a run of
            one side, which may play both parts, all are.
        client: the role of a client's ends, where both sides are here.
        both: whether both sides are here.
        is_client: whether the only side is a client's.

    Attributes:
        outcomes: streams by outcome: those whose measured end has ended, and those that another end has failed.
        ended_ns: when the last end did, in the run's clock; None before.
        put_off: what ends leave to be done with the next look.
    """

    _measured: Role
    _client: Role
    _both: bool
    _is_client: bool = False
    outcomes: Counter[Outcome] = field(factory=Counter, init=False)
    ended_ns: int | None = field(default=None, init=False)
    put_off: PutOff = field(factory=PutOff, init=False)
    _numbers: int = field(default=0, init=False)
    _given_back: list[int] = field(factory=list, init=False)
    _running: dict[int, _Stream] = field(factory=dict, init=False)
    _last_at: dict[Address, _Stream] = field(factory=dict, init=False)
    _named: dict[str, _Stream] = field(factory=dict, init=False)
    _lone: dict[int, _Stream] = field(factory=dict, init=False)
    _kept: deque[_Stream] = field(factory=lambda: deque(maxlen=RESULTS_KEPT), init=False)

    @classmethod
    def of(cls, settings: SessionSettings) -> StreamLedger:
        """Return one for a run."""
        both = settings.server is not None and settings.client is not None
        return cls(settings.measured_role, settings.direction.client_role, both, settings.server is None)

    @property
    def streams(self) -> tuple[StreamEnds, ...]:
        """The streams that are counted and not forgotten, by the ends that are reported.

        Those that end at the same instant end in the order in which tasks happen to run, so their addresses decide.
        """
        # What is made of them here is no garbage: to look for some among it would take longer than to make it.
        collecting = gc.isenabled()
        gc.disable()
        try:
            known = [ends for stream in self._kept if stream.counted and (ends := stream.ends) is not None]
        finally:
            if collecting:
                gc.enable()
        return tuple(sorted(known, key=lambda ends: (ends.end.ended_ns, ends.end.local, ends.end.remote)))

    @property
    def lone(self) -> tuple[StreamResult, ...]:
        """Those of them that have no end on the measured side, by the end that they have."""
        return tuple(ends.end for ends in self.streams if not self.measures(ends.end.role)) if self._both else ()

    @property
    def omitted(self) -> int:
        """Streams that are counted and were forgotten."""
        return self.outcomes.total() - sum(stream.counted is not None for stream in self._kept)

    def measures(self, role: Role) -> bool:
        """Tell whether ends of that role are measured."""
        return not self._both or role is self._measured

    def _is_clients(self, role: Role) -> bool:
        return role is self._client if self._both else self._is_client

    def opened(self, local: Address, remote: Address, role: Role, opened_ns: int) -> int:
        """Take note of an end and return the number of its stream."""
        address = local if self._is_clients(role) else remote
        stream = self._partner(address, role, opened_ns) if self._both else None
        if stream is None:
            stream = _Stream(self._number(), address, opened_ns)
            if self._both and address.port:
                self._last_at[address] = stream
        self._begins(stream, role)
        return stream.number

    def opened_as(self, number: int, local: Address, remote: Address, role: Role, opened_ns: int) -> None:
        """Take note of an end of a run that is replayed, which knows the number of its stream."""
        stream = self._running.get(number) or self._lone.get(number)
        if stream is None:
            stream = _Stream(number, local if self._is_clients(role) else remote, opened_ns)
        self._begins(stream, role)

    def withdrawn(self, number: int, role: Role) -> None:
        """Forget an end that came to nothing and that nobody was told of."""
        stream = self._rests(number)
        stream.has_measured &= not self.measures(role)
        stream.has_client &= not self._is_clients(role)
        if not (stream.has_client or stream.has_server):
            self._given_back.append(number)
            self._forget(stream)

    def ended(self, number: int, result: StreamResult) -> None:
        """Take note of what became of an end."""
        stream = self._rests(number)
        self.ended_ns = max(self.ended_ns or result.ended_ns, result.ended_ns)
        if self.measures(result.role):
            stream.measured = result
        elif len(stream.others) < _OTHERS_KEPT:
            stream.others.append(result)
        if self._both and not (stream.has_client and stream.has_server):
            stream = self._matched_by_name(stream, result.connection_id)
        self._count(stream)
        if not self._both:
            self.put_off.add(stream.pack)
        elif not stream.running:
            self._at_rest(stream)

    def report(
        self,
        *,
        role: str,
        direction: Direction,
        plan: StreamPlan,
        profile: Profile,
        seed: int | None,
        began_ns: int,
        snapshot: RunSnapshot,
    ) -> RunReport:
        """Return what it and the last snapshot know of a run that is over; arguments as in a :class:`RunReport`."""
        ended_ns = began_ns + snapshot.elapsed_ns if self.ended_ns is None else self.ended_ns
        return RunReport(
            role=role,
            direction=direction,
            began_ns=began_ns,
            elapsed_ns=ended_ns - began_ns,
            snapshot=snapshot,
            streams=self.streams,
            streams_omitted=self.omitted,
            interrupted=snapshot.interrupted,
            seed=seed,
            plan=plan,
            profile=profile,
        )

    def _begins(self, stream: _Stream, role: Role) -> None:
        stream.has_client |= self._is_clients(role)
        stream.has_server |= not self._is_clients(role)
        stream.has_measured |= self.measures(role)
        stream.running += 1
        self._running[stream.number] = stream

    def _rests(self, number: int) -> _Stream:
        stream = self._running[number]
        stream.running -= 1
        if not stream.running:
            del self._running[number]
        return stream

    def _number(self) -> int:
        if self._given_back:
            return self._given_back.pop()
        self._numbers += 1
        return self._numbers

    def _partner(self, address: Address, role: Role, opened_ns: int) -> _Stream | None:
        stream = self._last_at.get(address)
        if stream is None or (role is self._measured and stream.has_measured):
            return None
        if role is self._client:
            # The server's was told of first, by another process.
            return stream if not stream.has_client and opened_ns <= stream.opened_ns else None
        return stream if stream.has_client else None

    def _matched_by_name(self, stream: _Stream, name: str) -> _Stream:
        """Lay a stream that has one side together with the one that has the other, if that is known by now."""
        if name == UNKNOWN_CONNECTION_ID:
            return stream
        found = self._named.pop(name, None)
        if found is None or found.has_client == stream.has_client:
            self._named[name] = stream
            stream.name = name
            return stream
        into, other = (stream, found) if stream.has_measured else (found, stream)
        into.others += other.others
        into.has_client = into.has_server = True
        self._uncount(other)
        self._forget(other)
        return into

    def _at_rest(self, stream: _Stream) -> None:
        """Forget the oldest of those that wait for an end which may never come."""
        if stream.has_client and stream.has_server:
            self._forget(stream)
            return
        self._lone.pop(stream.number, None)
        self._lone[stream.number] = stream
        if len(self._lone) > RESULTS_KEPT:
            self._forget(next(iter(self._lone.values())))

    def _forget(self, stream: _Stream) -> None:
        if self._lone.get(stream.number) is stream:
            del self._lone[stream.number]
        if self._last_at.get(stream.address) is stream:
            del self._last_at[stream.address]
        if stream.name is not None and self._named.get(stream.name) is stream:
            del self._named[stream.name]

    def _count(self, stream: _Stream) -> None:
        ends = stream.ends
        if ends is None:
            return
        if stream.counted is None:
            self._kept.append(stream)
        else:
            self.outcomes[stream.counted] -= 1
        stream.counted = ends.outcome
        self.outcomes[ends.outcome] += 1

    def _uncount(self, stream: _Stream) -> None:
        if stream.counted is not None:
            self.outcomes[stream.counted] -= 1
            stream.counted = None


def concluded(
    ledger: StreamLedger, settings: SessionSettings, observer: Observer, *, began_ns: int, snapshot: RunSnapshot
) -> RunReport:
    """Tell the observer how a run ended, and return what the ledger and its last snapshot know of it."""
    for result in ledger.lone:
        observer.lone_end(result)
    observer.status(snapshot)
    return ledger.report(
        role=settings.role,
        direction=settings.direction,
        plan=settings.plan,
        profile=settings.profile,
        seed=settings.seed,
        began_ns=began_ns,
        snapshot=snapshot,
    )
