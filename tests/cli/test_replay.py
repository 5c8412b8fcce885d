"""``cts replay``: byte for byte what the run printed and logged."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    CONFIGS,
    FREE_PORT,
    LONG,
    QUIET,
    SERVER,
    SHORT,
    SHORT_FRAMES,
    STREAM,
    Finished,
    Running,
    free_port,
    run_here,
    status_rows,
)

LOGS = {"status": "status_file", "connection": "connection_file", "jitter": "jitter_file", "errors": "error_file"}
"""The options of `cts replay`, and the keys of what the run wrote."""
SIMULATED = (*QUIET, "stream.stream_length=2s", "stream.bits_per_second=1 Mbit/s", "output.status_update=300ms")


@frozen
class Recorded:
    """Where a run writes its logs, and a replay writes them again."""

    folder: Path
    events: Path

    @classmethod
    def into(cls, folder: Path, suffix: str = ".jsonl") -> Recorded:
        (folder / "written").mkdir(parents=True)
        (folder / "again").mkdir()
        return cls(folder, folder / f"events{suffix}")

    @property
    def sets(self) -> tuple[str, ...]:
        logs = {key: self.folder / "written" / f"{name}.log" for name, key in LOGS.items()}
        return tuple(
            f"output.{key}={json.dumps(str(path))}" for key, path in {**logs, "events_file": self.events}.items()
        )

    def replayed(self, *options: str) -> Finished:
        logs = [text for name in LOGS for text in (f"--{name}", str(self.folder / "again" / f"{name}.log"))]
        return run_here("replay", self.events, *options, *logs)

    def _in(self, folder: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / folder).iterdir()}

    def assert_replays(self, printed: str, *options: str) -> None:
        """Hold a replay against what the run printed and wrote."""
        replayed = self.replayed(*options)
        assert replayed.stderr == ""
        assert replayed.stdout == printed
        assert self._in("again") == self._in("written")
        assert {"status.log", "connection.log", "errors.log"} <= self._in("again").keys()
        assert replayed.status == 0


def assert_same_in_simulation(folder: Path, config: Path, sets: Iterable[str], suffix: str = ".jsonl") -> Finished:
    recorded = Recorded.into(folder, suffix)
    sets = (*SIMULATED, *sets, *recorded.sets)
    as_text = run_here("sim", config, sets=sets)
    recorded.assert_replays(as_text.stdout)
    as_json = run_here("sim", config, "--json", sets=sets)
    recorded.assert_replays(as_json.stdout, "--json")
    return as_json


NETWORKS = {
    "clean": (),
    "lossy": ("network.loss=0.05", "network.duplicate=0.02"),
    "hardly anything through": ("network.loss=0.7",),
    "nothing through": ("network.loss=1.0",),
    "late": ("network.latency=900ms", "network.jitter=150ms"),
    "corrupt": ("network.corrupt=0.05", "stream.verify=count"),
}
BY_HELLO = ("client.handshake=cts",)
RUNS = {
    "one stream": (),
    "many streams": ("client.connections=9", "client.start_spread=300ms"),
    "more streams than are measured": ("client.connections=5", "run.measured_streams=2"),
    "streams after streams": ("client.connections=2", "client.iterations=2"),
    "cut off": ("client.connections=3", "run.time_limit=1.3s"),
}


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("streams", RUNS)
def test_a_simulation_is_replayed_byte_for_byte(tmp_path: Path, direction: str, network: str, streams: str) -> None:
    sets = (f"stream.direction={direction}", *NETWORKS[network], *RUNS[streams])
    ran = assert_same_in_simulation(tmp_path, STREAM, sets)
    assert ran.report["streams"]


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("sim-*.toml")), ids=lambda path: path.stem)
def test_the_example_simulations_are_replayed_from_gzip(tmp_path: Path, config: Path) -> None:
    assert_same_in_simulation(tmp_path, config, (), ".jsonl.gz")


@pytest.mark.parametrize(
    "sets",
    [
        ("output.encoding=utf-16", "network.loss=0.2"),
        ('stream.frame_rate="30000/1001"', "output.status_update=7ms"),
        ("server.listen=[::1]:4444", "client.target=[::1]:4444", "network.loss=0.05"),
        ("sender.strategy=burst", "network.loss=0.05"),
        ("run.seed=77", 'output.truth_file="/dev/full"'),
        (*BY_HELLO, "network.loss=0.3", "client.connections=3"),
        (*BY_HELLO, "network.latency=30ms", "stream.direction=push"),
        (*BY_HELLO, "network.loss=0.1", "run.time_limit=1.3s"),
    ],
    ids=[
        *("UTF-16", "a frame rate that is a ratio", "IPv6", "another sender", "a truth that cannot be written"),
        *("results of both ends over a bad network", "one-way delays", "peers that are cut off"),
    ],
)
def test_what_a_configuration_changes_of_the_logs_is_in_the_events(tmp_path: Path, sets: tuple[str, ...]) -> None:
    assert_same_in_simulation(tmp_path, STREAM, sets)


def test_a_run_is_scored_by_a_profile_of_one_s_own_also_where_its_file_is_not(tmp_path: Path) -> None:
    recorded, profiles = Recorded.into(tmp_path), tmp_path / "mine.toml"
    profiles.write_text(
        '[mine]\nrate = "1 Mbit/s"\nloss = { optimal = 0.001, unacceptable = 0.3 }\n'
        'latency.99_9 = { optimal = "1ns", unacceptable = "3s" }\n'
    )
    sets = (
        *SIMULATED,
        *recorded.sets,
        "network.latency=50ms",
        "network.jitter=20ms",
        f"run.outcome_profiles={profiles}",
    )
    ran = run_here("sim", STREAM, "--json", sets=sets)
    profiles.unlink()
    outcome = json.loads(ran.stdout)["metrics"]["outcome"]
    assert (outcome["profile"], outcome["profile_bits_per_second"]) == ("mine", 1_000_000)
    assert 0 < outcome["score"] < 100
    recorded.assert_replays(ran.stdout, "--json")


def test_events_and_truth_may_be_gzip_for_verification_too(tmp_path: Path) -> None:
    paths = {key: tmp_path / f"{key}.jsonl.gz" for key in ("events_file", "truth_file")}
    sets = (f"output.{key}={json.dumps(str(path))}" for key, path in paths.items())
    assert run_here("sim", STREAM, sets=(*SIMULATED, "network.loss=0.05", *sets)).status == 0
    assert all(path.read_bytes().startswith(b"\x1f\x8b") for path in paths.values())
    assert run_here("verify-run", *paths.values()).status == 0


@pytest.mark.parametrize(("direction", "processes"), [("pull", 1), ("push", 1), ("push", 2)])
def test_a_real_run_of_one_or_more_processes_is_replayed(tmp_path: Path, direction: str, processes: int) -> None:
    recorded = Recorded.into(tmp_path)
    sets = (f"stream.direction={direction}", *SHORT, *FREE_PORT, *QUIET, "client.connections=4", *recorded.sets)
    ran = run_here("run", STREAM, "--json", sets=(*sets, f"run.processes={processes}"))
    assert ran.report["connections"]["successful"] == 4
    recorded.assert_replays(ran.stdout, "--json")


def test_both_sides_of_a_stream_are_replayed_each_from_its_own_events(tmp_path: Path) -> None:
    server, client = (Recorded.into(tmp_path / name, ".jsonl.gz") for name in ("server", "client"))
    port = free_port()
    with Running(
        "run",
        SERVER,
        "--json",
        sets=(*CLOSELY, *SHORT, f"server.listen=127.0.0.1:{port}", "server.server_exit_limit=1", *server.sets),
    ) as serving:
        serving.wait_for_row()
        asked = run_here(
            "run", CLIENT, "--json", sets=(*QUIET, *SHORT, f"client.target=127.0.0.1:{port}", *client.sets)
        )
        served = serving.finish()
    assert asked.report["frames"]["completed"] <= SHORT_FRAMES
    client.assert_replays(asked.stdout, "--json")
    server.assert_replays(served.stdout, "--json")


def test_a_run_that_was_interrupted_is_replayed_as_such(tmp_path: Path) -> None:
    recorded = Recorded.into(tmp_path)
    with Running("run", STREAM, "--json", sets=(*LONG, *FREE_PORT, *CLOSELY, *recorded.sets)) as running:
        running.wait_for_row(lambda row: row.completed > 0)
        running.interrupt()
        running.wait_until_it_says(lambda text: "stopping" in text)
        running.interrupt()
        ran = running.finish()
    assert ran.report["interrupted"]
    recorded.assert_replays(ran.stdout, "--json")


def test_a_run_whose_worker_died_is_replayed_as_such(tmp_path: Path) -> None:
    recorded = Recorded.into(tmp_path)
    sets = (*LONG, *FREE_PORT, *CLOSELY, "run.processes=2", "client.connections=4", *recorded.sets)
    with Running("run", STREAM, "--json", sets=sets) as running:
        running.wait_for_row(lambda row: row.completed > 0)
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(running.pid)], capture_output=True, text=True, check=True
        )
        os.kill(int(listed.stdout.split()[0]), signal.SIGKILL)
        running.wait_until_it_says(lambda text: "is lost" in text)
        running.interrupt()
        running.wait_until_it_says(lambda text: "stopping" in text)
        running.interrupt()
        ran = running.finish()
    assert ran.report["failures"]
    recorded.assert_replays(ran.stdout, "--json")


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_of_a_run_that_was_killed_there_is_what_it_wrote_and_what_is_missing_is_said(
    tmp_path: Path, suffix: str
) -> None:
    recorded = Recorded.into(tmp_path, suffix)
    with Running("run", STREAM, sets=(*LONG, *FREE_PORT, *CLOSELY, *recorded.sets)) as running:
        running.wait_until_it_says(lambda text: sum(row.completed > 0 for row in status_rows(text)) > 3)
        running.kill()
        running.finish()
    replayed = recorded.replayed("--json")
    assert replayed.status == 1
    assert re.fullmatch(
        r".*events\.jsonl(\.gz)?: ends at \d+\.\d{3} s, with 2 ends of streams open: the run was killed or failed, "
        r"or the file was cut off; how .*\n",
        replayed.stderr,
    )
    report = replayed.report
    assert report["interrupted"]
    assert report["failures"] == [re.sub(r".*?: ", "events: ", replayed.stderr.strip(), count=1)]
    assert report["connections"]["cancelled"] == 1
    (stream,) = report["streams"]
    assert stream["result"] == "Cancelled: the events end before it does"
    assert report["frames"] == stream["frames"]
    assert report["frames"]["completed"] > 0
    assert stream["metrics"] is not None
    written, again = ((tmp_path / folder / "status.log").read_text() for folder in ("written", "again"))
    assert written.startswith(again) or again.startswith(written)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the events of a small run, plain and packed."""
    folder = tmp_path_factory.mktemp("events")
    recorded = {suffix: folder / f"e{suffix}" for suffix in (".jsonl", ".jsonl.gz")}
    for path in recorded.values():
        sets = (
            *SIMULATED,
            "stream.stream_length=500ms",
            "network.loss=0.1",
            f"output.events_file={json.dumps(str(path))}",
        )
        run_here("sim", STREAM, sets=sets)
    return {suffix: path.read_bytes() for suffix, path in recorded.items()}


