"""One run, on whatever network and clock it is given: a server, a client or both, and those who watch.

::

    run                            one nursery
    ├─ status, time limit          they end with the run
    ├─ frame dispatcher            hands over the frames of many streams together
    └─ listening                   one nursery; one deadline, for what a stop or a time limit ends
        ├─ listening on to PEER    a task: whether anything comes of a client's stream that was given up
        └─ sides                   one nursery
            ├─ server.serve        its streams in a nursery of their own
            │   └─ stream PEER     a task
            │       └─ connected socket's nursery
            └─ client broker       its streams in a nursery of their own
                └─ stream PEER     a task
                    └─ connected socket's nursery

The connected socket's nursery is drawn in ``connected_socket``; pacer and network run in the nursery of whoever runs the
session (``cts.net.surroundings``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from secrets import token_bytes

import trio
from attrs import define, evolve, field

from cts.api import (
    Address,
    Histogram,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Outcome,
    Role,
    StreamPlan,
    Turn,
)
from cts.engine.broker import ClientBroker, Target
from cts.engine.contracts import INetwork, ISession
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.latecomers import Listening
from cts.engine.live_look import LiveLook, status_parts
from cts.engine.put_off import for_a_while
from cts.engine.settings import SessionSettings
from cts.engine.shared_keys import NO_KEYS, SharedKeys
from cts.engine.sides import NO_SIDES, Sides, SidesMaker
from cts.engine.stream_ends import StreamLedger, concluded
from cts.engine.stream_parts import OnFailure, StreamParts
from cts.errors import UserError, system_error
from cts.metrics.recent_delays import DelayTotals
from cts.metrics.unsent import NO_UNSENT
from cts.records.late import LateArrivals
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamSnapshot
from cts.units import SECOND

__all__ = ["Session"]


@define(eq=False, kw_only=True)
class Session(ISession):
    """Runs a server, a client or both.

    Args:
        settings: what to run.
        network: where endpoints come from.
        pacer: the run's clock.
        listen: addresses that the server binds.
        targets: servers that the client's streams go to, in turn; empty for what this one has bound.
        make_sender: makes a sender of the chosen strategy.
        factory: the chosen connected-socket factory.
        new_connection_id: returns the UUID text for a stream with that peer.
        observer: told of everything; those who need to know first where it listens set it between ``bind`` and ``run``.
        began_ns: when the run began, where that was before this session; None for when it runs.
        on_failure: told of each stream, of either side, that an exception ended, and of that.
        is_virtual: whether the clock is, so that no host can hold it up.
        chance: returns 32 bytes for a purpose, which nobody can foresee but who runs a simulation.
        keys: what its sides share with their peers.
        look: what somebody who draws the present is shown beside the counts.
    """

    _settings: SessionSettings = field(kw_only=False)
    _network: INetwork
    _pacer: IPacer
    _listen: Sequence[Address]
    _targets: Sequence[Target]
    _make_sender: Callable[[StreamPlan], ISender]
    _factory: IConnectedSocketFactory
    _new_connection_id: Callable[[Address], str]
    observer: Observer = field(factory=Observer)
    _given_began_ns: int | None = field(default=None, alias="began_ns")
    _on_failure: OnFailure | None = None
    _is_virtual: bool = False
    _chance: Callable[[str], bytes] = field(default=lambda _purpose: token_bytes(32))
    _keys: SharedKeys = NO_KEYS
    look: LiveLook = field(factory=LiveLook)
    _began_ns: int = field(default=0, init=False)
    _endpoints: list[IDatagramEndpoint] = field(factory=list, init=False)
    _running: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _ledger: StreamLedger = field(init=False)
    _listening: Listening | None = field(default=None, init=False)
    _streams_over: bool = field(default=False, init=False)
    _sides: Sides = field(default=NO_SIDES, init=False)
    _interrupted: bool = field(default=False, init=False)
    _cancelled_before_limit: int | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._ledger = StreamLedger.of(self._settings)

    async def bind(self) -> list[Address]:
        """Bind the addresses to listen on."""
        listen = self._listen if self._settings.server is not None and not self._endpoints else ()
        try:
            for address in listen:
                self._endpoints.append(await self._network.listen(address))
        except OSError as error:
            self.close()
            raise UserError(f"server.listen: cannot listen on {address}: {system_error(error)}") from error
        return [endpoint.local for endpoint in self._endpoints]

    def close(self) -> None:
        """Close what was bound."""
        for endpoint in self._endpoints:
            endpoint.close()
        self._endpoints.clear()

    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> RunReport:
        """Run to the end. Calls ``started()`` with the bound addresses, which :meth:`bind` may refuse."""
        try:
            await self.bind()
            given_ns = self._given_began_ns
            self._began_ns = self._pacer.now_ns() if given_ns is None else given_ns
            self.observer.run_began(self._began_ns)
            dispatcher = FrameDispatcher(self._pacer)
            async with trio.open_nursery() as services:
                with self._running:
                    async with trio.open_nursery() as nursery:
                        listening = self._listening = Listening(nursery, self._pacer)
                        self._sides = self._make_sides(dispatcher, listening)
                        if self._interrupted:
                            self.stop()
                        services.start_soon(self._report_status)
                        services.start_soon(dispatcher.run)
                        if self._settings.time_limit_ns is not None:
                            services.start_soon(self._limit_time, self._settings.time_limit_ns)
                        async with trio.open_nursery() as sides:
                            if self._sides.server is not None:
                                await sides.start(self._sides.server.serve, self._endpoints)
                            task_status.started([endpoint.local for endpoint in self._endpoints])
                            if self._sides.client is not None:
                                sides.start_soon(self._run_client, self._sides.client)
                        self._streams_over = True
                        if self._settings.is_closed:
                            # No peer is left whose datagrams might still come.
                            listening.stop()
                services.cancel_scope.cancel()
            return self._conclude()
        finally:
            self._sides.close()
            self.observer.closing()
            self.close()

    def stop(self) -> None:
        """End within the grace period."""
        self._interrupted = True
        self._sides.open_no_more()
        if self._listening is not None:
            self._listening.stop()
        self._running.deadline = trio.current_time() + self._settings.grace_ns / SECOND

    def stop_now(self) -> None:
        """Cancel the streams that run."""
        self._interrupted = True
        self._sides.open_no_more()
        self._running.cancel()

    def abandon(self) -> RunReport:
        """Return what is known of a run that does not end."""
        self._interrupted = True
        for streams in self._sides.streams.values():
            streams.abandon()
        report = self._conclude()
        self.observer.closing()
        return report

    def stop_accepting(self) -> None:
        """Serve no more streams; end when those that run have ended."""
        self._sides.stop_accepting()

    def _make_sides(self, dispatcher: FrameDispatcher, listening: Listening) -> Sides:
        settings = self._settings
        parts = StreamParts(
            plan=settings.plan,
            verify=settings.verify,
            verdict=settings.verdict,
            measured_at_once=settings.measured_at_once,
            pacer=self._pacer,
            make_sender=self._make_sender,
            factory=self._factory,
            dispatcher=dispatcher,
            shares_settings=settings.is_closed,
            random_of=settings.random_of,
            pace_of=settings.pace_of,
            on_failure=self._on_failure,
        )
        maker = SidesMaker(
            settings=settings,
            parts=parts,
            ledger=self._ledger,
            observer=self.observer,
            began_ns=self._began_ns,
            chance=self._chance,
            keys=self._keys,
        )
        return maker.make(
            self._network,
            self._endpoints,
            self._targets,
            dispatcher=dispatcher,
            listening=listening,
            new_connection_id=self._new_connection_id,
        )

    async def _run_client(self, client: ClientBroker) -> None:
        await client.run()
        # Alone with its own client, a server has nobody else to wait for.
        self.stop_accepting()

    async def _report_status(self) -> None:
        interval_ns = self._settings.status_interval_ns
        parts = status_parts(interval_ns, self.observer)
        for part in count():
            due_ns = self._began_ns + interval_ns * part // parts
            await self._pacer.wait_past(due_ns, Turn.STATUS)
            await self._pacer.run_in_gaps(self._look())
            (self.observer.redraw if part % parts else self.observer.status)(self.snapshot())

    def _look(self) -> Iterator[None]:
        """Look at all streams, step by step; what a snapshot needs is then at hand, and what it would cause has happened."""
        yield from for_a_while(chain(self._ledger.put_off.steps(), self.observer.catch_up()), self._pacer.now_ns)
        for streams in self._sides.streams.values():
            yield from streams.look()
        if self.observer.redraws:
            overflowed = self._network.statistics().overflowed
            now_ns = self._pacer.now_ns()
            yield from self.look.take(self._sides.measured, self._sides.streams.values(), overflowed, now_ns)
        yield

    async def _limit_time(self, limit_ns: int) -> None:
        # A stream that ends at this very instant has ended by itself.
        await self._pacer.wait_past(self._began_ns + limit_ns, Turn.STOP)
        if not self._streams_over:
            self._cancelled_before_limit = self._ledger.outcomes[Outcome.CANCELLED]
        self._sides.open_no_more()
        self._running.cancel()

    @property
    def open_streams(self) -> int:
        """Streams of either side that run now."""
        return sum(streams.open_now for streams in self._sides.streams.values())

    def snapshot(self) -> RunSnapshot:
        """Return the whole run as it is now."""
        now_ns = self._pacer.now_ns()
        measured = self._sides.measured
        counts = {streams: streams.counts(now_ns) for streams in self._sides.streams.values()}
        outcomes = +self._ledger.outcomes
        before = self._cancelled_before_limit
        statistics = self._network.statistics()
        return RunSnapshot(
            elapsed_ns=now_ns - self._began_ns,
            open_streams=sum(streams.open_now for streams in measured),
            counts=evolve(
                sum((counts[streams] for streams in measured), StreamSnapshot()),
                bytes_sent=sum(each.bytes_sent for each in counts.values()),
            ),
            outcomes=outcomes,
            refused={} if self._sides.server is None else self._sides.server.refused,
            overflowed=statistics.overflowed,
            unreachable=statistics.unreachable,
            unsent=sum((each.unsent for each in counts.values()), NO_UNSENT),
            cut_off_by_time_limit=None if before is None else outcomes[Outcome.CANCELLED] - before,
            interrupted=self._interrupted,
            delays=sum((streams.measuring.delays() for streams in measured), DelayTotals()),
            live=self.look.figures if self.observer.redraws else None,
        )

    def _conclude(self) -> RunReport:
        sides = self._sides
        self.look.look_at_host_again()
        for _ in chain(self._look(), self._ledger.put_off.steps()):
            pass  # no frame has to leave any more
        receiving = sides.streams.get(Role.RECEIVER)
        report = concluded(
            self._ledger, self._settings, self.observer, began_ns=self._began_ns, snapshot=self.snapshot()
        )
        return evolve(
            report,
            send_lateness=Histogram.of(streams.send_lateness for streams in sides.streams.values()),
            late=sum((streams.latecomers.late for streams in sides.streams.values()), LateArrivals()),
            answered=() if sides.client is None else tuple(sides.client.answered.values()),
            notes=sides.notes,
            hosts=() if self._is_virtual else None,
            playout=None if receiving is None else receiving.measuring.playout,
            metrics=None if receiving is None else receiving.measuring.metrics,
        )
