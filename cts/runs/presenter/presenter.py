"""The presenter's own process: told on standard input, answering on standard output.

Run as ``python -m cts.runs.presenter.presenter`` by :mod:`cts.runs.presenter.presenter_process`, never by hand.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from cts.errors import UserError
from cts.output.attended import LiveSettings
from cts.records.writers import write_all
from cts.runs.own_processes import MessageReader, packed
from cts.runs.presenter.messages import Draw, Drawn, PresenterTask, Ready, Scrapes, Told

if TYPE_CHECKING:
    from cts.output.live_picture import LivePicture
    from cts.output.metrics_server import MetricsServer

__all__ = ["main"]

_READ_AT_MOST = 65_536
_NICENESS = 19


def main() -> None:
    """Take the task from standard input, and present until that ends."""
    # A signal to all processes of a run, as a service manager sends it, is for the run to make something of.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    answers = os.dup(1)
    # What something prints is no message.
    os.dup2(2, 1)
    batches = _batches()
    try:
        first = next(batches, [])
        if first and isinstance(first[0], PresenterTask):
            _present(first[0], chain([first[1:]], batches), answers)
    except UserError as mistake:
        sys.exit(f"cts: {mistake}")
    except BrokenPipeError:
        return


def _batches() -> Iterator[list[object]]:
    """Yield what comes at a time, until nothing comes any more."""
    reader = MessageReader()
    while data := os.read(0, _READ_AT_MOST):
        if batch := list(reader.feed(data)):
            yield batch


def _present(task: PresenterTask, batches: Iterable[list[object]], answers: int) -> None:
    _run_elsewhere(task.processors)
    picture = None if task.view is None else _picture(task.view)
    metrics = None if task.scrapes is None else _metrics(task.scrapes)
    # Only now: on a host that is busy it would never get so far.
    _give_way()
    os.write(answers, packed(Ready()))
    for batch in batches:
        wanted: Draw | None = None
        for message in batch:
            if isinstance(message, Draw):
                wanted = message
            elif isinstance(message, Told):
                if picture is not None:
                    picture.take(message.snapshot)
                if metrics is not None and message.whole:
                    metrics.status(message.snapshot)
        if wanted is not None and picture is not None:
            drawn = Drawn(wanted.number, picture.drawn_at_once(wanted.layout))
            write_all(answers, packed(drawn), lambda: False)


def _run_elsewhere(processors: tuple[int, ...]) -> None:
    if processors:
        with suppress(AttributeError, OSError):  # AttributeError: not Linux
            os.sched_setaffinity(0, processors)


def _give_way() -> None:
    """Have everybody else run first, above all the process that sends."""
    with suppress(AttributeError, OSError):
        os.nice(_NICENESS)
        # When it wakes up, it takes the processor from nobody who runs.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _picture(settings: LiveSettings) -> LivePicture:
    from cts.output.live_picture import LivePicture

    return LivePicture(settings)


def _metrics(scrapes: Scrapes) -> MetricsServer:
    from cts.output.metrics_server import MetricsServer

    server = MetricsServer(socket.socket(fileno=scrapes.fd), scrapes.about)
    server.serve()
    return server


if __name__ == "__main__":
    main()
