"""Logs that fail while a run goes on: it says so then, once, and in the end from when on which log is incomplete."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.running_cts import (
    CLOSELY,
    COMMAND,
    FREE_PORT,
    LONG,
    PATIENCE_S,
    QUIET,
    STREAM,
    Report,
    Running,
    arguments,
)

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="needs /dev/full")


def cannot_mount() -> bool:
    """Return whether this process can have no file system of its own."""
    if shutil.which("unshare") is None:
        return True
    return bool(subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode)


@needs_full_disk
@pytest.mark.parametrize("processes", [1, 2])
def test_a_log_that_fails_is_told_while_the_run_goes_on_and_only_once(processes: int) -> None:
    sets = (*FREE_PORT, *LONG, *CLOSELY, "output.events_file=/dev/full", "run.grace=0s", f"run.processes={processes}")
    with Running("run", STREAM, "--json", sets=(*sets, f"client.connections={processes}")) as running:
        running.wait_until_it_says(lambda text: "output.events_file: cannot write" in text)
        running.wait_until_it_says(lambda text: text.rpartition("cannot write")[2].count("\n") > 3)
        running.interrupt()
        finished = running.finish()
    (failure,) = finished.report["failures"]
    told = r"output\.events_file: cannot write '/dev/full': No space left on device; incomplete from 0\.\d{3} s"
    assert re.fullmatch(told, failure)
    assert finished.stderr.count(failure) == 1


def test_a_log_whose_folder_is_deleted_is_told_while_the_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    sets = (*FREE_PORT, *LONG, *CLOSELY, f"output.events_file={folder}/events", "run.grace=0s")
    with Running("run", STREAM, "--json", sets=sets) as running:
        running.wait_for_row(lambda row: row.completed > 0)
        shutil.rmtree(folder)
        running.wait_until_it_says(lambda text: "was deleted while it was written" in text)
        running.interrupt()
        finished = running.finish()
    assert finished.report["frames"]["completed"] > 0
    assert finished.report["failures"] == [
        f"output.events_file: '{folder}/events' was deleted while it was written; all that it held is lost"
    ]


@pytest.mark.skipif(cannot_mount(), reason="needs a mount namespace of its own")
def test_a_disk_that_becomes_full_costs_no_frame_and_leaves_whole_lines(tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    many = ("stream.frame_rate=200", "stream.stream_length=2s", "stream.buffer_depth=1s", "output.status_update=100ms")
    sets = (*FREE_PORT, *QUIET, *many, f"output.events_file={disk}/events", f"output.status_file={disk}/status.csv")
    script = f'mount -t tmpfs -o size=32k tmpfs "{disk}" && "$@"; left=$?; cp "{disk}/events" "{kept}"; exit $left'
    command = ["unshare", "-m", "sh", "-c", script, "sh", *COMMAND, *arguments(["run", STREAM, "--json"], sets)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    report: Report = json.loads(finished.stdout)
    assert finished.returncode == 1
    assert report["frames"]["completed"] == 400
    failures = [each for each in report["failures"] if "output.events_file" in each]
    (found,) = re.findall(r"No space left on device; incomplete from (\d\.\d{3}) s", "".join(failures))
    events = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(events) > 10
    # All that was told before is there.
    assert events[-1]["time_ns"] <= (float(found) + 0.2) * 1e9
    assert kept.read_bytes().endswith(b"\n")


def test_what_a_killed_run_leaves_is_valid_up_to_the_last_status(tmp_path: Path) -> None:
    names = ("status_file", "connection_file", "jitter_file", "error_file", "events_file")
    logs = {name: tmp_path / name for name in names}
    sets = (*FREE_PORT, *LONG, *CLOSELY, *(f"output.{name}={path}" for name, path in logs.items()))
    with Running("run", STREAM, sets=sets) as running:
        running.wait_for_row(lambda row: row.completed > 0)
        before = logs["events_file"].read_text().count('"status"')
        # What threads write comes when it comes; but it comes while the run goes on.
        while logs["events_file"].read_text().count('"status"') < before + 3:
            assert running.is_alive
        os.kill(running.pid, signal.SIGKILL)
        running.finish()
    events = [json.loads(line) for line in logs["events_file"].read_text().splitlines()]
    kinds = [each["event"] for each in events]
    last = len(kinds) - 1 - kinds[::-1].index("status")
    # All that was told before a status is there with it.
    frames = events[last]["frames"]
    assert kinds[:last].count("frame") == sum(frames[each] for each in ("completed", "dropped", "repeated"))
    for name in ("status_file", "jitter_file", "connection_file"):
        text = logs[name].read_text()
        assert text.endswith("\n")
        header, *rows = text.splitlines()
        assert {row.count(",") for row in rows} <= {header.count(",")}
    assert len(logs["status_file"].read_text().splitlines()) > 3
