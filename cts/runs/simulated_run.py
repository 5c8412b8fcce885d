"""``cts sim``: a configuration in virtual time, with its logs, its progress and its ground truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from cts.config import Config
from cts.config.network_links import impairments
from cts.errors import ConfigError, UserError
from cts.impairment.way import TO_SERVER
from cts.net.simulated import Transmission
from cts.output.progress import ProgressConsole
from cts.plugin.choice import choose_plugins
from cts.records.observer import Observer
from cts.records.report import RunReport
from cts.records.truth_writer import HEAD_SIZE, TruthLog
from cts.runs.plan_text import banner
from cts.runs.session_settings import plan_of
from cts.runs.simulation import simulate
from cts.runs.watchers import expected_end_ns, open_observers

__all__ = ["TruthRecorder", "run_simulation"]


class TruthRecorder:
    """Writes what a simulated network did into a ground-truth log.

    What is offered at one instant is offered in the order in which tasks happen to run; it is held until the next instant and
    written in order of client, way and number.
    """

    def __init__(self, log: TruthLog) -> None:
        self._log = log
        self._held: list[Transmission] = []
        self._now_ns = 0

    def record(self, transmission: Transmission) -> None:
        """Take note of what became of datagrams that were offered together."""
        if transmission.at_ns != self._now_ns:
            self._write_held()
            self._now_ns = transmission.at_ns
        self._held.append(transmission)

    def close(self) -> None:
        """Write what is held and the last line, and close."""
        self._write_held()
        self._log.close(self._now_ns)

    def _write_held(self) -> None:
        self._held.sort(key=lambda each: (each.client, each.way, each.first))
        for each in self._held:
            if each.first == 1 and each.way == TO_SERVER:
                self._log.client(each.at_ns, each.client, each.address, each.address)
            head = each.header[:HEAD_SIZE].hex()
            room = HEAD_SIZE - len(each.header)
            datagrams = [
                (len(each.header) + len(payload), head + bytes(payload[:room]).hex() if room > 0 else head)
                for payload in each.payloads
            ]
            self._log.datagrams(each.at_ns, each.client, each.way, each.first, datagrams, each.fates)
        self._held.clear()


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
                log = TruthLog(config.output.truth_file, "output.truth_file", seed=seed, began_ns=0, began_unix_ns=0)
                truth = TruthRecorder(log)
            except UserError as mistake:
                mistakes.append(mistake)
        try:
            observers = open_observers(config, plan, console, unix_ns=lambda: 0, watching=watching, mistakes=mistakes)
        except UserError:
            if truth is not None:
                log.abandon()
            raise
        if truth is not None:
            log.flush()
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
            on_transmission=truth.record if truth is not None else None,
        )
    finally:
        if truth is not None:
            truth.close()
        factory.close()
    notes = [note for observer in observers for note in observer.notes()]
    if truth is not None and log.failure is not None:
        notes.append(log.failure)
    for note in notes:
        say(note)
    return report
