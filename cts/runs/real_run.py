"""A run on the real network: names, sockets, signals, and a session between them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TextIO

import trio
from attrs import define, evolve, field

from cts.api import Address, IConnectedSocketFactory, IPacer, StreamPlan
from cts.config import Config, parse_endpoint
from cts.engine.broker import Target
from cts.engine.contracts import ISession
from cts.engine.session import Session
from cts.errors import ConfigError, UserError, mistake_in, printable
from cts.net.addresses import missing_families, resolve_listen, resolve_names, resolve_targets
from cts.net.host_watch import HostWatch
from cts.net.socket_options import reached_from, try_out
from cts.net.surroundings import real_surroundings, running
from cts.net.udp_network import UdpNetwork
from cts.net.udp_socket import untold
from cts.output.attended import Attended
from cts.output.buffer_text import buffers_text, short_buffers
from cts.output.console_stream import console_stream
from cts.output.feed import Feed
from cts.output.ordering import OrderedObserver
from cts.output.wrapping import for_reader
from cts.plugin.choice import ChosenPlugins, choose_plugins
from cts.plugin.guard import close_factory
from cts.records.buffers import SocketBuffers
from cts.records.observer import Observer
from cts.records.results import RunReport, RunResult
from cts.records.writers import LOG_LIMIT, WriterThread, finish_writers
from cts.runs.admission_settings import admission_notes, names_to_resolve
from cts.runs.attendance import Attendance
from cts.runs.key_files import KeySources, keys_text, shared_keys
from cts.runs.log_failures import LogFailures
from cts.runs.plan_text import banner, beyond_a_real_run, warnings_of
from cts.runs.presenter.presenter_process import PresenterProcess, presenter_for
from cts.runs.provenance import with_provenance
from cts.runs.readiness import STOPPING, ToldReady, notify
from cts.runs.session_settings import (
    WorkerSetup,
    plan_of,
    random_connection_id,
    session_settings,
    socket_options,
    with_seed,
)
from cts.runs.socket_text import socket_notes
from cts.runs.watchers import open_observers
from cts.runs.workers.session import WorkersSession
from cts.signals import stop_signals
from cts.units import SECOND, format_duration

__all__ = ["run"]


def run(
    config: Config,
    source: str,
    *,
    console: TextIO,
    give_up: Callable[[RunResult], object],
    overrides: Sequence[str] = (),
    feed: Feed | None = None,
) -> RunResult:
    """Run a configuration over real UDP until it ends, or SIGINT, SIGTERM or SIGHUP stops it.

    Args:
        config: what to run.
        source: where the configuration came from, for messages.
        console: where the status is shown, and what else a person should hear.
        give_up: told what is known of a run that does not end when it is stopped (:mod:`cts.signals`).
        overrides: the ``--set`` texts that are in the configuration, for messages.
        feed: takes what each status interval brought; None for nobody.

    Raises:
        UserError: a plugin, a log, a name or an address is not to be had.
    """
    if wrong := beyond_a_real_run(config):
        raise ConfigError(source, wrong)
    config = with_seed(config)
    plugins = choose_plugins(config, source, overrides)
    plan = plan_of(config)
    factory = plugins.make_factory()
    try:
        with console_stream(console) as stream:
            running = _Run(config, source, plan, plugins, factory, stream, give_up, feed)
            try:
                return trio.run(running.main)
            finally:
                running.close_factory()
    except BaseExceptionGroup as group:
        mistake = mistake_in(group)
        if mistake is None:
            raise
        raise mistake from None


@define(eq=False)
class _Run:
    """A run on its way: what its parts have in common."""

    _config: Config
    _source: str
    _plan: StreamPlan
    _plugins: ChosenPlugins
    _factory: IConnectedSocketFactory
    _console: TextIO
    _give_up: Callable[[RunResult], object]
    _feed: Feed | None
    _watchers: list[Observer] = field(factory=list, init=False)
    _writers: list[WriterThread] = field(factory=list, init=False)
    _unless_it_begins: contextlib.ExitStack = field(factory=contextlib.ExitStack, init=False)
    _factory_failures: tuple[str, ...] | None = field(default=None, init=False)
    _buffers: SocketBuffers | None = field(default=None, init=False)
    _watch: HostWatch | None = field(default=None, init=False)
    _attendance: Attendance | None = field(default=None, init=False)
    _log_failures: LogFailures | None = field(default=None, init=False)
    _presenter: PresenterProcess | None = field(default=None, init=False)

    async def main(self) -> RunResult:
        """Run it; close what was opened for it if it did not begin."""
        try:
            return await self._main()
        finally:
            self._unless_it_begins.close()

    async def _main(self) -> RunResult:
        config = self._config
        role = config.run.role
        others: tuple[int, ...] = ()
        if config.run.cpu_affinity and config.run.processes == 1:
            others = tuple(os.sched_getaffinity(0).difference(config.run.cpu_affinity))
            os.sched_setaffinity(0, config.run.cpu_affinity)
        sockets = socket_options(config)
        pacer, network = real_surroundings(offload=config.run.offload == "auto", sockets=sockets)
        network.say = self._say
        listen = [] if role == "client" else await resolve_listen(map(parse_endpoint, config.server.listen))
        targets = [] if role == "server" else await resolve_targets(map(parse_endpoint, config.client.target))
        targets = reached_from(sockets, targets)
        families = [":" in address.host for address in chain(listen, *targets)]
        self._buffers = try_out(sockets, ipv6=all(families), client=role != "server")
        known = await resolve_names(names_to_resolve(config))
        # A run of several processes does nothing else in this one.
        presents = config.run.processes == 1 and os.name == "posix"
        session = self._session(pacer, network, listen, targets, known)
        with stop_signals(partial(self._abandon, session), grace_s=config.run.grace / SECOND) as signals:
            bound = await session.bind()
            try:
                # Only a run that can begin may take the place of the logs of the one before.
                self._watchers = open_observers(
                    config,
                    self._plan,
                    self._console,
                    feed=self._feed,
                    make_writer=partial(self._make_writer, pacer.now_ns),
                    serves_metrics=not presents,
                )
                if presents:
                    self._presenter = presenter_for(config, self._watchers, pacer, self._say, others)
            except UserError:
                session.close()
                raise
            self._unless_it_begins.callback(session.close)
            for watcher in self._watchers:
                self._unless_it_begins.callback(watcher.abandoned)
            self._log_failures = LogFailures(self._watchers, self._say)
            observer = session.observer = OrderedObserver(
                [*filter(None, [self._presenter]), *self._watchers, self._log_failures], pacer.now_ns
            )
            if config.output.console != "quiet":
                self._say(banner(config, self._plan, bound))
                self._say(f"offload: {network.offload}")
                self._say(buffers_text(self._buffers))
                for line in observer.opening():
                    self._say(line)
                if self._plugins.uses_chance:
                    self._say(
                        f"seed: {config.run.seed}; the sender draws the same again with run.seed = {config.run.seed}"
                    )
                notes = (*missing_families(config.server.listen, listen), *untold(), *short_buffers(self._buffers))
                notes += (*admission_notes(config),)
                for text in (*notes, *socket_notes(config), *warnings_of(self._plan)):
                    self._say(f"note: {text}")
            stopped_by: list[int] = []
            async with running(pacer, network) as services:
                draw = None
                if self._presenter is not None:
                    await services.start(self._presenter.run)
                    draw = self._presenter.draw
                self._unless_it_begins.pop_all()
                services.start_soon(self._obey, signals, session, stopped_by)
                for watcher in self._watchers:
                    if isinstance(watcher, Attended):
                        self._attendance = Attendance.of(watcher, pacer, self._console, draw)
                        services.start_soon(self._attendance.run)
                if self._watch is not None:
                    services.start_soon(self._watch.run)
                # What is there now stays for the run; to look through it over and over would stop every stream meanwhile.
                gc.freeze()
                report: RunReport | None = None
                try:
                    ready = ToldReady(banner(config, self._plan, bound))
                    report = self._with_host(await session.run(task_status=ready)).with_failures(network.failures)
                finally:
                    # The streams have ended; signals are still heard.
                    failures = (() if report is None else report.failures) + self.close_factory()
                    if self._presenter is not None:
                        self._presenter.end()
                    with trio.CancelScope(shield=True):
                        await self._finish_logs(observer, report, failures)
            for note in observer.notes():
                self._say(note)
            report = report.with_failures(self.close_factory())
            return RunResult(self._finished(report, observer), stopped_by[0] if stopped_by else None)

    def close_factory(self) -> tuple[str, ...]:
        """Close the factory, once; return what went wrong."""
        if self._factory_failures is None:
            self._factory_failures = close_factory(self._factory)
        return self._factory_failures

    async def _finish_logs(self, observer: OrderedObserver, report: RunReport | None, failures: Sequence[str]) -> None:
        try:
            await trio.to_thread.run_sync(self._finish_logs_here, observer, report, failures)
        except RuntimeError:
            # No thread can be started. Nothing but a second signal waits for this one by now, and that has a thread.
            self._finish_logs_here(observer, report, failures)

    def _finish_logs_here(self, observer: OrderedObserver, report: RunReport | None, failures: Sequence[str]) -> None:
        """Have the logs written to their end, and those that tell of failures after the others."""
        finish_writers(self._writers)
        observer.conclude(report, failures)

    def _session(
        self,
        pacer: IPacer,
        network: UdpNetwork,
        listen: Sequence[Address],
        targets: Sequence[Target],
        known: Mapping[str, Sequence[str]],
    ) -> ISession:
        config = self._config
        settings = session_settings(config, own_hosts=[each.host for each in listen], known=known)
        keys = shared_keys(KeySources.of(config))
        if config.output.console != "quiet":
            for line in keys_text(keys):
                self._say(line)
        if config.run.processes > 1:
            setup = WorkerSetup.of(config, self._source)
            return WorkersSession(settings, setup, pacer=pacer, listen=listen, targets=targets, say=self._say)
        session = Session(
            settings,
            network=network,
            pacer=pacer,
            listen=listen,
            targets=targets,
            make_sender=self._plugins.make_sender,
            factory=self._factory,
            new_connection_id=random_connection_id,
            keys=keys,
        )
        self._watch = HostWatch(pacer, network, lambda: session.open_streams)
        session.look.at_host = partial(self._watch.glance, sends_when_due=self._plugins.sender.is_builtin)
        return session

    def _with_host(self, report: RunReport) -> RunReport:
        """Return a report with what the sockets had and how this host served the run; workers have told of themselves."""
        report = with_provenance(evolve(report, buffers=self._buffers), self._config, simulated=False)
        if self._watch is None:
            return report
        return self._watch.seen_in(report, sends_when_due=self._plugins.sender.is_builtin)

    def _make_writer(self, now_ns: Callable[[], int]) -> WriterThread:
        self._writers.append(WriterThread(LOG_LIMIT, now_ns))
        return self._writers[-1]

    def _say(self, line: str) -> None:
        """Tell the person who watches, past whatever is drawn on the console."""
        line = printable(line)
        for watcher in self._watchers:
            if watcher.say(line):
                return
        with contextlib.suppress(OSError):
            print(for_reader(line, self._console), file=self._console, flush=True)

    async def _obey(self, signals: AsyncIterator[int], session: ISession, stopped_by: list[int]) -> None:
        async for number in signals:
            stopped_by.append(number)
            if len(stopped_by) == 1:
                notify(STOPPING)
                grace = format_duration(self._config.run.grace)
                self._say(f"stopping: streams have {grace} (run.grace) to end; once more ends them now")
                session.stop()
            else:
                session.stop_now()

    def _abandon(self, session: ISession, number: int) -> None:
        if self._attendance is not None:
            self._attendance.end()
        if self._presenter is not None:
            self._presenter.end()
        report = self._with_host(session.abandon())
        self._give_up(RunResult(self._finished(report, session.observer), number))
        # Last, since who reads a log may have stopped as well.
        if isinstance(session.observer, OrderedObserver):
            self._finish_logs_here(session.observer, report, report.failures)

    def _finished(self, report: RunReport, observer: Observer) -> RunReport:
        """Return a report in which a log that is not whole is a failure; say so."""
        said = self._log_failures.said if self._log_failures is not None else ()
        for failure in observer.failures():
            if failure not in said:
                self._say(failure)
        return report.with_failures(observer.failures())
