"""Nobody who looks at a run may hold it up: a terminal stopped with Ctrl-S, a pipe whose reader stalls or never comes."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running_cts import (
    CLOSELY,
    CONFIGS,
    FREE_PORT,
    LONG,
    QUIET,
    SHORT,
    SHORT_FRAMES,
    STREAM,
    Running,
    free_port,
    run_cts,
)

CTRL_S = b"\x13"


@pytest.fixture
def stopped_terminal() -> Iterator[int]:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, CTRL_S)
    yield terminal
    os.close(terminal)
    os.close(keyboard)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def stalled_pipe(pipe: Path) -> Iterator[Path]:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield pipe
    os.close(reader)


@pytest.mark.parametrize("mode", ["lines", "live"])
def test_every_frame_completes_before_a_stopped_terminal(stopped_terminal: int, mode: str) -> None:
    sets = (*FREE_PORT, *SHORT, *CLOSELY, f"output.console={mode}")
    with Running("run", STREAM, "--json", sets=sets, stderr=stopped_terminal) as running:
        finished = running.finish()
    assert finished.status == 0
    assert finished.report["frames"]["completed"] == SHORT_FRAMES


@pytest.mark.parametrize("stop", [Running.interrupt, Running.terminate])
def test_a_run_before_a_stopped_terminal_is_stopped_as_any_other(
    stopped_terminal: int, stop: object, tmp_path: Path
) -> None:
    log = tmp_path / "status.csv"
    sets = (*FREE_PORT, *LONG, *CLOSELY, "run.grace=0s", f"output.status_file={log}")
    with Running("run", STREAM, sets=sets, stdout=stopped_terminal, stderr=stopped_terminal) as running:
        wait_for_a_row(running, log)
        assert callable(stop)
        stop(running)
        finished = running.finish()
    assert finished.status == (130 if stop is Running.interrupt else 143)


def test_a_relay_before_a_stopped_terminal_is_stopped_as_any_other(stopped_terminal: int, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    ends = ("--listen", f"127.0.0.1:{free_port()}", "--to", f"127.0.0.1:{free_port()}", "--truth", truth)
    config = CONFIGS / "sim-lossy.toml"
    with Running("impair", *ends, config, stdout=stopped_terminal, stderr=stopped_terminal) as running:
        wait_for_a_row(running, truth)
        running.terminate()
        assert running.finish().status == 0
    assert '"ended"' in truth.read_text().splitlines()[-1]


def wait_for_a_row(running: Running, log: Path) -> None:
    """Wait until a log has its second line, or of a relay its first."""
    rows = 2 if log.suffix == ".csv" else 1
    while not log.exists() or log.read_text().count("\n") < rows:
        assert running.is_alive


def test_a_reader_of_events_that_stalls_costs_no_frame_and_what_it_missed_is_told(stalled_pipe: Path) -> None:
    # More than a pipe holds.
    many = ("stream.frame_rate=1000", "stream.bits_per_second=10M", "stream.stream_length=1s", "stream.buffer_depth=1s")
    sets = (*FREE_PORT, *QUIET, *many, f"output.events_file={stalled_pipe}")
    finished = run_cts("run", STREAM, "--json", sets=sets)
    assert finished.status == 0
    assert finished.report["frames"]["completed"] == 1000
    assert f"output.events_file: '{stalled_pipe}' is incomplete from " in finished.stderr


@pytest.mark.parametrize("command", ["run", "sim"])
def test_a_pipe_that_nobody_reads_is_told_at_the_start(pipe: Path, command: str) -> None:
    sets = (*FREE_PORT, *SHORT, *QUIET, f"output.events_file={pipe}")
    message = run_cts(command, STREAM, sets=sets).message
    assert message == f"cts: output.events_file: cannot write '{pipe}': nobody reads this pipe\n"
