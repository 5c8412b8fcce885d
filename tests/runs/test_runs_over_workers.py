"""Runs over several processes, as a user starts them: one console, one set of logs, one summary, and no process left."""

from __future__ import annotations

import csv
import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import frozen

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    FREE_PORT,
    QUIET,
    SERVER,
    STREAM,
    Finished,
    Running,
    free_port,
    run_cts,
    run_here,
)
from tests.runs.processes import TWO, failures

SHORT = ("stream.stream_length=300ms", "stream.buffer_depth=300ms", "client.connections=4")
FRAMES = 9
STREAMS = 4


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
    assert report["frames"] == {
        "completed": STREAMS * FRAMES,
        "dropped": 0,
        "repeated": 0,
        "error": 0,
        "hidden_losses": 0,
    }
    assert report["bytes_received"] == sum(stream["bytes_received"] for stream in report["streams"]) > 0
    assert report["bytes_sent"] == report["bytes_received"]
    assert report["playout"]["depths"][-1][1:] == [STREAMS * FRAMES, 0, 0]
    assert (report["role"], failures(loopback.finished)) == ("loopback", [])


def test_the_metrics_are_those_of_all_processes(loopback: Logged) -> None:
    report = loopback.finished.report
    metrics = report["metrics"]
    assert (metrics["streams"], metrics["frames"]["due"]) == (STREAMS, STREAMS * FRAMES)
    assert metrics["datagrams"]["due"] == sum(stream["metrics"]["datagrams"]["due"] for stream in report["streams"])


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
        told = [(each["stream"], each["role"]) for each in loopback.events if each["event"] == event]
        assert sorted(told) == [(stream, role) for stream in (1, 2, 3, 4) for role in ("receiver", "sender")], event


def test_the_events_log_has_the_frames_of_all_streams(loopback: Logged) -> None:
    frames = [(each["stream"], each["sequence"]) for each in loopback.events if each["event"] == "frame"]
    assert Counter(frames) == {(stream, frame): 1 for stream in range(1, 5) for frame in range(1, FRAMES + 1)}


def test_the_events_log_says_of_one_stream_the_same_from_first_to_last(loopback: Logged) -> None:
    ends = [
        {
            (each["stream"], each["role"]): (each["local"], each["remote"])
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


@frozen
class Served:
    """A server of two processes, a client of it, and a second server that wanted its port meanwhile."""

    server: Finished
    client: Finished
    second: Finished


@pytest.fixture(scope="module")
def served() -> Served:
    address = f"127.0.0.1:{free_port()}"
    listening = (*TWO, *SHORT, f"server.listen={address}")
    with Running("run", SERVER, "--json", sets=(*listening, *CLOSELY, "server.server_exit_limit=4")) as server:
        server.wait_for_row()
        second = run_here("run", SERVER, sets=(*listening, *QUIET, "run.time_limit=100ms"))
        client = run_here("run", CLIENT, "--json", sets=(*SHORT, *QUIET, f"client.target={address}"))
        return Served(server.finish(), client, second)


def test_a_server_of_two_processes_leaves_after_its_exit_limit(served: Served) -> None:
    client, server = served.client, served.server
    assert (client.status, server.status) == (0, 0), (client, server)
    assert client.report["frames"]["completed"] == STREAMS * FRAMES
    assert server.report["connections"]["successful"] == STREAMS
    assert {stream["id"] for stream in server.report["streams"]} == {
        stream["id"] for stream in client.report["streams"]
    }


def test_a_port_that_another_run_of_several_processes_has_is_in_use(served: Served) -> None:
    # Sharing a port is for the processes of one run; strangers would take each other's streams.
    assert "Address already in use" in served.second.message


def test_what_the_network_said_in_all_processes_is_counted() -> None:
    sets = (*TWO, *SHORT, *QUIET, f"client.target=127.0.0.1:{free_port()}")
    assert run_here("run", CLIENT, "--json", sets=sets).report["unreachable"] >= STREAMS


def test_a_port_in_use_is_named_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{sock.getsockname()[1]}"
        message = run_here("run", STREAM, sets=(*TWO, *SHORT, *QUIET, f"server.listen={taken}")).message
    assert message == f"cts: server.listen: cannot listen on {taken}: Address already in use\n"


def test_a_factory_of_a_plugin_is_refused(tmp_path: Path) -> None:
    pcap = ("connected_socket.factory=pcap", f"connected_socket.options.file={tmp_path / 'x.pcap'}")
    message = run_here("run", STREAM, sets=(*TWO, *QUIET, *FREE_PORT, *pcap)).message
    assert message.count("\n") == 1
    assert "connected_socket.factory: 'pcap' would be made in each of 2 processes" in message
    assert "allowed: 'default', or run.processes = 1" in message
    assert not (tmp_path / "x.pcap").exists()


def test_a_processor_that_is_not_there_is_named() -> None:
    message = run_here("run", STREAM, sets=(*TWO, *SHORT, *QUIET, *FREE_PORT, "run.cpu_affinity=[100000]")).message
    assert "run.cpu_affinity" in message
    assert message.count("\n") == 1
