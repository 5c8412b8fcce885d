"""The parent: starts the workers, merges what they tell, passes on what they are to do."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce

import attrs
import trio
from attrs import define, field

from cts.api import Address, Histogram, IPacer, StreamResult, StreamSnapshot
from cts.engine.broker import Target, reachable
from cts.engine.contracts import ISession
from cts.engine.latecomers import gave_up
from cts.engine.settings import SessionSettings
from cts.engine.stream_ends import StreamLedger, concluded
from cts.errors import UserError, system_error
from cts.metrics.counters import sum_of_known
from cts.metrics.playout import PlayoutSum
from cts.metrics.recent_delays import DelayTotals
from cts.metrics.unsent import NO_UNSENT
from cts.net.addresses import address_of
from cts.net.udp_socket import open_udp_socket
from cts.records.late import LateArrivals
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import came_to_nothing
from cts.runs.session_settings import WorkerSetup
from cts.runs.workers import messages
from cts.runs.workers.live import live_of
from cts.runs.workers.worker_process import Worker, lost_with_its_worker, shares_of

__all__ = ["WorkersSession"]

_CLOSING_SECONDS = 10
"""A process that was killed is gone at once, unless the kernel has trouble."""
_STOP_PATIENCE_S = 0.25
"""A worker that takes longer to end its streams is stopped, or loops, or has a plugin that does not let go: it is killed."""


@define(eq=False)
class WorkersSession(ISession):
    """Runs a session in several processes a side.

    Args:
        settings: what to run.
        setup: how it is spread.
        pacer: the clock that all processes share.
        listen, targets: resolved addresses.
        say: takes a line for the person who watches.
        observer: told of everything, streams numbered anew over all workers; may be set until ``run``.
    """

    _settings: SessionSettings
    _setup: WorkerSetup
    _pacer: IPacer = field(kw_only=True)
    _listen: Sequence[Address] = field(kw_only=True)
    _targets: Sequence[Target] = field(kw_only=True)
    _say: Callable[[str], None] = field(kw_only=True)
    observer: Observer = field(factory=Observer, kw_only=True)
    _began_ns: int = field(default=0, init=False)
    _held: list[socket.socket] = field(factory=list, init=False)
    _workers: list[Worker] = field(factory=list, init=False)
    _ledger: StreamLedger = field(init=False)
    _streams: int = field(default=0, init=False)
    _in_vain: int = field(default=0, init=False)
    _playout: PlayoutSum = field(factory=PlayoutSum, init=False)
    _told: int = field(default=0, init=False)
    _statuses: int = field(default=0, init=False)
    _interrupted: bool = field(default=False, init=False)
    _failures: list[str] = field(factory=list, init=False)
    _mistake: str | None = field(default=None, init=False)
    _commands: trio.MemorySendChannel[bytes] = field(init=False)
    _to_do: trio.MemoryReceiveChannel[bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ledger = StreamLedger.of(self._settings)
        self._commands, self._to_do = trio.open_memory_channel[bytes](8)

    async def bind(self) -> list[Address]:
        """Settle free ports, and refuse an address that is in use: to share it with strangers would succeed."""
        if self._held:
            return list(self._listen)
        bound = []
        for address in self._listen:
            try:
                # Held until a worker has it: another run may ask at the same moment.
                self._held.append(open_udp_socket(local=address, shared_later=True, options=self._setup.sockets))
                bound.append(address_of(self._held[-1].getsockname()))
            except OSError as error:
                self.close()
                raise UserError(f"server.listen: cannot listen on {address}: {system_error(error)}") from error
        self._listen = bound
        return bound

    def close(self) -> None:
        """Let go of the addresses."""
        while self._held:
            self._held.pop().close()

    async def run(self, *, task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED) -> RunReport:
        """Run to the end and return what all workers measured. Calls ``started()`` once peers may ask."""
        await self.bind()
        servers, clients = self._shares()
        try:
            async with trio.open_nursery() as services:
                services.start_soon(self._pass_on_commands)
                async with trio.open_nursery() as starting:
                    for worker in (*servers, *clients):
                        starting.start_soon(worker.start)
                self._began_ns = self._pacer.now_ns()
                self.observer.run_began(self._began_ns)
                async with trio.open_nursery() as serving:
                    for worker in servers:
                        # The first one settles which free port is taken; the others share it.
                        self._listen = await serving.start(self._run_worker, worker) or self._listen
                        self.close()
                    if self._mistake is None:
                        task_status.started(list(self._listen))
                    async with trio.open_nursery() as asking:
                        for worker in clients if self._mistake is None else ():
                            await asking.start(self._run_worker, worker)
                    if clients:
                        await self._tell_all(messages.STOP_ACCEPTING)
                services.cancel_scope.cancel()
            if self._mistake is not None:
                raise UserError(self._mistake)
            return self._conclude()
        finally:
            self.close()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSING_SECONDS):
                for worker in self._workers:
                    await worker.close()
            self.observer.closing()

    def stop(self) -> None:
        """Open no more streams, and give those that run the grace period to end."""
        self._interrupted = True
        self._command(messages.STOP)

    def stop_now(self) -> None:
        """Cancel the streams that run."""
        self._interrupted = True
        self._command(messages.STOP_NOW)

    def abandon(self) -> RunReport:
        """Kill the workers and return what they have told."""
        self._interrupted = True
        for worker in self._workers:
            if not worker.over and worker.process is not None:
                worker.kill()
                if worker.report is None:
                    self._note_death(worker)
        report = self._conclude()
        self.observer.closing()
        return report

    def _command(self, command: bytes) -> None:
        # As many as anybody can mean are on their way already where there is no room for more.
        with contextlib.suppress(trio.WouldBlock):
            self._commands.send_nowait(command)

    def _shares(self) -> tuple[list[Worker], list[Worker]]:
        servers, clients = shares_of(self._settings, self._setup.processes)
        self._workers = [*servers, *clients]
        return servers, clients

    def _is_measured(self, worker: Worker) -> bool:
        return worker.settings.measured_role is self._settings.measured_role

    @property
    def _measured(self) -> list[Worker]:
        return [worker for worker in self._workers if self._is_measured(worker)]

    async def _run_worker(self, worker: Worker, *, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        setup, cpus = self._setup, self._setup.cpu_affinity
        targets = tuple(self._targets or ((reachable(address),) for address in self._listen))
        # Targets are taken in turn over all workers.
        at = worker.first_connection % len(targets) if targets else 0
        task = messages.WorkerTask(
            settings=worker.settings,
            sender=dict(setup.sender),
            source=setup.source,
            offload=setup.offload,
            sockets=setup.sockets,
            began_ns=self._began_ns,
            listen=tuple(self._listen),
            targets=targets[at:] + targets[:at],
            wants_frames=self.observer.wants_frames and self._is_measured(worker),
            wants_delays=self.observer.wants_delays,
            redraws=self.observer.redraws,
            cpu=cpus[self._workers.index(worker) % len(cpus)] if cpus else None,
            keys=setup.keys.of_side(is_server=worker.settings.server is not None),
        )
        began = False
        await worker.give(task)
        async for message in worker.messages():
            if isinstance(message, messages.Bound):
                began = True
                task_status.started(message.addresses)
            else:
                self._take(worker, message)
        if worker.report is None and self._mistake is None:
            self._note_death(worker)
        if not began:
            task_status.started(())
        self._tell_status()

    def _take(self, worker: Worker, message: messages.Message) -> None:
        if isinstance(message, messages.Opened):
            told = message.info
            number = self._ledger.opened(told.local, told.remote, told.role, told.opened_ns)
            info = worker.infos[told.number] = attrs.evolve(told, number=number)
            if self._is_measured(worker):
                self._streams += 1
                self.observer.stream_opened(info)
                self._keep_exit_limit()
            else:
                self.observer.other_end_opened(info)
        elif isinstance(message, messages.Frames):
            for frame in message.frames:
                self.observer.frame_rendered(worker.infos[message.number], frame)
        elif isinstance(message, messages.Missed):
            self.observer.data_missed(worker.infos[message.number], message.record)
        elif isinstance(message, messages.Remarked):
            stream = worker.infos.get(message.number) or worker.given_up.get(message.number)
            if stream is not None:
                self.observer.remarked(stream, message.text)
        elif isinstance(message, messages.Ended):
            stream = worker.ended(message.number, given_up=gave_up(message.result))
            self._end_stream(worker, stream, message.result)
        elif isinstance(message, messages.Status):
            worker.snapshot = message.snapshot
            worker.told += 1
            worker.statuses += message.whole
            self._tell_status()
        elif isinstance(message, messages.Reported):
            worker.report = message.report
            worker.snapshot = message.report.snapshot
            self._failures += [f"{worker.name}: {text}" for text in message.report.failures]
        elif isinstance(message, messages.Failed):
            self._mistake = message.text
            self._command(messages.STOP_NOW)
        elif isinstance(message, messages.Noted):
            self._say(f"{worker.name}: {message.text}")

    def _keep_exit_limit(self) -> None:
        """Stop the servers together: none of them knows how many streams the others have served."""
        server, served = self._settings.server, self._streams - self._in_vain
        if server is not None and self._settings.client is None and served == server.exit_limit:
            self._command(messages.STOP_ACCEPTING)

    def _tell_status(self) -> None:
        """Tell how all stand together once every worker that still runs has told how it does."""
        running = [worker for worker in self._workers if not worker.over]
        statuses = min((worker.statuses for worker in running), default=0)
        told = min((worker.told for worker in running), default=0)
        if statuses > self._statuses:
            self._statuses, self._told = statuses, told
            self.observer.status(self._snapshot())
        elif told > self._told:
            self._told = told
            self.observer.redraw(self._snapshot())

    def _note_death(self, worker: Worker) -> None:
        text = f"{worker.how_it_died()}; what it measured since its last status is lost"
        worker.over = True
        self._failures.append(text)
        self._say(text)
        for info in worker.infos.values():
            self._end_stream(worker, info, lost_with_its_worker(info, self._began_ns, self._pacer.now_ns()))
        worker.infos.clear()

    def _end_stream(self, worker: Worker, info: StreamInfo, result: StreamResult) -> None:
        self._ledger.ended(info.number, result)
        if self._is_measured(worker):
            self._in_vain += came_to_nothing(result)
            self._playout.add(result.playout)
            self.observer.stream_ended(info, result)
        else:
            self.observer.other_end_ended(info, result)

    async def _pass_on_commands(self) -> None:
        async with trio.open_nursery() as passing:
            async for command in self._to_do:
                passing.start_soon(self._tell_all, command)
                if command == messages.STOP_NOW:
                    passing.start_soon(self._kill_those_that_stay)

    async def _tell_all(self, command: bytes) -> None:
        for worker in list(self._workers):
            if command != messages.STOP_ACCEPTING or worker.settings.server is not None:
                await worker.tell(command)

    async def _kill_those_that_stay(self) -> None:
        await trio.sleep(_STOP_PATIENCE_S)
        for worker in self._workers:
            if not worker.over and worker.report is None:
                worker.kill()

    def _snapshot(self) -> RunSnapshot:
        measured = [worker.snapshot for worker in self._measured]
        everybody = [worker.snapshot for worker in self._workers]
        refused: Counter[str] = Counter()
        for snapshot in everybody:
            refused.update(snapshot.refused)
        counts = reduce(StreamSnapshot.__add__, (snapshot.counts for snapshot in measured), StreamSnapshot())
        limited = any(snapshot.cut_off_by_time_limit is not None for snapshot in everybody)
        return RunSnapshot(
            elapsed_ns=self._pacer.now_ns() - self._began_ns,
            # As has been told of them, not as each worker stood when it told last.
            open_streams=sum(len(worker.infos) for worker in self._measured),
            counts=attrs.evolve(counts, bytes_sent=sum(snapshot.counts.bytes_sent for snapshot in everybody)),
            outcomes=+self._ledger.outcomes,
            refused=refused,
            overflowed=sum(snapshot.overflowed for snapshot in everybody),
            unreachable=sum(snapshot.unreachable for snapshot in everybody),
            unsent=sum((snapshot.unsent for snapshot in everybody), NO_UNSENT),
            cut_off_by_time_limit=sum(each.cut_off_by_time_limit or 0 for each in measured) if limited else None,
            interrupted=self._interrupted,
            delays=sum((snapshot.delays for snapshot in measured), DelayTotals()),
            live=live_of(self._workers, self._measured),
        )

    def _conclude(self) -> RunReport:
        report = concluded(
            self._ledger, self._settings, self.observer, began_ns=self._began_ns, snapshot=self._snapshot()
        )
        told = [worker.report for worker in self._workers if worker.report is not None]
        return attrs.evolve(
            report,
            failures=tuple(self._failures),
            send_lateness=Histogram.of(each.send_lateness for each in told),
            late=sum((each.late for each in told), LateArrivals()),
            notes=tuple(dict.fromkeys(note for each in told for note in each.notes)),
            answered=tuple(dict.fromkeys(address for each in told for address in each.answered)),
            hosts=tuple(worker.host for worker in self._workers),
            playout=self._playout.playout,
            metrics=sum_of_known(each.metrics for each in told),
        )
