"""Runs over several processes, as a user starts them: one console, one set of logs, one summary, and no process left."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
import trio
from attrs import frozen

from cts.api import Address
from cts.clock.system_pacer import open_pacer
from cts.config import load_config
from cts.records.observer import Observer
from cts.runs.session_settings import WorkerSetup, session_settings
from cts.runs.workers.session import WorkersSession
from tests.cli import running_cts
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
    free_port,
    run_cts,
    run_here,
)
from tests.runs.processes import Watched, workers_of

TWO = ("run.processes=2",)
SHORT = ("stream.stream_length=300ms", "stream.buffer_depth=300ms", "client.connections=4")
FRAMES = 9
STREAMS = 4
HANGS_S = 20.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_cts, "PATIENCE_S", HANGS_S)


def failures(finished: Finished) -> list[str]:
    return cast("list[str]", json.loads(finished.stdout)["failures"])


@frozen
class Logged:
    finished: Finished
    directory: Path

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.directory / "events.jsonl").read_text("utf-8").splitlines()]

    @property
    def connections(self) -> list[dict[str, str]]:
        with (self.directory / "connections.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def run_loopback(direction: str, directory: Path) -> Logged:
    logs = (f"output.connection_file={directory}/connections.csv", f"output.events_file={directory}/events.jsonl")
    sets = (*TWO, *SHORT, *FREE_PORT, *QUIET, *logs, f"stream.direction={direction}")
    return Logged(run_cts("run", STREAM, "--json", sets=sets), directory)


@pytest.fixture(scope="module")
def loopbacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Logged]:
    with ThreadPoolExecutor(2) as pool:
        futures = {
            direction: pool.submit(run_loopback, direction, tmp_path_factory.mktemp(direction))
            for direction in ("pull", "push")
        }
        return {direction: future.result() for direction, future in futures.items()}


@pytest.fixture(params=["pull", "push"])
def loopback(request: pytest.FixtureRequest, loopbacks: dict[str, Logged]) -> Logged:
    return loopbacks[request.param]


def test_the_totals_are_those_of_all_processes(loopback: Logged) -> None:
    report = loopback.finished.report
    assert loopback.finished.status == 0, loopback.finished
    assert report["connections"] == {
        "successful": STREAMS,
        "network_errors": 0,
        "protocol_errors": 0,
        "cancelled": 0,
    }
    assert report["frames"] == {"completed": STREAMS * FRAMES, "dropped": 0, "repeated": 0, "error": 0}
    assert report["bytes_received"] == sum(stream["bytes_received"] for stream in report["streams"]) > 0
    assert (report["role"], failures(loopback.finished)) == ("loopback", [])


def test_each_stream_is_reported_once_by_its_receiver(loopback: Logged) -> None:
    streams = loopback.finished.report["streams"]
    assert [stream["role"] for stream in streams] == ["receiver"] * STREAMS
    assert len({stream["id"] for stream in streams}) == STREAMS


def test_the_connection_log_has_every_stream_whole(loopback: Logged) -> None:
    rows = loopback.connections
    assert {row["ConnectionId"] for row in rows} == {stream["id"] for stream in loopback.finished.report["streams"]}
    assert [(row["Completed"], row["Dropped"], row["Result"]) for row in rows] == [
        (str(FRAMES), "0", "Succeeded")
    ] * STREAMS


def test_the_events_log_numbers_the_streams_of_all_processes_anew(loopback: Logged) -> None:
    for event in ("stream_opened", "stream_ended"):
        numbers = sorted(cast("int", each["stream"]) for each in loopback.events if each["event"] == event)
        assert numbers == [1, 2, 3, 4], event


def test_the_events_log_has_the_frames_of_all_streams(loopback: Logged) -> None:
    frames = [(each["stream"], each["sequence"]) for each in loopback.events if each["event"] == "frame"]
    assert Counter(frames) == {(stream, frame): 1 for stream in range(1, 5) for frame in range(1, FRAMES + 1)}


def test_the_events_log_says_of_one_stream_the_same_from_first_to_last(loopback: Logged) -> None:
    ends = [
        {
            cast("int", each["stream"]): (each["local"], each["remote"])
            for each in loopback.events
            if each["event"] == event
        }
        for event in ("stream_opened", "stream_ended")
    ]
    # A server's own side may have been bound to every address, so the remote end is what tells.
    assert {number: remote for number, (_, remote) in ends[0].items()} == {
        number: remote for number, (_, remote) in ends[1].items()
    }


def test_the_events_log_is_complete(loopback: Logged) -> None:
    events = [each["event"] for each in loopback.events]
    assert (events[0], events[-1]) == ("run_began", "run_ended")
    assert events.count("run_began") == events.count("run_ended") == 1


def test_a_server_of_two_processes_leaves_after_its_exit_limit() -> None:
    address = f"127.0.0.1:{free_port()}"
    serving = (*TWO, *SHORT, *CLOSELY, f"server.listen={address}", "server.server_exit_limit=4")
    with Running("run", SERVER, "--json", sets=serving) as server:
        server.wait_for_row()
        client = run_cts("run", CLIENT, "--json", sets=(*SHORT, *QUIET, f"client.target={address}"))
        served = server.finish()
    assert (client.status, served.status) == (0, 0), (client, served)
    assert client.report["frames"]["completed"] == STREAMS * FRAMES
    assert served.report["connections"]["successful"] == STREAMS
    assert {stream["id"] for stream in served.report["streams"]} == {
        stream["id"] for stream in client.report["streams"]
    }


def test_a_process_that_is_killed_is_reported_and_the_results_of_the_others_are_kept() -> None:
    address = f"127.0.0.1:{free_port()}"
    length = ("stream.stream_length=1500ms", "stream.buffer_depth=300ms")
    with Running("run", SERVER, sets=(*length, *CLOSELY, f"server.listen={address}")) as server:
        server.wait_for_row()
        asking = (*TWO, *length, *CLOSELY, "client.connections=4", f"client.target={address}")
        with Running("run", CLIENT, "--json", sets=asking) as client:
            client.wait_for_row(lambda row: row.streams == STREAMS)
            victim, _ = workers_of(client.pid)
            os.kill(victim, signal.SIGKILL)
            finished = client.finish()
    assert finished.status == 1
    (text,) = failures(finished)
    assert f"(pid {victim}) was killed by signal 9" in text
    assert text in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [stream["result"] for stream in finished.report["streams"]] == ["Succeeded"] * 2


def test_the_text_for_people_says_that_a_process_died() -> None:
    # All the frames that came may be whole: without this, the summary would read like a success.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        target = f"client.target=127.0.0.1:{mute.getsockname()[1]}"
        sets = (*TWO, *LONG, *CLOSELY, "client.connections=2", target)
        with Running("run", CLIENT, sets=(*sets, "run.grace=0s")) as client:
            client.wait_for_row()
            victim, _ = workers_of(client.pid)
            os.kill(victim, signal.SIGKILL)
            client.wait_until_it_says(lambda text: "was killed by signal 9" in text)
            client.interrupt()
            finished = client.finish()
    assert "was killed by signal 9" in finished.stdout


def test_ctrl_c_ends_every_process_with_130_and_a_summary() -> None:
    sets = (*TWO, *LONG, *CLOSELY, *FREE_PORT, "run.grace=0s", "client.connections=4")
    with Running("run", STREAM, sets=sets) as run:
        run.wait_for_row(lambda row: row.completed > 0)
        pids = workers_of(run.pid)
        watched = Watched(pids)
        run.interrupt()
        finished = run.finish()
    assert len(pids) == 4
    assert watched.have_ended(HANGS_S)
    assert finished.status == 130
    assert "4 cancelled" in finished.stdout
    assert "interrupted" in finished.stdout
    assert "Traceback" not in finished.stderr


def test_what_the_time_limit_cut_off_in_all_processes_is_counted() -> None:
    sets = (*TWO, *LONG, *QUIET, *FREE_PORT, "client.connections=4", "run.time_limit=3s")
    finished = run_cts("run", STREAM, "--json", sets=sets)
    assert finished.status == 0
    assert finished.report["cut_off_by_time_limit"] == finished.report["connections"]["cancelled"] == 4


def test_what_the_network_said_in_all_processes_is_counted() -> None:
    sets = (*TWO, *SHORT, *QUIET, f"client.target=127.0.0.1:{free_port()}")
    assert run_cts("run", CLIENT, "--json", sets=sets).report["unreachable"] >= STREAMS


def test_no_process_outlives_a_run_that_is_killed() -> None:
    with Running("run", STREAM, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, "client.connections=4")) as run:
        run.wait_for_row()
        watched = Watched(workers_of(run.pid))
        run.kill()
        run.finish()
    assert watched.have_ended(HANGS_S)


async def test_a_stop_before_the_processes_have_their_task_ends_the_run() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s", "client.connections=4"))
    session = WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "a test"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", 0)],
        targets=[],
        observer=Observer(),
        say=lambda line: None,
    )
    session.stop()
    with trio.fail_after(HANGS_S):
        report = await session.run()
    assert report.interrupted


async def test_many_signals_are_no_trouble() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s"))
    session = WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "a test"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", 0)],
        targets=[],
        observer=Observer(),
        say=lambda line: None,
    )
    session.stop()
    for _ in range(20):
        session.stop_now()


def test_a_port_in_use_is_named_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{sock.getsockname()[1]}"
        message = run_cts(
            "run", STREAM, sets=(*TWO, *SHORT, *QUIET, f"server.listen={taken}", "client.target=[]")
        ).message
    assert message == f"cts: server.listen: cannot listen on {taken}: Address already in use\n"


def test_a_port_that_another_run_of_several_processes_has_is_in_use() -> None:
    # Sharing a port is for the processes of one run; strangers would take each other's streams.
    sets = (*TWO, *SHORT, *CLOSELY, f"server.listen=127.0.0.1:{free_port()}")
    with Running("run", SERVER, sets=sets) as first:
        first.wait_for_row()
        second = run_cts("run", SERVER, sets=(*sets, *QUIET, "run.time_limit=100ms"))
    assert "Address already in use" in second.message


def test_a_factory_of_a_plugin_is_refused(tmp_path: Path) -> None:
    pcap = ("connected_socket.factory=pcap", f"connected_socket.options.file={tmp_path / 'x.pcap'}")
    message = run_here("run", STREAM, sets=(*TWO, *QUIET, *FREE_PORT, *pcap)).message
    assert message.count("\n") == 1
    assert "connected_socket.factory: 'pcap' would be made in each of 2 processes" in message
    assert "allowed: 'default', or run.processes = 1" in message
    assert not (tmp_path / "x.pcap").exists()


def test_processes_can_be_bound_to_a_processor() -> None:
    cpu = min(os.sched_getaffinity(0))
    affinity = (f"run.cpu_affinity=[{cpu}]", "run.grace=0s", "client.connections=2")
    with Running("run", STREAM, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, *affinity)) as run:
        run.wait_for_row()
        bound = [os.sched_getaffinity(pid) for pid in workers_of(run.pid)]
        run.interrupt()
        assert run.finish().status == 130
    assert bound == [{cpu}] * 4


def test_a_processor_that_is_not_there_is_named() -> None:
    message = run_cts("run", STREAM, sets=(*TWO, *SHORT, *QUIET, *FREE_PORT, "run.cpu_affinity=[100000]")).message
    assert "run.cpu_affinity" in message
    assert message.count("\n") == 1
