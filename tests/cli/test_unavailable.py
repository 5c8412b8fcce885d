"""What a well-formed configuration asks for and this machine cannot give: ports, names, files."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.cli.running_cts import (
    CLIENT,
    CONFIGS,
    FREE_PORT,
    QUIET,
    SERVER,
    SHORT,
    SHORT_FRAMES,
    STREAM,
    Running,
    free_port,
    run_here,
)

FOREIGN = "192.0.2.1:4444"
NO_NAME = "no.such.host.invalid"
LOGS = ("status_file", "connection_file", "jitter_file", "error_file", "events_file")


def refused(*sets: str, config: Path = STREAM) -> str:
    """Return the one line with which a run with these overrides is refused."""
    message = run_here("run", config, sets=(*SHORT, *QUIET, *sets)).message
    assert message.count("\n") == 1, message
    return message


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{sock.getsockname()[1]}"


def test_a_port_in_use_is_named(taken: str) -> None:
    message = refused(f"server.listen={taken}")
    assert message == f"cts: server.listen: cannot listen on {taken}: Address already in use\n"


def test_who_serves_without_a_file_on_a_port_in_use_is_told_another(taken: str) -> None:
    host, port = taken.split(":")
    message = run_here("serve", taken).message
    assert message.startswith(f"cts: cannot listen on {taken}: Address already in use: another program, ")
    assert message.endswith(f"try another: cts serve '{host}:{int(port) + 1}'\n")


def test_a_port_in_use_is_no_reason_to_announce_a_run(taken: str) -> None:
    sets = (*SHORT, "output.console=lines", f"server.listen={taken}")
    assert run_here("run", STREAM, sets=sets).message.count("\n") == 1


def test_a_foreign_address_cannot_be_listened_on() -> None:
    message = refused(f"server.listen={FOREIGN}")
    assert f"server.listen: cannot listen on {FOREIGN}: Cannot assign requested address" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="to root every port is free")
def test_a_privileged_port_cannot_be_listened_on() -> None:
    assert "server.listen: cannot listen on 127.0.0.1:1: Permission denied" in refused("server.listen=127.0.0.1:1")


def test_a_listen_name_that_does_not_resolve_is_named() -> None:
    message = refused(f"server.listen={NO_NAME}:4444")
    assert f"server.listen: the name '{NO_NAME}' does not resolve: " in message


def test_a_target_that_does_not_resolve_is_named() -> None:
    message = refused(f"client.target={NO_NAME}", config=CLIENT)
    assert f"client.target: the name '{NO_NAME}' does not resolve: " in message


def test_a_server_has_no_use_for_targets_and_does_not_look_them_up() -> None:
    sets = (*QUIET, "run.time_limit=10ms", "server.listen=127.0.0.1:0", f"client.target={NO_NAME}")
    assert run_here("run", SERVER, sets=sets).status == 0


def test_a_client_has_no_use_for_listen_addresses_and_does_not_look_them_up() -> None:
    sets = (*QUIET, "run.time_limit=10ms", f"client.target=127.0.0.1:{free_port()}", f"server.listen={NO_NAME}:4444")
    assert run_here("run", CLIENT, sets=sets).status == 0


def test_a_target_that_cannot_be_reached_is_a_network_error_of_its_stream() -> None:
    finished = run_here("run", CLIENT, "--json", sets=(*SHORT, *QUIET, "client.target=255.255.255.255:4444"))
    assert finished.status == 1
    (stream,) = finished.report["streams"]
    assert stream["result"] == "13: Permission denied"
    assert finished.report["connections"]["network_errors"] == 1


@pytest.mark.parametrize("key", LOGS)
@pytest.mark.parametrize("place", ["directory", "missing parent", "procfs"])
def test_a_log_that_cannot_be_written_is_named_before_anything_runs(key: str, place: str, tmp_path: Path) -> None:
    path = {"directory": tmp_path, "missing parent": tmp_path / "no" / "log", "procfs": Path("/proc/cts.log")}[place]
    assert refused(*FREE_PORT, f"output.{key}={path}").startswith(f"cts: output.{key}: cannot write '{path}': ")


@pytest.mark.parametrize("command", ["run", "sim"])
def test_all_logs_that_cannot_be_written_are_named_at_once(command: str, tmp_path: Path) -> None:
    keys = [*LOGS, "truth_file"] if command == "sim" else LOGS
    logs = [f"output.{key}={tmp_path / 'no' / key}" for key in keys]
    lines = run_here(command, STREAM, sets=(*SHORT, *QUIET, *FREE_PORT, *logs)).message.splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == sorted(f"output.{key}" for key in keys)


def test_a_truth_log_alone_that_cannot_be_written_leaves_no_other_log_open(tmp_path: Path) -> None:
    sets = (
        *SHORT,
        *QUIET,
        f"output.truth_file={tmp_path / 'no' / 'truth'}",
        f"output.status_file={tmp_path / 's.csv'}",
    )
    message = run_here("sim", STREAM, sets=sets).message
    assert message.startswith("cts: output.truth_file: cannot write ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "sim"])
def test_logs_of_the_run_before_are_kept_by_a_run_that_cannot_begin(command: str, tmp_path: Path) -> None:
    logs = [key for key in LOGS if key != "connection_file"] + ["truth_file"] * (command == "sim")
    for key in logs:
        (tmp_path / key).write_text("measured\n")
    sets = [f"output.{key}={tmp_path / key}" for key in logs] + [f"output.connection_file={tmp_path / 'no' / 'log'}"]
    assert "output.connection_file" in run_here(command, STREAM, sets=(*SHORT, *QUIET, *FREE_PORT, *sets)).message
    assert {(tmp_path / key).read_text() for key in logs} == {"measured\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="to root every directory is open")
def test_a_log_in_a_directory_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    path = tmp_path / "status.csv"
    message = refused(*FREE_PORT, f"output.status_file={path}")
    assert f"output.status_file: cannot write '{path}': Permission denied" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing here is always full")
def test_a_full_disk_is_told_and_does_not_stop_the_streams() -> None:
    finished = run_here("run", STREAM, "--json", sets=(*SHORT, *QUIET, *FREE_PORT, "output.status_file=/dev/full"))
    assert finished.report["frames"]["completed"] == SHORT_FRAMES
    assert "output.status_file: cannot write '/dev/full': No space left on device" in finished.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing here is always full")
def test_a_full_disk_under_stdout_is_told_without_a_traceback() -> None:
    with Path("/dev/full").open("wb") as full, Running("check", STREAM, stdout=full.fileno()) as running:
        finished = running.finish()
    assert finished.status != 0
    assert "No space left on device" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    "obstacle",
    [f"server.listen={FOREIGN}", f"client.target={NO_NAME}"],
    ids=["no address", "no name"],
)
def test_a_run_that_cannot_begin_leaves_the_log_of_the_one_before(obstacle: str, tmp_path: Path) -> None:
    # Most of all where the port is in use: whoever has it is probably writing these very files.
    log = tmp_path / "status.csv"
    log.write_text("what the last run measured\n", encoding="utf-8")
    refused(*FREE_PORT, f"output.status_file={log}", obstacle)
    assert log.read_text(encoding="utf-8") == "what the last run measured\n"


def test_a_server_that_takes_a_free_port_says_which() -> None:
    said = run_here(
        "run", SERVER, sets=("output.console=lines", "server.listen=127.0.0.1:0", "run.time_limit=10ms")
    ).stderr
    assert re.search(r"127\.0\.0\.1:[1-9]\d*", said), said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["run", "sim"])
@pytest.mark.parametrize("log", ["status_file", "connection_file", "jitter_file", "events_file"])
def test_a_log_that_is_lost_on_the_way_makes_the_run_a_failure(command: str, log: str) -> None:
    config = STREAM if command == "run" else CONFIGS / "sim-wifi.toml"
    finished = run_here(command, config, "--json", sets=(*SHORT, *FREE_PORT, *QUIET, f"output.{log}=/dev/full"))
    assert (finished.status, finished.report["connections"]["successful"]) == (1, 1)
    (text,) = finished.report["failures"]
    assert text.startswith(f"output.{log}: cannot write '/dev/full")
    assert text in finished.stderr


@pytest.mark.parametrize("name", ["\x1b[31mred.toml", "\u202elmot.toml"])
def test_a_path_cannot_write_to_the_terminal_what_it_acts_on(name: str) -> None:
    message = run_here("run", name).message
    assert message.isascii()
    assert "\x1b" not in message


def no_thread(*args: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("command", ["run", "sim"])
def test_a_command_for_which_no_thread_can_be_started_says_so_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    finished = run_here(command, STREAM, sets=(*SHORT, *FREE_PORT, *QUIET))
    assert (finished.status, finished.stdout, finished.stderr.count("\n")) == (1, "", 1)
    assert "no thread can be started; raise the limit" in finished.stderr


def test_a_run_at_whose_end_no_thread_can_be_started_keeps_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
    events = tmp_path / "events.jsonl"
    finished = run_here("run", STREAM, "--json", sets=(*SHORT, *FREE_PORT, *QUIET, f"output.events_file={events}"))
    assert (finished.status, finished.report["frames"]["completed"]) == (0, SHORT_FRAMES)
    assert '"event":"run_ended"' in events.read_text().splitlines()[-1]


@pytest.mark.parametrize("command", ["run", "sim"])
def test_a_log_beside_a_working_directory_that_is_gone_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    message = run_here(command, STREAM, sets=(*SHORT, *FREE_PORT, *QUIET, "output.status_file=status.csv")).message
    assert message == "cts: output.status_file: cannot write 'status.csv': No such file or directory\n"
