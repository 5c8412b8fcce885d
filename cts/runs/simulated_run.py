"""``cts sim``: a configuration in virtual time, with its logs, its progress and its ground truth.

The session, engine and plugins are those of a real run, on a simulated network and a clock that jumps. What comes out is a
function of the configuration and the seed alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TextIO

import trio

from cts.api import IConnectedSocketFactory, ISender, Turn
from cts.clock.virtual_time import VirtualTime
from cts.config import Config
from cts.config.network_links import impairments
from cts.engine.session import Session
from cts.errors import UserError
from cts.impairment.link import Impairment
from cts.net.surroundings import running
from cts.output.console import ProgressConsole
from cts.output.feed import Feed
from cts.output.ordering import OrderedObserver
from cts.plugin.choice import choose_plugins
from cts.plugin.guard import close_factory
from cts.records.observer import Observer
from cts.records.results import RunReport, RunResult
from cts.records.truth_writer import SimulationTruthLog, Transmission
from cts.runs.plan_text import banner
from cts.runs.provenance import with_provenance
from cts.runs.session_settings import plan_of, with_seed
from cts.runs.simulated_session import refuse_one_side, simulated_session
from cts.runs.socket_text import without_effect
from cts.runs.watchers import expected_end_ns, open_observers
from cts.signals import stop_signals

__all__ = ["run_simulation", "simulate"]


def simulate(
    config: Config,
    *,
    seed: int,
    to_client: Impairment,
    to_server: Impairment,
    make_sender: Callable[..., ISender],
    factory: IConnectedSocketFactory,
    observers: Sequence[Observer] = (),
    on_transmission: Callable[[Transmission], None] | None = None,
    stopped_by: list[int] | None = None,
    give_up: Callable[[RunResult], object] = lambda result: None,
    close: Callable[[RunReport | None], Sequence[str]] = lambda report: (),
) -> RunReport:
    """Run server and clients in virtual time and return what was measured, up to where a signal stopped it.

    Args:
        config: a loopback configuration; its targets are the addresses that it listens on.
        seed: all chance follows from it.
        to_client, to_server: what each client's links do.
        make_sender, factory: the chosen plugins.
        observers: told of everything, in an order that does not depend on that of tasks.
        on_transmission: told of everything that is offered to a link.
        stopped_by: takes the signals that come.
        give_up: told what is known of a run that does not end when it is stopped (:mod:`cts.signals`).
        close: closes what else belongs to the run when that is over, given None where a bug ended it; returns what went wrong.
    """
    pacer = VirtualTime()
    stops = [] if stopped_by is None else stopped_by
    observer = OrderedObserver(observers, pacer.now_ns)

    async def main() -> RunReport:
        network, session = simulated_session(
            with_seed(config, seed),
            pacer=pacer,
            links=(to_client, to_server),
            make_sender=make_sender,
            factory=factory,
            observer=observer,
            on_transmission=on_transmission,
        )

        def abandon(number: int) -> None:
            report = with_provenance(session.abandon(), config, simulated=True)
            observer.conclude(report, report.failures)
            give_up(RunResult(report.with_failures(observer.failures()), number))

        with stop_signals(abandon) as signals:
            async with running(pacer, network) as services:
                services.start_soon(_obey, signals, session, stops, pacer)
                return with_provenance(await session.run(), config, simulated=True)

    report: RunReport | None = None
    failures: Sequence[str] = ()
    try:
        report = trio.run(main, clock=pacer)
    finally:
        failures = close(report)
        observer.conclude(report, (*(() if report is None else report.failures), *failures))
    # In the order in which the logs that hear of failures have them.
    return report.with_failures((*failures, *observer.failures()))


async def _obey(signals: AsyncIterator[int], session: Session, stopped_by: list[int], pacer: VirtualTime) -> None:
    """Stop at the first signal: nobody waits for streams in virtual time, so there is no grace period."""
    async for number in signals:
        stopped_by.append(number)
        # What happens at this instant has happened, as at a time limit.
        await pacer.wait_past(pacer.now_ns(), Turn.STOP)
        session.stop_now()


def run_simulation(
    config: Config,
    source: str,
    *,
    seed: int,
    console: TextIO,
    say: Callable[[str], None],
    give_up: Callable[[RunResult], object],
    overrides: Sequence[str] = (),
    feed: Feed | None = None,
) -> RunResult:
    """Simulate a loopback configuration on the network that its ``[network]`` describes.

    Args:
        config: what to run.
        source: where the configuration came from, for messages.
        seed: all chance follows from it.
        console: where progress is shown.
        say: takes a line for the person who watches.
        give_up: told what is known of a run that does not end when it is stopped (:mod:`cts.signals`).
        overrides: the ``--set`` texts that are in the configuration, for messages.
        feed: takes what each status interval brought; None for nobody.

    Raises:
        UserError: the configuration is not for a simulation; a plugin or a log is not to be had.
    """
    refuse_one_side(config, source)
    plugins = choose_plugins(config, source, overrides)
    plan = plan_of(config)
    mode = config.output.console
    watching: Observer | None = None
    if mode == "auto":
        watching = ProgressConsole(console, expected_end_ns(config, plan), time.monotonic)
    to_client, to_server = impairments(config.network, ipv6=any("[" in each for each in config.server.listen))
    factory = plugins.make_factory()
    truth: SimulationTruthLog | None = None
    stopped_by: list[int] = []

    def leave(result: RunResult) -> None:
        if truth is not None:
            truth.end(interrupted=True)
        give_up(result)

    def close(report: RunReport | None) -> Sequence[str]:
        failures = close_factory(factory)
        if truth is not None:
            truth.end(interrupted=report is None or report.interrupted)
            if truth.failure is not None:
                return (truth.failure, *failures)
        return failures

    mistakes: list[UserError] = []
    try:
        if config.output.truth_file is not None:
            try:
                truth = SimulationTruthLog(config.output.truth_file, "output.truth_file", seed=seed)
            except UserError as mistake:
                mistakes.append(mistake)
        try:
            observers = open_observers(
                config,
                plan,
                console,
                unix_ns=lambda: 0,
                seed=seed,
                watching=watching,
                mistakes=mistakes,
                feed=feed,
            )
        except UserError:
            if truth is not None:
                truth.abandon()
            raise
        if truth is not None:
            truth.flush()
        if mode != "quiet":
            say(f"{banner(config, plan, simulated=True)}, simulated with seed {seed}")
            for line in (line for observer in observers for line in observer.opening()):
                say(line)
            if keys := without_effect(config):
                say(f"note: without effect in a simulation, which has neither sockets nor processes: {', '.join(keys)}")
    except BaseException:
        close(None)
        raise
    report = simulate(
        config,
        seed=seed,
        to_client=to_client,
        to_server=to_server,
        make_sender=plugins.make_sender,
        factory=factory,
        observers=observers,
        on_transmission=truth.transmitted if truth is not None else None,
        stopped_by=stopped_by,
        give_up=leave,
        close=close,
    )
    notes = [note for observer in observers for note in observer.notes()]
    for note in (*notes, *report.failures):
        say(note)
    return RunResult(report, stopped_by[0] if stopped_by else None)
