"""All streams of one side of a run: made, numbered, run, counted, told of. One's failure is its result and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import attrs

from cts.api import (
    Address,
    Histogram,
    IDatagramEndpoint,
    Outcome,
    RenderedFrame,
    Role,
    StreamPlan,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.connected_socket import ConnectedSocket
from cts.engine.latecomers import Latecomers
from cts.engine.measuring import Measuring
from cts.engine.open_streams import OpenStream, OpenStreams
from cts.engine.stream_ends import StreamLedger
from cts.engine.stream_parts import StreamParts
from cts.errors import PluginFailure, explained
from cts.metrics.counters import total_of
from cts.metrics.frame_record import MissedRecord
from cts.protocol.control.greeting import Opening
from cts.records.observer import Observer
from cts.records.snapshots import StreamInfo
from cts.records.stream_results import failure_of, result_of

__all__ = ["Streams"]

GAVE_WAY = "Cancelled: its peer asked for another stream"
"""The result of a stream that was being sent to a client that is gone, from the port of the next one."""

_CANCELLED = Outcome.CANCELLED, "Cancelled"


class Streams:
    """The streams of one side.

    Args:
        parts: what they are made of.
        role: which part this side plays in each.
        ledger: numbers them and takes what became of them.
        began_ns: when the run began.
        observer: told of every stream.
        gone_after_ns: as in a :class:`StreamRequest`.
        measured: whether the observer is told of them as of what is measured, or as of the other ends of that.

    Attributes:
        running: those that run now.
        send_lateness: of the frames that those sent which had ended when they were looked at last.
    """

    def __init__(
        self,
        parts: StreamParts,
        role: Role,
        ledger: StreamLedger,
        *,
        began_ns: int,
        observer: Observer,
        gone_after_ns: int | None = None,
        measured: bool = True,
    ) -> None:
        self._parts = parts
        self.role = role
        self.pacer = parts.pacer
        self._began_ns = began_ns
        self._ledger = ledger
        self._observer = observer
        self._gone_after_ns = gone_after_ns
        self._measured = measured
        self.running = OpenStreams()
        self._untold: set[int] = set()
        # What was remarked last of each that runs: a stream that is cut short does not come to say it in its result.
        self._remarks: dict[StreamInfo, str] = {}
        self._ended_counts = StreamSnapshot()
        self.send_lateness = Histogram()
        self.measuring = Measuring(parts.measured_at_once, counts_delays=observer.wants_delays)
        self.latecomers = Latecomers(parts.plan, observer.remarked)

    @property
    def bits_per_second(self) -> int:
        """The rate of each."""
        return self._parts.plan.bits_per_second

    @property
    def open_now(self) -> int:
        """Streams that run now."""
        return len(self.running)

    def open(
        self,
        endpoint: IDatagramEndpoint,
        peer: Address,
        *,
        active: bool,
        connection_id: str | None,
        told: bool = True,
        plan: StreamPlan | None = None,
        opening: Opening | None = None,
    ) -> OpenStream | None:
        """Make the next stream and tell the observer; None, with the failure recorded, where a plugin could not make its part.

        Args:
            endpoint: where its datagrams go out, and come in if it is active.
            peer: the other end.
            active: whether it reads its own endpoint.
            connection_id: the name to give it, None to ask for one.
            told: whether the observer is told of it now; otherwise with :meth:`tell`. Nothing is recorded of what has not been
                told of, and has heard nothing, when it ends.
            plan: its arithmetic, if that need not be what all have.
            opening: how a server has accepted it; None for START.
        """
        parts = self._parts
        hears = self._observer.frame_rendered if told else self._frame_rendered
        hears_missed = self._observer.data_missed if told else self._data_missed
        tells_frames = self._measured and self._observer.wants_frames and self.role is Role.RECEIVER
        plan = plan or parts.plan
        info = self._number(endpoint.local, peer, plan)
        self._untold.add(info.number)
        measures = self.measuring.begin(plan) if self._measured and self.role is Role.RECEIVER else None
        hears_late = partial(hears_missed, info) if tells_frames else None
        if told:
            self._tell(info)
        try:
            if active and parts.greetings is not None:
                opening = parts.greetings.begin(info.number, peer, plan)
            sender = parts.make_sender(plan)
            sender.use_random(parts.random_of(info.number))
            request = StreamRequest(
                role=self.role,
                active=active,
                plan=plan,
                endpoint=endpoint,
                peer=peer,
                sender=sender,
                pacer=parts.pacer,
                connection_id=connection_id,
                verify=parts.verify,
                verdict=parts.verdict,
                on_frame=partial(hears, info) if tells_frames else None,
                on_missed=hears_late if measures is None else measures.missed_beside(hears_late),
                on_record=None if measures is None else measures.frame,
                gone_after_ns=self._gone_after_ns,
                on_remark=partial(self._remarked, info),
                shares_settings=parts.shares_settings,
                on_failure=partial(self._tell_failure, info),
                opening=opening,
                pace=parts.pace_of(self.role, info.number, self.open_now),
            )
            socket = parts.factory.make(request, partial(ConnectedSocket, dispatcher=parts.dispatcher))
        except (OSError, PluginFailure) as error:
            self.measuring.give_up(measures)
            self._tell(info)
            self._fail(info, error)
            return None
        # Whoever is told of it now finds it among those that run, though its task may not have had its turn yet.
        opened = OpenStream(info, socket, measures, opening)
        self.running.add(opened)
        return opened

    def fail(self, local: Address, peer: Address, error: OSError) -> None:
        """Record a stream that could not even have an endpoint."""
        info = self._number(local, peer, self._parts.plan)
        self._untold.add(info.number)
        self._tell(info)
        self._fail(info, error)

    def tell(self, stream: OpenStream) -> None:
        """Tell the observer of a stream, unless it has been told."""
        self._tell(stream.info)

    async def run(self, stream: OpenStream) -> StreamResult | None:
        """Run a stream to its end, and record its result even if it is cancelled on the way; None if it was never told of."""
        info, socket = stream.info, stream.socket
        self.running.add(stream)
        result: StreamResult | None = None
        try:
            with stream.running:
                result = await socket.run()
        except (OSError, PluginFailure) as error:
            self._tell_failure(info, error)
            result = self._ended_now(stream, failure_of(error))
        finally:
            self.running.remove(stream)
            if result is None:
                result = self._ended_now(stream, (Outcome.CANCELLED, GAVE_WAY) if stream.gave_way else _CANCELLED)
            self._remarks.pop(info, None)
            lateness = socket.send_lateness
            if lateness is not None:
                self._ledger.put_off.add(partial(self.send_lateness.add, lateness))
            percentiles = result.send_lateness if lateness is None else lateness.percentiles()
            result = attrs.evolve(result, send_lateness=percentiles, peer=socket.peer_end)
            result = self.measuring.conclude(stream.measures, result)
            if info.number in self._untold and not any(attrs.astuple(result.counts.arrivals)):
                self._untold.remove(info.number)
                self._ledger.withdrawn(info.number, self.role)
                result = None
            else:
                self._tell(info)
                self._record(info, result)
        return result

    def look(self) -> Iterator[None]:
        """Look at every stream, a few at a time: see :meth:`OpenStreams.look`."""
        return self.running.look(self.role, self.pacer)

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return the totals of all streams: those that run as in :meth:`OpenStreams.counts`, and those that have ended."""
        return total_of([self._ended_counts, *self.running.counts(now_ns)])

    def note(self, text: str) -> None:
        """Have a person hear something that is of no single stream."""
        self._observer.noted(text)

    def abandon(self) -> None:
        """Record the streams that still run as cancelled: nobody waits for them any more."""
        for stream in self.running.all():
            try:
                result = attrs.evolve(self._ended_now(stream, _CANCELLED), peer=stream.socket.peer_end)
            except Exception:  # it was interrupted in the middle of something
                result = self._result(stream.info, _CANCELLED, StreamSnapshot(), None, None)
            self.running.remove(stream)
            self._tell(stream.info)
            self._record(stream.info, self.measuring.conclude(stream.measures, result))

    def _number(self, local: Address, remote: Address, plan: StreamPlan) -> StreamInfo:
        opened_ns = self.pacer.now_ns() - self._began_ns
        number = self._ledger.opened(local, remote, self.role, opened_ns)
        own_plan = None if plan == self._parts.plan else plan
        return StreamInfo(number, local, remote, self.role, opened_ns, own_plan)

    def _tell(self, info: StreamInfo) -> None:
        if info.number in self._untold:
            self._untold.remove(info.number)
            (self._observer.stream_opened if self._measured else self._observer.other_end_opened)(info)

    def _frame_rendered(self, info: StreamInfo, frame: RenderedFrame) -> None:
        self._tell(info)
        self._observer.frame_rendered(info, frame)

    def _data_missed(self, info: StreamInfo, record: MissedRecord) -> None:
        self._tell(info)
        self._observer.data_missed(info, record)

    def _remarked(self, info: StreamInfo, text: str) -> None:
        if text:
            self._remarks[info] = text
            self._observer.remarked(info, text)
        else:
            self._remarks.pop(info, None)

    def _tell_failure(self, info: StreamInfo, error: BaseException) -> None:
        if self._parts.on_failure is not None:
            self._parts.on_failure(info, error)
        if (text := explained(error)) is not None:
            self._remarked(info, text)

    def _fail(self, info: StreamInfo, error: Exception) -> None:
        self._tell_failure(info, error)
        self._record(info, self._result(info, failure_of(error), StreamSnapshot(), None, None))

    def _ended_now(self, stream: OpenStream, outcome: tuple[Outcome, str]) -> StreamResult:
        """Return what became of a stream whose run did not tell; one that had ended when it was cut off has not been."""
        socket = stream.socket
        counts = socket.observe(self.pacer.now_ns())
        if outcome[0] is Outcome.CANCELLED and (ended := socket.ended) is not None:
            return ended
        return self._result(stream.info, outcome, counts, socket.connection_id, socket.measured_ns)

    def _result(
        self,
        info: StreamInfo,
        outcome: tuple[Outcome, str],
        counts: StreamSnapshot,
        connection_id: str | None,
        measured_ns: int | None,
    ) -> StreamResult:
        return result_of(
            info.local,
            info.remote,
            info.role,
            connection_id=connection_id,
            outcome=outcome,
            life_ns=(self._began_ns + info.opened_ns, self.pacer.now_ns()),
            measured_ns=measured_ns,
            counts=counts,
            remark=self._remarks.get(info),
        )

    def _record(self, info: StreamInfo, result: StreamResult) -> None:
        self._remarks.pop(info, None)
        if result.plan is not info.plan:
            result = attrs.evolve(result, plan=info.plan)
        self._ended_counts += result.counts
        self.measuring.add(result)
        self._ledger.ended(info.number, result)
        (self._observer.stream_ended if self._measured else self._observer.other_end_ended)(info, result)