@settings(deadline=None)
@given(data=st.data(), suffix=st.sampled_from([".jsonl", ".jsonl.gz"]))
def test_events_that_are_cut_anywhere_are_replayed_in_part_or_refused(
    events: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("cut") / "e"
    path.write_bytes(events[suffix][: data.draw(st.integers(0, len(events[suffix]) - 1))])
    replayed = run_here("replay", path, "--json", "--status", path.with_name("status.csv"))
    if replayed.status == 2:
        assert replayed.message.count("\n") == 1
    else:
        assert replayed.report["frames"]["completed"] <= SHORT_FRAMES
        # The line's end, or the checksum, are not missed.
        assert replayed.status == 1 or not replayed.stderr


def test_events_of_schema_1_are_refused_with_what_they_lack(tmp_path: Path, events: dict[str, bytes]) -> None:
    path = tmp_path / "old.jsonl"
    path.write_bytes(events[".jsonl"].replace(b'"schema":2', b'"schema":1', 1))
    assert "old.jsonl: is of schema 1, which lacks what was due" in run_here("replay", path).message


@pytest.mark.parametrize("option", [f"--{name}" for name in LOGS])
def test_a_log_that_cannot_be_written_is_refused_by_its_option(
    tmp_path: Path, events: dict[str, bytes], option: str
) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(events[".jsonl"])
    assert f"cts: {option}: cannot write" in run_here("replay", path, option, tmp_path / "nowhere" / "x").message


def test_a_disk_that_is_full_is_told_by_the_option(tmp_path: Path, events: dict[str, bytes]) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(events[".jsonl"])
    assert "cts: --status: cannot write '/dev/full'" in run_here("replay", path, "--status", "/dev/full").message


def test_events_are_not_written_over_by_their_own_logs(tmp_path: Path, events: dict[str, bytes]) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(events[".jsonl"])
    assert "is the file of EVENTS" in run_here("replay", path, "--status", path).message
    twice = tmp_path / "twice"
    assert "is the file of --status" in run_here("replay", path, "--status", twice, "--errors", twice).message
    assert path.read_bytes() == events[".jsonl"]


def test_the_help_has_an_example() -> None:
    assert "cts replay run.jsonl.gz --json" in run_here("replay", "--help").stdout
