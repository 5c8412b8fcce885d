"""A whole stream on the simulated network, in the process of a test and in no time: what ``cts sim`` runs, as a value.

The engine, the network and the plugins' guard are those of ``cts sim``; nothing is written to disk, and no signal is caught.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import trio
import trio.testing
from attrs import evolve

from cts.clock.virtual_time import VirtualTime
from cts.config import Config, load_config, parse_toml, structure_config
from cts.config.network_links import impairments
from cts.config.output_files import OutputConfig
from cts.errors import ConfigError, PluginFailure
from cts.net.surroundings import running
from cts.output.ordering import OrderedObserver
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.truth_writer import SimulationTruthLog, Transmission
from cts.runs.provenance import with_provenance
from cts.runs.session_settings import plan_of, session_settings, simulated_seed, with_seed
from cts.runs.simulated_session import refuse_one_side, simulated_session
from cts.runs.watchers import expected_end_ns, open_observers
from cts.testing.given_plugins import FactoryGiven, GivenPlugins, SenderGiven
from cts.testing.pacers import PATIENCE_S, MockPacer
from cts.testing.simulated_run import Notebook, SimulatedRun
from cts.units import SECOND

__all__ = ["simulate", "simulate_in_trio"]

ConfigGiven: TypeAlias = Mapping[str, object] | str | Path | Config | None

_LOGS = OutputConfig(
    status_file=Path("status.csv"),
    connection_file=Path("connection.csv"),
    jitter_file=Path("jitter.csv"),
    error_file=Path("errors.txt"),
    events_file=Path("events.jsonl"),
    truth_file=Path("truth.jsonl"),
)


def simulate(
    config: ConfigGiven = None,
    *,
    sender: SenderGiven = None,
    factory: FactoryGiven = None,
    seed: int | None = None,
    logs: bool = False,
) -> SimulatedRun:
    """Run a loopback configuration in virtual time and return all that happened.

    What comes out is a function of the arguments alone, as long as the plugins keep to their contracts: two calls return
    equal values. A stream's failure is its result and raises nothing here. Streams that have not ended an hour of virtual time
    after they should have are cancelled. All that was sent is kept in memory.

    Args:
        config: a configuration as a table, as a text of TOML, or in a file, which a :class:`pathlib.Path` names; None for the
            defaults. No log that it names is written.
        sender: an installed sender's name, a class, which is given the configuration's ``sender.options``, or a function
            that makes a sender from a plan. None for the one that the configuration names.
        factory: the same for the connected-socket factory; a function takes nothing, and one that is made will do.
        seed: all chance follows from it; None for ``run.seed``, or 1.
        logs: whether to return the texts of all logs as well.

    Raises:
        ConfigError: the configuration is wrong, has one side only, or no end.
        PluginError: there is no such plugin.
        TypeError: what was given as a plugin is none.
        RuntimeError: called from inside trio: :func:`simulate_in_trio` is for that.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("simulate has a trio of its own; inside another one, await simulate_in_trio on a mock clock")
    simulation = _Simulation(config, sender, factory, seed)
    pacer = VirtualTime()
    with _folder(logs) as folder:
        return trio.run(simulation.run, pacer, folder, clock=pacer)


async def simulate_in_trio(
    config: ConfigGiven = None,
    *,
    sender: SenderGiven = None,
    factory: FactoryGiven = None,
    seed: int | None = None,
    logs: bool = False,
) -> SimulatedRun:
    """Do what :func:`simulate` does on the mock clock of the trio run it is awaited in, beside whatever else runs there.

    For pytest-trio's ``autojump_clock``, or for its ``mock_clock`` in a task beside a test that moves it: what was due within a
    jump happens, late, at its end.

    Raises:
        RuntimeError: the clock is a real one.
        ConfigError, PluginError, TypeError: as for :func:`simulate`.
    """
    stands_still = isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock | VirtualTime)
    if not stands_still:
        raise RuntimeError(
            "simulate_in_trio needs a clock that does not go by itself: name pytest-trio's fixture autojump_clock among the"
            " test's arguments"
        )
    simulation = _Simulation(config, sender, factory, seed)
    with _folder(logs) as folder:
        return await simulation.run(_InTrio(), folder)


