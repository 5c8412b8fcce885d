"""How a run is stopped: Ctrl-C, Ctrl-C twice, SIGTERM, a time limit."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    FREE_PORT,
    LONG,
    QUIET,
    SERVER,
    STREAM,
    Finished,
    Running,
    StatusRow,
    free_port,
    run_here,
)

LOGS = {
    "status_file": "status.csv",
    "connection_file": "connections.csv",
    "jitter_file": "jitter.csv",
    "error_file": "errors.txt",
    "events_file": "events.jsonl",
}
AT_ONCE = "run.grace=0s"
WITH_PATIENCE = "run.grace=60s"


def has_completed_frames(row: StatusRow) -> bool:
    return row.completed > 0


def interrupt_a_loopback_run(directory: Path) -> Finished:
    logs = [f"output.{key}={directory / name}" for key, name in LOGS.items()]
    with Running("run", STREAM, "--json", sets=(*LONG, *CLOSELY, *FREE_PORT, *logs, AT_ONCE)) as run:
        run.wait_for_row(has_completed_frames)
        run.interrupt()
        return run.finish()


def interrupt_twice() -> Finished:
    with Running("run", STREAM, sets=(*LONG, *CLOSELY, *FREE_PORT, WITH_PATIENCE)) as run:
        run.wait_for_row(has_completed_frames)
        run.interrupt()
        run.wait_until_it_says(lambda text: "stopping" in text)
        run.interrupt()
        return run.finish()


def terminate() -> Finished:
    with Running("run", STREAM, "--json", sets=(*LONG, *CLOSELY, *FREE_PORT, AT_ONCE)) as run:
        run.wait_for_row()
        run.terminate()
        return run.finish()


def interrupt_a_stream_that_may_end() -> Finished:
    sets = ("stream.stream_length=500ms", "stream.buffer_depth=300ms", "client.iterations=0", WITH_PATIENCE)
    with Running("run", STREAM, "--json", sets=(*CLOSELY, *FREE_PORT, *sets)) as run:
        run.wait_for_row(has_completed_frames)
        run.interrupt()
        return run.finish()


def interrupt_a_server_and_its_client() -> tuple[Finished, Finished]:
    address = f"127.0.0.1:{free_port()}"
    with Running("run", SERVER, "--json", sets=(*LONG, *CLOSELY, AT_ONCE, f"server.listen={address}")) as server:
        server.wait_for_row()
        with Running("run", CLIENT, "--json", sets=(*LONG, *CLOSELY, AT_ONCE, f"client.target={address}")) as client:
            client.wait_for_row(has_completed_frames)
            client.interrupt()
            client_finished = client.finish()
        server.interrupt()
        return server.finish(), client_finished


def interrupt_an_idle_server() -> Finished:
    with Running("run", SERVER, "--json", sets=(*CLOSELY, WITH_PATIENCE, "server.listen=127.0.0.1:0")) as server:
        server.wait_for_row()
        server.interrupt()
        return server.finish()


class Stopped:
    """All of these, which spend their time waiting and so run at the same time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with ThreadPoolExecutor(6) as pool:
            loopback = pool.submit(interrupt_a_loopback_run, directory)
            both = pool.submit(interrupt_a_server_and_its_client)
            twice, terminated = pool.submit(interrupt_twice), pool.submit(terminate)
            gentle, idle = pool.submit(interrupt_a_stream_that_may_end), pool.submit(interrupt_an_idle_server)
            self.loopback, self.twice, self.terminated = loopback.result(), twice.result(), terminated.result()
            self.gentle, self.idle = gentle.result(), idle.result()
            self.server, self.client = both.result()

    def log(self, key: str) -> list[str]:
        return (self.directory / LOGS[key]).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    return Stopped(tmp_path_factory.mktemp("stopped"))


@pytest.fixture(params=["loopback", "server", "client", "idle", "gentle"])
def interrupted(request: pytest.FixtureRequest, stopped: Stopped) -> Finished:
    finished: Finished = getattr(stopped, request.param)
    return finished


def test_ctrl_c_leaves_with_130(interrupted: Finished) -> None:
    assert interrupted.status == 130


def test_ctrl_c_still_prints_the_result(interrupted: Finished) -> None:
    assert interrupted.report["interrupted"] is True


def test_ctrl_c_shows_no_traceback(interrupted: Finished) -> None:
    assert "Traceback" not in interrupted.stderr


def test_ctrl_c_is_answered_with_what_happens_now(interrupted: Finished) -> None:
    assert interrupted.stderr.count("stopping") == 1


