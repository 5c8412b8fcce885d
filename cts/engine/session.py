"""One run, on whatever network and clock it is given: a server, a client or both, and those who watch.

::

    run                     one nursery
    ├─ status, time limit   services; they end with the run
    └─ sides                one nursery, one deadline: what a stop or a time limit ends
        ├─ server           its streams in a nursery of their own
        └─ client           its streams in a nursery of their own
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import count

import trio

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
    StreamResult,
    Verify,
)
from cts.config import Config
from cts.engine.broker import Broker
from cts.engine.client import Client
from cts.engine.connection_manager import ConnectionManager
from cts.engine.contracts import INetwork
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.server import Server
from cts.engine.stream_maker import StreamMaker
from cts.engine.streams import Streams
from cts.errors import UserError
from cts.records.observer import Observer
from cts.records.report import RunReport
from cts.records.snapshots import RunSnapshot

__all__ = ["Session", "in_order", "measured_role", "plan_of", "reachable", "unanswered"]

_AWAITING_LIMIT = 4096
"""Awaiting endpoints at most: as many again as a server's streams by default, at about 300 bytes each."""

_NANOSECONDS = 1_000_000_000


def plan_of(config: Config) -> StreamPlan:
    """Return the stream arithmetic of a configuration, which has been checked to make a stream."""
    stream = config.stream
    return StreamPlan(
        stream.bits_per_second,
        stream.frame_rate,
        stream.stream_length,
        stream.buffer_depth,
        stream.datagram_max_size,
    )


def measured_role(config: Config) -> Role:
    """Return the role whose streams a run reports: the receiving side's where it has both."""
    receives = config.stream.direction == "pull"
    if config.run.role == "loopback":
        return Role.RECEIVER
    return Role.RECEIVER if receives == (config.run.role == "client") else Role.SENDER