class _InTrio(MockPacer):
    """The pacer of a simulation on somebody else's clock; nothing needs to run for it."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()


class _Simulation:
    """One run on its way."""

    def __init__(self, given: ConfigGiven, sender: SenderGiven, factory: FactoryGiven, seed: int | None) -> None:
        config, source = _read(given)
        refuse_one_side(config, source)
        plan = plan_of(config)
        end_ns = expected_end_ns(config, plan)
        limit_ns = config.run.time_limit
        if limit_ns is None:
            if end_ns is None:
                raise ConfigError(
                    source,
                    ["client.iterations: 0 is no end, and nobody stops this run; allowed: a count, or run.time_limit"],
                )
            limit_ns = type(config.run.grace)(end_ns + config.client.start_spread + PATIENCE_S * SECOND)
        self._seed = simulated_seed(config, seed)
        self._config = with_seed(evolve(config, run=evolve(config.run, time_limit=limit_ns)), self._seed)
        self._plan = plan
        self._plugins = GivenPlugins.of(config, source, sender, factory)

    async def run(self, pacer: VirtualTime | _InTrio, folder: str | None) -> SimulatedRun:
        """Run it; its logs are written to ``folder``, if there is one, and read from there."""
        config = self._config
        notebook = Notebook(session_settings(config).direction.client_role)
        observers: list[Observer] = [notebook]
        truth: SimulationTruthLog | None = None
        if folder is not None:
            files: dict[str, Any] = {key: Path(folder, name) for key, name in _LOGS.files().items()}
            logged = evolve(config, output=evolve(_LOGS, status_update=config.output.status_update, **files))
            observers += open_observers(
                logged, self._plan, io.StringIO(), unix_ns=lambda: 0, seed=self._seed, watching=Observer()
            )
            truth = SimulationTruthLog(
                files["truth_file"], "output.truth_file", seed=self._seed, began_ns=pacer.now_ns()
            )

        def transmitted(transmission: Transmission) -> None:
            notebook.transmitted(transmission)
            if truth is not None:
                truth.transmitted(transmission)

        observer = OrderedObserver(observers, pacer.now_ns)
        network, session = simulated_session(
            config,
            pacer=pacer,
            links=impairments(config.network, ipv6=any("[" in each for each in config.server.listen)),
            make_sender=self._plugins.make_sender,
            factory=self._plugins.factory,
            observer=observer,
            on_transmission=transmitted,
            on_failure=notebook.failed,
        )
        report: RunReport | None = None
        failure: PluginFailure | None = None
        failures: tuple[str, ...] = ()
        try:
            async with running(pacer, network):
                report = with_provenance(await session.run(), config, simulated=True)
        finally:
            try:
                self._plugins.factory.close()
            except PluginFailure as error:
                failure, failures = error, (str(error),)
            if truth is not None:
                truth.end(interrupted=False)
            observer.conclude(report, (*(() if report is None else report.failures), *failures))
        return notebook.conclude(
            self._plan,
            report.with_failures(failures),
            error=failure,
            logs=_texts(Path(folder)) if folder is not None else {},
        )


def _read(given: ConfigGiven) -> tuple[Config, str]:
    """Return the configuration, and where it came from for messages."""
    source = "configuration"
    if isinstance(given, Config):
        return given, source
    if isinstance(given, Path):
        return load_config(given), str(given)
    if isinstance(given, str):
        if given.strip() and not set("=[\n") & set(given):
            raise ConfigError(source, [f"{given!r} is no text of TOML; a file is given as a pathlib.Path"])
        return structure_config(parse_toml(given, source), source), source
    return structure_config({} if given is None else given, source), source


def _texts(folder: Path) -> dict[str, str]:
    """Return what was written: of several streams each has a jitter log of its own."""
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


def _folder(wanted: bool) -> AbstractContextManager[str | None]:
    return TemporaryDirectory(prefix="cts-") if wanted else nullcontext()
