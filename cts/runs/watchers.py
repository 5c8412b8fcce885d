"""Who watches a run, as its configuration says: the logs and the console, behind one observer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TextIO

from cts import __version__
from cts.api import StreamPlan
from cts.config import Config
from cts.config.scrape_address import parse_scrape_address
from cts.errors import UserError, tell_together
from cts.output.console import choose_console
from cts.output.feed import Feed, IntervalFeed, PromptIntervalFeed
from cts.output.jitter_log import JitterLog
from cts.output.status_log import StatusLog
from cts.output.stream_logs import ConnectionLog, ErrorLog
from cts.output.wrapping import is_terminal
from cts.records.event_values import profile_written
from cts.records.events_header import plan_written
from cts.records.events_writer import EventsLog
from cts.records.observer import Observer
from cts.records.provenance import provenance_written
from cts.records.writers import AT_ONCE, Writer
from cts.runs.provenance import provenance_of
from cts.runs.session_settings import profile_of, session_settings

__all__ = ["event_settings", "expected_end_ns", "open_observers"]


def open_observers(
    config: Config,
    plan: StreamPlan,
    console: TextIO,
    *,
    unix_ns: Callable[[], int] = time.time_ns,
    seed: int | None = None,
    watching: Observer | None = None,
    mistakes: Sequence[UserError] = (),
    feed: Feed | None = None,
    make_writer: Callable[[], Writer] = lambda: AT_ONCE,
    serves_metrics: bool = True,
) -> list[Observer]:
    """Open every log that is asked for, and the console.

    Args:
        config: says which.
        plan: its stream arithmetic.
        console: where the status is shown.
        unix_ns: tells the Unix time, always 0 in a simulation.
        seed: what all chance follows from, in a simulation.
        watching: shows the status in place of what ``output.console`` says.
        mistakes: what is wrong with other files already, to be told together with what is wrong with these.
        feed: takes what each status interval brought; None for nobody.
        make_writer: returns who writes a log, for each one.
        serves_metrics: whether metrics are served; else they wait for somebody to do it.

    Raises:
        UserError: there were mistakes, or logs cannot be written, each of which is named; the others are closed again.
    """
    output = config.output
    measure = session_settings(config).measured_role
    # Whoever it serves may ask for either direction.
    serves = config.run.role == "server"
    client = config.client
    expected = config.server.server_exit_limit if serves else client.connections * client.iterations
    expected_ns = expected_end_ns(config, plan)
    settings = event_settings(config, plan, seed=seed, expected=expected)
    encoding = output.encoding
    # What is sent or comes in a moment stands for a frame interval, unless rows themselves are shorter.
    least_ns = min(plan.interval_ns, config.output.status_update)
    logs: tuple[tuple[Path | None, Callable[[Path, Writer], Observer]], ...] = (
        (output.status_file, lambda path, writer: StatusLog(path, measure, encoding, least_ns, writer, both=serves)),
        (output.connection_file, lambda path, writer: ConnectionLog(path, encoding, writer)),
        (
            output.jitter_file,
            lambda path, writer: JitterLog(path, single=expected == 1, encoding=encoding, writer=writer),
        ),
        (output.error_file, lambda path, writer: ErrorLog(path, encoding, writer)),
        (output.events_file, lambda path, writer: EventsLog(path, settings, unix_ns, writer)),
    )
    makers: list[Callable[[], Observer]] = [partial(make, path, make_writer()) for path, make in logs if path]
    if feed is not None:
        # In virtual time nobody waits for a line, and all of an instant may still be to come.
        makers.append(
            partial(PromptIntervalFeed if seed is None else IntervalFeed, feed, measure, least_ns, both=serves)
        )
    if output.prometheus is not None:
        makers.append(partial(_metrics_server, config, output.prometheus, serves=serves_metrics))
    # Lines and a view that is drawn over do not go together.
    shared = feed is not None and output.console == "auto" and is_terminal(sys.stdout)
    makers.append(
        lambda: (
            watching
            or choose_console(
                "lines" if shared else output.console,
                console,
                measure,
                expected_ns,
                least_ns,
                plan=plan,
                # Whoever comes to a server is news; a client knows whom it asks.
                tells_streams=serves,
                both=serves,
                result_follows=is_terminal(sys.stdout),
            )
        )
    )
    opened: list[Observer] = []
    found = list(mistakes)
    with ExitStack() as undo:
        for make in makers:
            try:
                observer = make()
            except UserError as mistake:
                found.append(mistake)
                continue
            opened.append(observer)
            undo.callback(observer.abandoned)
        tell_together(found)
        undo.pop_all()
    return opened


def expected_end_ns(config: Config, plan: StreamPlan) -> int | None:
    """Return when the run will end if nothing goes wrong, nanoseconds after it began; None if it has no end of its own."""
    if config.run.role == "server" or not config.client.iterations:
        return None
    return plan.end_offset_ns * config.client.iterations


def _metrics_server(config: Config, address: str, *, serves: bool) -> Observer:
    try:
        from cts.output.metrics_server import MetricsServer, listen
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        text = "needs the Python package prometheus-client: pip install 'cts-media-stream[prometheus]'"
        raise UserError(f"output.prometheus: {text}") from error
    about = {"version": __version__, "role": config.run.role, "direction": config.stream.direction.value}
    server = MetricsServer(listen(*parse_scrape_address(address)), about)
    if serves:
        server.serve()
    return server


def event_settings(config: Config, plan: StreamPlan, *, seed: int | None, expected: int) -> dict[str, object]:
    """Return what the events' first line says of a configuration.

    Args:
        config: it.
        plan: its stream arithmetic.
        seed: what all chance follows from, in a simulation; None for a real run, which has the configuration's own.
        expected: how many streams there are to be, 0 for no end.
    """
    return {
        "role": config.run.role,
        "direction": config.stream.direction.value,
        "verify": config.stream.verify.value,
        "verdict": config.stream.verdict.value,
        **plan_written(plan),
        "status_interval_ns": config.output.status_update,
        "seed": config.run.seed if seed is None else seed,
        "expected_streams": expected,
        "encoding": config.output.encoding,
        "outcome_profile": profile_written(profile_of(config)),
        "provenance": provenance_written(provenance_of(config, simulated=seed is not None)),
        "expect": [str(each) for each in config.expect],
    }
