"""A run for programs that read standard output while it goes on: a line each status interval, as JSON or CSV.

Lines go by a thread, as the console's do: a reader that stops, or goes, holds up nothing. It is told that lines are missing, as
of any log; what the run came to is not lost with them (:mod:`cts.cli.telling`).
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Literal, TextIO

from cts.errors import UserError, system_reason
from cts.output.console_stream import ConsoleStream
from cts.output.intervals import Figures, IntervalReader, interval_keys
from cts.output.ordering import PromptObserver
from cts.protocol.roles import Role
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot
from cts.records.writers import LOG_LIMIT

__all__ = ["INTERVAL_SCHEMA", "Feed", "FeedForm", "IntervalFeed", "PromptIntervalFeed"]

FeedForm = Literal["jsonl", "csv"]

INTERVAL_SCHEMA = 1
"""Rises when a key changes its meaning or goes; new keys do not raise it."""


class Feed:
    """Lines on a stream, each flushed; one that is no file takes them at once.

    Args:
        stream: standard output; None if that is closed.
        form: what the lines are.

    Raises:
        UserError: there is no stream.
    """

    def __init__(self, stream: TextIO | None, form: FeedForm) -> None:
        self.form = form
        self._name = f"--{form}"
        if stream is None or stream.closed:
            raise UserError(f"{self._name}: stdout is closed; allowed: a file, a pipe or a terminal")
        self._error: OSError | None = None
        self._unhurried: ConsoleStream | None = None
        with suppress(AttributeError, OSError, ValueError):  # it has no file
            self._unhurried = ConsoleStream(stream, LOG_LIMIT, tells_gaps=False)
        self._stream: TextIO = self._unhurried or stream

    @property
    def failure(self) -> str | None:
        """Why not all lines were taken, as a message for the user; None while all is well."""
        error = self._error or (self._unhurried.error if self._unhurried is not None else None)
        if error is not None:
            return f"{self._name}: cannot write to stdout any more: {system_reason(error)}"
        lost = self._unhurried.lost if self._unhurried is not None else 0
        if not lost:
            return None
        return f"{self._name}: {lost:,} {'line is' if lost == 1 else 'lines are'} missing on stdout: the reader did not keep up"

    def write(self, line: str) -> None:
        """Have a line written; does nothing after a failure to write."""
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except OSError as error:
            self._error = error

    def end(self, last: str | None = None) -> None:
        """Write a last line, if any, and wait until all is taken, or for two seconds no line was."""
        stream = self._unhurried
        # It may be longer than what there is room for beside others.
        is_read = stream is not None and stream.settle()
        if last is not None:
            self.write(last)
        if stream is not None:
            if is_read:
                stream.settle()
            stream.end()


class IntervalFeed(Observer):
    """Writes each interval; what happens in one instant is told together, so that a simulation gives the same bytes.

    Args:
        feed: takes the lines.
        measure: whose bytes make the rate.
        least_ns: how long an interval counts at least for its rate, nanoseconds.
        both: whether the side may play both parts: then the bytes of both do.
    """

    wants_delays = True

    def __init__(self, feed: Feed, measure: Role, least_ns: int = 0, *, both: bool = False) -> None:
        self._feed = feed
        self._intervals = IntervalReader(measure, least_ns, both=both)

    def run_began(self, began_ns: int) -> None:
        """Write the names of the columns, where there are any."""
        if self._feed.form == "csv":
            self._feed.write(",".join(interval_keys()))

    def status(self, snapshot: RunSnapshot) -> None:
        """Write the interval that ends here."""
        figures = self._intervals.read(snapshot)
        if figures is not None:
            self._feed.write(_csv(figures) if self._feed.form == "csv" else _json(figures))

    def failures(self) -> tuple[str, ...]:
        """Return why the lines are not whole."""
        return () if self._feed.failure is None else (self._feed.failure,)


class PromptIntervalFeed(PromptObserver, IntervalFeed):
    """Writes each at once: whoever reads it waits for it."""


def _json(figures: Figures) -> str:
    return json.dumps({"schema": INTERVAL_SCHEMA, "kind": "interval", **figures})


def _csv(figures: Figures) -> str:
    return ",".join("" if value is None else str(value) for value in figures.values())
