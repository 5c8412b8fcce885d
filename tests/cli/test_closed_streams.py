"""Standard input, output or error closed, as a service manager or a careful script starts a program."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cts.cli import _open_standard_streams
from tests.cli.running_cts import COMMAND, CONFIGS, FREE_PORT, PATIENCE_S, SERVER, SHORT, STREAM, arguments

RUN = arguments(["run", STREAM], (*SHORT, *FREE_PORT))
WORKERS = arguments(["run", STREAM], (*SHORT, *FREE_PORT, "run.processes=2"))
SERVER_WORKERS = arguments(["run", SERVER], ("server.listen=127.0.0.1:0", "run.processes=2", "run.time_limit=100ms"))
SIM = arguments(["sim", CONFIGS / "sim-wifi.toml"], SHORT)
COMMANDS = {"run": RUN, "workers": WORKERS, "sim": SIM, "check": ["check", str(STREAM)], "plugins": ["plugins"]}
OTHERS = {"workers of a server": SERVER_WORKERS}


def run_with(redirections: str, args: list[str]) -> subprocess.CompletedProcess[str]:
    line = f"exec {shlex.join([*COMMAND, *args])} {redirections}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize(
    ("command", "redirections"),
    [
        *(("run", redirections) for redirections in ("<&-", ">&-", "2>&-")),
        *((command, "<&- >&- 2>&-") for command in COMMANDS),
        ("workers of a server", ">&-"),
        ("workers of a server", "2>&-"),
    ],
)
def test_a_command_works_without(command: str, redirections: str) -> None:
    finished = run_with(redirections, (COMMANDS | OTHERS)[command])
    assert finished.returncode == 0, finished
    assert "Traceback" not in finished.stderr
    assert bool(finished.stdout) == (">&-" not in redirections.replace("2>&-", ""))


def test_no_log_gets_what_is_meant_for_standard_error(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    finished = run_with("<&- 2>&-", [*RUN, *arguments([], [f"output.events_file={events}", "output.console=lines"])])
    assert finished.returncode == 0
    assert [json.loads(line)["event"] for line in events.read_text().splitlines()][-1] == "run_ended"


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_a_stream_that_nothing_can_take_the_place_of_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.devnull)

    monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SystemExit) as left:
        _open_standard_streams()
    assert left.value.code == f"cts: {name} is closed, and /dev/null cannot take its place: No such file or directory"