@pytest.mark.parametrize("side", ["loopback", "client"])
def test_a_stream_that_the_grace_period_does_not_save_is_cancelled(stopped: Stopped, side: str) -> None:
    report = getattr(stopped, side).report
    assert report["connections"] == {"successful": 0, "network_errors": 0, "protocol_errors": 0, "cancelled": 1}
    assert [stream["result"] for stream in report["streams"]] == ["Cancelled"]


def test_what_a_cancelled_stream_had_measured_is_kept(stopped: Stopped) -> None:
    report = stopped.loopback.report
    assert report["frames"]["completed"] > 0
    assert report["bytes_received"] > 0


def test_a_stream_that_ends_within_the_grace_period_is_a_success(stopped: Stopped) -> None:
    report = stopped.gentle.report
    assert report["connections"]["cancelled"] == 0
    assert report["streams"][-1]["result"] == "Succeeded"


def test_no_stream_begins_after_ctrl_c(stopped: Stopped) -> None:
    # Without end by its configuration, it ended all the same, long before its grace period did.
    assert stopped.gentle.report["elapsed_seconds"] < 30


def test_an_idle_server_does_not_wait_for_its_grace_period(stopped: Stopped) -> None:
    assert stopped.idle.report["elapsed_seconds"] < 30
    assert stopped.idle.report["streams"] == []


def test_a_second_ctrl_c_does_not_wait_for_the_grace_period(stopped: Stopped) -> None:
    assert stopped.twice.status == 130
    assert stopped.twice.rows[-1].seconds < 30


def test_a_second_ctrl_c_still_prints_the_summary(stopped: Stopped) -> None:
    assert "interrupted" in stopped.twice.stdout
    assert "1 cancelled" in stopped.twice.stdout


def test_sigterm_leaves_with_143_and_the_result(stopped: Stopped) -> None:
    assert stopped.terminated.status == 143
    assert stopped.terminated.report["interrupted"] is True


def test_the_status_log_of_an_interrupted_run_has_every_frame(stopped: Stopped) -> None:
    header, *rows = stopped.log("status_file")
    completed = header.split(",").index("Completed")
    assert sum(int(row.split(",")[completed]) for row in rows) == stopped.loopback.report["frames"]["completed"]


def test_the_connection_log_of_an_interrupted_run_has_the_cancelled_stream(stopped: Stopped) -> None:
    (stream,) = stopped.loopback.report["streams"]
    header, row = stopped.log("connection_file")
    logged = dict(zip(header.split(","), row.split(","), strict=True))
    assert (logged["Result"], logged["ConnectionId"]) == ("Cancelled", stream["id"])


def test_the_jitter_log_of_an_interrupted_run_has_a_row_per_rendered_frame(stopped: Stopped) -> None:
    _, *rows = stopped.log("jitter_file")
    frames = stopped.loopback.report["frames"]
    assert [int(row.split(",")[0]) for row in rows] == list(range(1, frames["completed"] + frames["dropped"] + 1))


def test_the_error_log_of_an_interrupted_run_says_what_was_cancelled(stopped: Stopped) -> None:
    (line,) = stopped.log("error_file")
    assert "Cancelled" in line


def test_the_events_log_of_an_interrupted_run_is_complete(stopped: Stopped) -> None:
    events = [json.loads(line)["event"] for line in stopped.log("events_file")]
    assert (events[0], events[-1]) == ("run_began", "run_ended")
    assert "stream_ended" in events


def test_a_time_limit_ends_an_endless_run() -> None:
    sets = (*LONG, *FREE_PORT, *QUIET, "client.iterations=0", "run.time_limit=400ms")
    finished = run_here("run", STREAM, "--json", sets=sets)
    assert 0.4 <= finished.report["elapsed_seconds"] < 30
    assert finished.report["connections"]["cancelled"] == 1


def test_a_time_limit_ends_an_idle_server() -> None:
    finished = run_here("run", SERVER, "--json", sets=(*QUIET, "server.listen=127.0.0.1:0", "run.time_limit=100ms"))
    assert finished.status == 0
    assert 0.1 <= finished.report["elapsed_seconds"] < 30


def test_what_a_time_limit_cut_off_is_said_and_fails_nothing() -> None:
    finished = run_here("run", STREAM, sets=(*LONG, *FREE_PORT, *QUIET, "client.connections=2", "run.time_limit=300ms"))
    assert finished.status == 0
    assert re.search(r"^time limit +ended the run and cut off 2 streams$", finished.stdout, re.MULTILINE), finished


def test_a_time_limit_is_not_an_interruption() -> None:
    finished = run_here("run", STREAM, "--json", sets=(*LONG, *FREE_PORT, *QUIET, "run.time_limit=100ms"))
    assert finished.report["interrupted"] is False
