"""A run on the real network: names, sockets, signals, and a session between them."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Sequence
from typing import TextIO

import trio
from attrs import frozen

from cts.api import IConnectedSocketFactory, StreamPlan
from cts.chosen_plugins import ChosenPlugins, choose_plugins
from cts.cli.plan_text import banner
from cts.config import Config, parse_endpoint
from cts.errors import ConfigError, UserError
from cts.net.resolve import resolve_listen, resolve_targets
from cts.net.system_pacer import open_pacer
from cts.net.udp_network import Offload, UdpNetwork, detect_offload
from cts.observer import Observer
from cts.output.ordering import OrderedObserver
from cts.output.summary import RunReport
from cts.session import Session, plan_of
from cts.shards.parent import ShardedSession
from cts.watchers import open_observers

__all__ = ["RunResult", "run"]

_STOPPING = "stopping: streams may end within the grace period; once more ends them now"


@frozen
class RunResult:
    """What a run came to.

    Attributes:
        report: what was measured.
        signal: the signal that stopped it, None if it ended by itself.
    """

    report: RunReport
    signal: int | None

    @property
    def exit_status(self) -> int:
        """0: every stream succeeded; 1: some failed; 128 + signal: stopped (130 for Ctrl-C)."""
        if self.signal is not None:
            return 128 + self.signal
        return 1 if self.report.failed else 0


def run(config: Config, source: str, *, console: TextIO, say: Callable[[str], None]) -> RunResult:
    """Run a configuration over real UDP until it ends, or SIGINT or SIGTERM stops it.

    Args:
        config: what to run.
        source: where the configuration came from, for messages.
        console: where the status is shown.
        say: takes a line for the person who watches.

    Raises:
        UserError: a plugin, a log, a name or an address is not to be had.
    """
    _refuse_what_cannot_be_run(config, source)
    plugins = choose_plugins(config, source)
    plan = plan_of(config)
    offload = detect_offload() if config.run.offload == "auto" else Offload()
    factory = plugins.make_factory()
    try:
        observers = open_observers(config, plan, console)
        if config.output.console != "quiet":
            say(banner(config, plan))
            say(f"offload: {offload}")
        result = _start(config, source, plan, offload, plugins, factory, observers, say)
        for note in (note for observer in observers for note in observer.notes()):
            say(note)
        return result
    finally:
        factory.close()


def _refuse_what_cannot_be_run(config: Config, source: str) -> None:
    problems = []
    if config.network.is_set:
        problems.append("network: a real run takes its network as it is; allowed with 'cts sim' and 'cts impair'")
    if config.output.truth_file is not None:
        problems.append("output.truth_file: only 'cts sim' and 'cts impair' know the truth; allowed with those")
    if config.run.processes > 1 and config.connected_socket.factory != "default":
        factory = config.connected_socket.factory
        text = f"connected_socket.factory: {factory!r} would be made in each of {config.run.processes} processes"
        problems.append(f"{text}; allowed: 'default', or run.processes = 1")
    if problems:
        raise ConfigError(source, problems)


def _start(
    config: Config,
    source: str,
    plan: StreamPlan,
    offload: Offload,
    plugins: ChosenPlugins,
    factory: IConnectedSocketFactory,
    observers: Sequence[Observer],
    say: Callable[[str], None],
) -> RunResult:
    async def main() -> RunResult:
        pacer = open_pacer()
        network = UdpNetwork(pacer, offload)
        is_client = config.run.role == "client"
        listen = [] if is_client else await resolve_listen(map(parse_endpoint, config.server.listen))
        targets = await resolve_targets(map(parse_endpoint, config.client.target))
        observer = OrderedObserver(observers, pacer.now_ns)
        session: Session | ShardedSession
        if config.run.processes > 1:
            session = ShardedSession(
                config, source, pacer=pacer, listen=listen, targets=targets, observer=observer, say=say
            )
        else:
            session = Session(
                config,
                plan=plan,
                network=network,
                pacer=pacer,
                listen=listen,
                targets=targets,
                make_sender=plugins.make_sender,
                factory=factory,
                new_connection_id=lambda remote: str(uuid.uuid4()),
                observer=observer,
            )
        async with trio.open_nursery() as services:
            await services.start(pacer.run)
            await services.start(network.run)
            stopped_by: list[int] = []
            await services.start(_obey_signals, session, stopped_by, say)
            report = await session.run()
            services.cancel_scope.cancel()
        for note in network.notes():
            say(note)
        return RunResult(report, stopped_by[0] if stopped_by else None)

    try:
        return trio.run(main)
    except BaseExceptionGroup as group:
        mistakes, rest = group.split(UserError)
        if rest is not None or mistakes is None:
            raise
        raise _first(mistakes) from None


async def _obey_signals(
    session: Session | ShardedSession,
    stopped_by: list[int],
    say: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            stopped_by.append(number)
            if len(stopped_by) == 1:
                say(_STOPPING)
                session.stop()
            else:
                session.stop_now()


def _first(group: BaseExceptionGroup[UserError]) -> UserError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, UserError)
    return error
