"""Running ``cts`` as a user does: a process, its arguments, what it says, and how it leaves."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import TracebackType
from typing import TypedDict

from attrs import frozen

from cts.cli.commands import main
from tests.cli.forking import Forked, can_fork
from tests.schemas.validating import read_output

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
STREAM, SERVER, CLIENT = (CONFIGS / f"{name}.toml" for name in ("stream", "server", "client"))

SHORT = ("stream.stream_length=500ms", "stream.buffer_depth=500ms")
"""15 frames, all of them buffered, so that even on a busy machine none is sent too late to count."""
SHORT_FRAMES = 15
SHORT_FIRST_RENDER_S = 0.5
SHORT_END_S = 29 / 30
VERY_SHORT = ("stream.stream_length=100ms", "stream.buffer_depth=100ms")
"""For tests that look at no frame."""
LONG = ("stream.stream_length=60s", "stream.buffer_depth=300ms")
"""A stream that a test ends itself."""
FREE_PORT = ("server.listen=127.0.0.1:0",)
"""A loopback run that is in nobody's way."""
QUIET = ("output.console=quiet",)
CLOSELY = ("output.console=lines", "output.status_update=50ms")
"""A status line every 50 ms, for tests that wait for something to be seen."""

PATIENCE_S = 60.0
"""After this long a test gives up: a bound for a broken program, never what a test waits for."""

_SCRIPT = Path(sys.executable).with_name("cts")
COMMAND = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-c", "from cts.cli import main; main()"]
_STATUS_ROW = re.compile(r"^ *(\d+\.\d{3})" + r" +(\d+)" * 6 + r" *$", re.MULTILINE)


class Connections(TypedDict):
    successful: int
    network_errors: int
    protocol_errors: int
    cancelled: int


class Frames(TypedDict):
    completed: int
    dropped: int
    repeated: int
    error: int


class Count(TypedDict):
    due: int


class Metrics(TypedDict):
    streams: int
    frames: Count
    datagrams: Count


class Stream(TypedDict):
    id: str
    local: str
    remote: str
    role: str
    result: str
    bits_per_second: int
    frames: Frames
    started_seconds: float
    ended_seconds: float
    bytes_received: int
    bytes_sent: int | None
    unreachable: int
    remark: str | None
    metrics: Metrics


class Unsent(TypedDict):
    frames: int
    seconds: float


class Room(TypedDict):
    asked: int
    given: int


class Buffers(TypedDict):
    receive: Room
    send: Room


class Playout(TypedDict):
    depths: list[list[float]]
    smallest: dict[str, float | None]


class Report(TypedDict):
    schema: int
    cts: str
    role: str
    direction: str
    elapsed_seconds: float
    connections: Connections
    frames: Frames
    metrics: Metrics
    bytes_received: int
    bytes_on_time: int
    streams: list[Stream]
    bytes_sent: int | None
    refused: dict[str, int]
    overflowed: int
    unreachable: int
    streams_omitted: int
    streams_never_began: int
    interrupted: bool
    failures: list[str]
    cut_off_by_time_limit: int | None
    answered: list[str]
    buffers: Buffers
    unsent: dict[str, Unsent]
    playout: Playout


@frozen
class StatusRow:
    """A line of the plain console."""

    seconds: float
    bits_per_second: int
    streams: int
    completed: int
    dropped: int
    repeated: int
    errors: int


@frozen
class Finished:
    """A ``cts`` that has left."""

    status: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Report:
        """What ``--json`` printed: stdout as a whole, so that anything else there fails the test."""
        loaded: Report = json.loads(self.stdout)
        return loaded

    @property
    def rows(self) -> list[StatusRow]:
        return status_rows(self.stderr)

    @property
    def message(self) -> str:
        """What a run that was refused said; all the ways in which it would be no plain message fail the test."""
        assert self.status == 2, self
        assert self.stdout == ""
        assert "Traceback" not in self.stderr
        return self.stderr


def status_rows(text: str) -> list[StatusRow]:
    rows = []
    for row in _STATUS_ROW.finditer(text):
        rate, streams, completed, dropped, repeated, errors = map(int, row.groups()[1:])
        rows.append(StatusRow(float(row[1]), rate, streams, completed, dropped, repeated, errors))
    return rows


def arguments(args: Sequence[str | Path], sets: Iterable[str]) -> list[str]:
    return [*map(str, args), *(text for override in sets for text in ("--set", override))]


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
    return port