def reachable(bound: Address) -> Address:
    """Return where a client of this host reaches a bound address: an unspecified one on loopback."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound.host, bound.host), bound.port)


def unanswered(measured: Iterable[StreamResult], clients: Iterable[StreamResult]) -> list[StreamResult]:
    """Return the failed client sides of streams that never came to be on the measured server side."""
    answered = {result.remote for result in measured}
    failed = (result for result in clients if result.outcome is not Outcome.SUCCESSFUL)
    return [result for result in failed if result.local not in answered]


def in_order(results: Iterable[StreamResult]) -> tuple[StreamResult, ...]:
    """Sort by end; streams that end at the same instant end in the order in which tasks happen to run."""
    return tuple(sorted(results, key=lambda result: (result.ended_ns, result.local, result.remote)))


class Session:
    """Runs what a configuration describes.

    Args:
        config: the configuration.
        plan: its stream arithmetic.
        network: where endpoints come from.
        pacer: the run's clock.
        listen: addresses that the server binds.
        targets: addresses that the client's streams go to, in turn; None for those that the server bound.
        make_sender: makes a sender of the chosen strategy.
        factory: the chosen connected-socket factory.
        new_connection_id: returns the UUID text for a stream with that peer.
        observer: told of everything; those who need to know first where it listens set it between ``bind`` and ``run``.
        began_ns: when the run began, where that was before this session; None for when it runs.

    Attributes:
        redrawing: those of the observers who draw the present over the past: told a status every second at the least.
    """

    def __init__(
        self,
        config: Config,
        *,
        plan: StreamPlan,
        network: INetwork,
        pacer: IPacer,
        listen: Sequence[Address],
        targets: Sequence[Address],
        make_sender: Callable[[StreamPlan], ISender],
        factory: IConnectedSocketFactory,
        new_connection_id: Callable[[Address], str],
        observer: Observer | None = None,
        began_ns: int | None = None,
    ) -> None:
        self._config = config
        self._plan = plan
        self._network = network
        self._pacer = pacer
        self._listen = listen
        self._targets = targets
        self._new_connection_id = new_connection_id
        self.observer = observer or Observer()
        self.redrawing: Sequence[Observer] = ()
        self._dispatcher = FrameDispatcher(pacer)
        self._maker = StreamMaker(
            plan, Verify(config.stream.verify), pacer, make_sender, factory, dispatcher=self._dispatcher
        )
        self._given_began_ns = began_ns
        self._began_ns = 0
        self._endpoints: list[IDatagramEndpoint] = []
        self._sides = trio.CancelScope()
        self._server: Server | None = None
        self._server_streams: Streams | None = None
        self._client: Client | None = None
        self._client_streams: Streams | None = None
        self._interrupted = False
        self._cancelled_before_limit: int | None = None

    async def bind(self) -> list[Address]:
        """Bind the addresses to listen on, unless that is done, and return them.

        Raises:
            UserError: one cannot be had; those bound before it are closed again.
        """
        listen = self._listen if self._config.run.role != "client" and not self._endpoints else ()
        try:
            for address in listen:
                self._endpoints.append(await self._network.listen(address))
        except OSError as error:
            self.close()
            raise UserError(f"server.listen: cannot listen on {address}: {error.strerror}") from error
        return [endpoint.local for endpoint in self._endpoints]

    def close(self) -> None:
        """Close what was bound."""
        for endpoint in self._endpoints:
            endpoint.close()
        self._endpoints.clear()

    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> RunReport:
        """Run to the end and return what was measured. Calls ``started()`` with the bound addresses.

        Raises:
            UserError: an address to listen on cannot be had.
        """
        try:
            await self.bind()
            given_ns = self._given_began_ns
            self._began_ns = self._pacer.now_ns() if given_ns is None else given_ns
            self.observer.run_began(self._began_ns)
            self._prepare()
            if self._interrupted:
                self.stop()
            async with trio.open_nursery() as services:
                services.start_soon(self._report_status)
                services.start_soon(self._dispatcher.run)
                if self._config.run.time_limit is not None:
                    services.start_soon(self._limit_time, self._config.run.time_limit)
                with self._sides:
                    async with trio.open_nursery() as sides:
                        if self._server is not None:
                            await sides.start(self._server.serve, self._endpoints)
                        task_status.started([endpoint.local for endpoint in self._endpoints])
                        if self._client is not None:
                            sides.start_soon(self._run_client, self._client)
                services.cancel_scope.cancel()
            report = self._report()
            self.observer.status(report.snapshot)
            return report
        finally:
            self.observer.closing()
            self.close()

    def stop(self) -> None:
        """Open no more streams, and give those that run the grace period to end."""
        self._interrupted = True
        self._open_no_more()
        self._sides.deadline = trio.current_time() + self._config.run.grace / _NANOSECONDS

    def stop_now(self) -> None:
        """Cancel the streams that run."""
        self._interrupted = True
        self._open_no_more()
        self._sides.cancel()

    def stop_accepting(self) -> None:
        """Serve no more streams; end when those that run have ended."""
        if self._server is not None:
            self._server.stop_accepting()

    def _open_no_more(self) -> None:
        self.stop_accepting()
        if self._client is not None:
            self._client.stop()

    def _prepare(self) -> None:
        config = self._config
        pull = config.stream.direction == "pull"
        unwatched = Observer()
        loopback = config.run.role == "loopback"
        if config.run.role != "client":
            observer = self.observer if not loopback or not pull else unwatched
            self._server_streams = Streams(self._pacer, self._began_ns, observer)
            self._server = Server(
                role=Role.SENDER if pull else Role.RECEIVER,
                maker=self._maker,
                manager=ConnectionManager(awaiting_limit=_AWAITING_LIMIT, patience_ns=self._plan.render_offset_ns(1)),
                broker=Broker(
                    pending_limit=config.server.accept_limit,
                    at_once=config.server.connection_limit,
                    in_all=config.server.server_exit_limit,
                ),
                streams=self._server_streams,
                new_connection_id=self._new_connection_id,
                start_queue=_AWAITING_LIMIT,
            )
        if config.run.role != "server":
            observer = self.observer if not loopback or pull else unwatched
            self._client_streams = Streams(self._pacer, self._began_ns, observer)
            connections = config.client.connections
            self._client = Client(
                role=Role.RECEIVER if pull else Role.SENDER,
                maker=self._maker,
                network=self._network,
                targets=self._targets or [reachable(endpoint.local) for endpoint in self._endpoints],
                broker=Broker(
                    pending_limit=connections, at_once=connections, in_all=connections * config.client.iterations
                ),
                streams=self._client_streams,
                start_spread_ns=config.client.start_spread,
            )

    async def _run_client(self, client: Client) -> None:
        await client.run()
        # Alone with its own client, a server has nobody else to wait for.
        self.stop_accepting()

    async def _report_status(self) -> None:
        interval_ns = self._config.output.status_update
        parts = -(-interval_ns // _NANOSECONDS) if self.redrawing else 1
        for turn in count():
            await self._pacer.wait_past(self._began_ns + interval_ns * turn // parts)
            for observer in self.redrawing if turn % parts else (self.observer,):
                observer.status(self.snapshot())

    async def _limit_time(self, limit_ns: int) -> None:
        # A stream that ends at this very instant has ended by itself.
        await self._pacer.wait_past(self._began_ns + limit_ns)
        self._cancelled_before_limit = self._outcomes()[Outcome.CANCELLED]
        self._open_no_more()
        self._sides.cancel()

    @property
    def _measured(self) -> Streams:
        """The streams that are reported: the receiving side's where both sides are here."""
        pull = self._config.stream.direction == "pull"
        streams = (self._client_streams, self._server_streams) if pull else (self._server_streams, self._client_streams)
        return next(each for each in streams if each is not None)

    def _unanswered(self) -> list[StreamResult]:
        if self._client_streams is None or self._client_streams is self._measured:
            return []
        return unanswered(self._measured.results, self._client_streams.results)

    def _outcomes(self) -> Counter[Outcome]:
        return self._measured.outcomes + Counter(result.outcome for result in self._unanswered())

    def snapshot(self) -> RunSnapshot:
        """Return the whole run as it is now."""
        now_ns = self._pacer.now_ns()
        measured = self._measured
        outcomes = self._outcomes()
        before = self._cancelled_before_limit
        statistics = self._network.statistics()
        return RunSnapshot(
            elapsed_ns=now_ns - self._began_ns,
            open_streams=measured.open,
            counts=measured.counts(now_ns),
            outcomes=outcomes,
            refused=dict(self._server.refused) if self._server is not None else {},
            overflowed=statistics.overflowed,
            unreachable=statistics.unreachable,
            cut_off_by_time_limit=None if before is None else outcomes[Outcome.CANCELLED] - before,
        )

    def _report(self) -> RunReport:
        snapshot = self.snapshot()
        return RunReport(
            role=self._config.run.role,
            direction=self._config.stream.direction,
            began_ns=self._began_ns,
            elapsed_ns=snapshot.elapsed_ns,
            snapshot=snapshot,
            results=in_order((*self._measured.results, *self._unanswered())),
            streams_omitted=self._measured.results_omitted,
            interrupted=self._interrupted,
            send_lateness=Histogram.of(
                streams.send_lateness for streams in (self._server_streams, self._client_streams) if streams is not None
            ),
        )
