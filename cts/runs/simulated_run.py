"""``cts sim``: a configuration in virtual time, with its logs, its progress and its ground truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from cts.config import Config
from cts.config.network_links import impairments
from cts.errors import ConfigError, UserError
from cts.output.progress import ProgressConsole
from cts.plugin.choice import choose_plugins
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.truth_writer import SimulationTruthLog
from cts.runs.plan_text import banner
from cts.runs.session_settings import plan_of
from cts.runs.simulation import simulate
from cts.runs.watchers import expected_end_ns, open_observers

__all__ = ["run_simulation"]


def run_simulation(
    config: Config,
    source: str,
    *,
    seed: int,
    console: TextIO,
    say: Callable[[str], None],
    overrides: Sequence[str] = (),
) -> RunReport:
    """Simulate a loopback configuration on the network that its ``[network]`` describes.

    Args:
        config: what to run.
        source: where the configuration came from, for messages.
        seed: all chance follows from it.
        console: where progress is shown.
        say: takes a line for the person who watches.
        overrides: the ``--set`` texts that are in the configuration, for messages.

    Raises:
        UserError: the configuration is not for a simulation; a plugin or a log is not to be had.
    """
    if config.run.role != "loopback":
        problem = f"run.role: {config.run.role!r}, and a simulation has both sides; allowed: 'loopback'"
        raise ConfigError(source, [problem])
    plugins = choose_plugins(config, source, overrides)
    plan = plan_of(config)
    mode = config.output.console
    watching: Observer | None = None
    if mode == "auto":
        watching = ProgressConsole(console, expected_end_ns(config, plan), time.monotonic)
    to_client, to_server = impairments(config.network, ipv6=any("[" in each for each in config.server.listen))
    factory = plugins.make_factory()
    truth = None
    mistakes: list[UserError] = []
    try:
        if config.output.truth_file is not None:
            try:
                truth = SimulationTruthLog(config.output.truth_file, "output.truth_file", seed=seed)
            except UserError as mistake:
                mistakes.append(mistake)
        try:
            observers = open_observers(config, plan, console, unix_ns=lambda: 0, watching=watching, mistakes=mistakes)
        except UserError:
            if truth is not None:
                truth.abandon()
            raise
        if truth is not None:
            truth.flush()
        if mode != "quiet":
            say(f"{banner(config, plan)}, simulated with seed {seed}")
        report = simulate(
            config,
            seed=seed,
            to_client=to_client,
            to_server=to_server,
            make_sender=plugins.make_sender,
            factory=factory,
            observers=observers,
            on_transmission=truth.transmitted if truth is not None else None,
        )
    finally:
        if truth is not None:
            truth.end()
        factory.close()
    notes = [note for observer in observers for note in observer.notes()]
    if truth is not None and truth.failure is not None:
        notes.append(truth.failure)
    for note in notes:
        say(note)
    return report