def left(args: Sequence[str | Path], status: int, stdout: str, stderr: str) -> Finished:
    """Return what a ``cts`` left behind; what it printed with ``--json`` has to be what its schema says."""
    if "--json" in args and stdout and status >= 0:
        read_output(str(args[0]), stdout)
    return Finished(status, stdout, stderr)


class Running:
    """A ``cts`` under way, whose output is gathered as it comes; killed if it is left before it has finished.

    Forked, unless it is to start ``anew``, as it has to where a test looks at how it does. Its ``host`` is a network namespace.
    """

    def __init__(
        self,
        *args: str | Path,
        sets: Iterable[str] = (),
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        ignored: str = "",
        anew: bool = False,
        host: str | None = None,
    ) -> None:
        self._args = args
        prefix: list[str] = []
        if host is not None:
            prefix += ["ip", "netns", "exec", host]
        if ignored:
            # As a shell leaves them to what it starts in the background.
            prefix += ["sh", "-c", f"trap '' {ignored}; exec \"$@\"", "sh"]
        self._process: Forked | subprocess.Popen[bytes]
        env = {**os.environ, **(environment or {})}
        if anew or ignored or not can_fork(environment or {}):
            self._process = subprocess.Popen(
                [*prefix, *COMMAND, *arguments(args, sets)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                env=env,
            )
        else:
            self._process = Forked(arguments(args, sets), stdout=stdout, stderr=stderr, cwd=cwd, env=env, host=host)
        self._pipes = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._said = dict.fromkeys(self._pipes, b"")
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._gather, args=(name, pipe.fileno()), daemon=True)
            for name, pipe in self._pipes.items()
            if pipe is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self.finish()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def hang_up(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        self._process.kill()

    def wait_until_it_says(self, condition: Callable[[str], bool]) -> None:
        """Wait until what it has written to stderr so far meets ``condition``."""
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while not condition(self._stderr()):
                alive = any(reader.is_alive() for reader in self._readers)
                assert alive, f"it ended before that: {self._stderr()}"
                assert time.monotonic() < deadline, f"never came: {self._stderr()}"
                self._news.wait(1.0)

    @property
    def rows(self) -> list[StatusRow]:
        """The status lines so far."""
        with self._news:
            return status_rows(self._stderr())

    def wait_for_row(self, condition: Callable[[StatusRow], bool] = lambda row: True) -> None:
        """Wait for a status line that meets ``condition``; for any, that is until its sockets are bound."""
        self.wait_until_it_says(lambda text: any(map(condition, status_rows(text))))

    def has_left(self, within_s: float) -> bool:
        """Wait for it to leave, so long at most."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        return self._process.returncode is not None

    def finish(self) -> Finished:
        """Wait until it leaves."""
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for pipe in self._pipes.values():
            if pipe is not None:
                pipe.close()
        return left(self._args, status, self._said["stdout"].decode(), self._stderr())

    def _stderr(self) -> str:
        return self._said["stderr"].decode(errors="replace")

    def _gather(self, name: str, fd: int) -> None:
        while chunk := os.read(fd, 65_536):
            with self._news:
                self._said[name] += chunk
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


def run_cts(*args: str | Path, sets: Iterable[str] = (), cwd: Path | None = None) -> Finished:
    with Running(*args, sets=sets, cwd=cwd) as running:
        return running.finish()


def run_here(*args: str | Path, sets: Iterable[str] = ()) -> Finished:
    """Run a command in this process, for the many questions that are not worth a process each.

    An exception that it lets out fails the test, as its traceback would the user's patience.
    """
    out, err = io.StringIO(), io.StringIO()
    arguments_before, sys.argv = sys.argv, ["cts", *arguments(args, sets)]
    status: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as leaving:
        status = leaving.code
    finally:
        sys.argv = arguments_before
    assert isinstance(status, int)
    return left(args, status, out.getvalue(), err.getvalue())


def run_together(
    apart: Mapping[str, Iterable[str]], here: Mapping[str, Iterable[str]], *args: str | Path
) -> dict[str, Finished]:
    """Run ``cts`` with the same arguments and several sets of overrides: some as processes, others meanwhile."""
    with ThreadPoolExecutor(3) as pool:
        futures = {name: pool.submit(run_cts, *args, sets=tuple(sets)) for name, sets in apart.items()}
        finished = {name: run_here(*args, sets=sets) for name, sets in here.items()}
        return {name: future.result() for name, future in futures.items()} | finished
