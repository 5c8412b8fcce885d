"""``cts sim``: every example, the same bytes for the same seed, and a ground truth that agrees."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path

import pytest

from tests.cli.running_cts import CONFIGS, QUIET, Finished, Running, run_here

EXAMPLES = sorted(CONFIGS.glob("sim-*.toml"))
WIFI, PUSH = CONFIGS / "sim-wifi.toml", CONFIGS / "sim-push-bad-uplink.toml"
SHORT = ("stream.stream_length=2s",)
LOGS = (
    "output.status_file=status.csv",
    "output.connection_file=connections.csv",
    "output.jitter_file=jitter.csv",
    "output.error_file=errors.txt",
    "output.events_file=events.jsonl",
    "output.truth_file=truth.jsonl",
)


def status_for(finished: Finished) -> int:
    connections = finished.report["connections"]
    return 1 if connections["network_errors"] or connections["protocol_errors"] else 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_its_truth_agrees(example: Path, tmp_path: Path) -> None:
    events, truth = tmp_path / "events.jsonl", tmp_path / "truth.jsonl"
    sets = (*SHORT, *QUIET, f"output.events_file={events}", f"output.truth_file={truth}")
    finished = run_here("sim", example, "--json", sets=sets)
    assert finished.status == status_for(finished)
    assert finished.stderr == ""
    assert finished.report["frames"]["completed"] > 0
    verified = run_here("verify-run", events, truth)
    assert verified.status == 0, verified.stdout


def test_an_outage_costs_frames_and_the_truth_agrees(tmp_path: Path) -> None:
    events, truth = tmp_path / "events.jsonl", tmp_path / "truth.jsonl"
    outage = 'network.outages=[{from = "1.5s", to = "1.8s"}]'
    sets = (*SHORT, *QUIET, outage, f"output.events_file={events}", f"output.truth_file={truth}")
    finished = run_here("sim", CONFIGS / "sim-outage.toml", "--json", sets=sets)
    assert finished.status == 0
    assert 8 <= finished.report["frames"]["dropped"] <= 11
    assert run_here("verify-run", events, truth).status == 0


def test_a_stream_that_got_no_answer_is_in_the_logs_too(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("connection_file", "error_file", "events_file", "truth_file")}
    sets = (*SHORT, *QUIET, "network.to_server.loss=1.0", *(f"output.{name}={path}" for name, path in paths.items()))
    finished = run_here("sim", PUSH, "--json", sets=sets)
    (stream,) = finished.report["streams"]
    (row,) = paths["connection_file"].read_text().splitlines()[1:]
    assert row.split(",")[1:3] + row.split(",")[-2:] == [stream[key] for key in ("local", "remote", "result", "id")]
    assert stream["result"] in paths["error_file"].read_text()
    assert '"stream_ended"' in paths["events_file"].read_text()
    verified = run_here("verify-run", paths["events_file"], paths["truth_file"])
    assert verified.status == 0, verified.stdout


def test_what_arrives_too_late_for_its_frames_is_received_all_the_same(tmp_path: Path) -> None:
    # Without the 28 bytes of each datagram's headers, 1.5 Mbit/s are 1.47. The queue holds 5.6 s, the buffer 1 s.
    network = ("network.bandwidth=1.5 Mbit/s", "network.queue=1 MiB", "network.loss=0")
    stream = ("stream.bits_per_second=2 Mbit/s", "stream.frame_rate=30", "stream.stream_length=20s")
    logs = tuple(f"output.{name}={tmp_path / name}" for name in ("status_file", "events_file", "truth_file"))
    finished = run_here("sim", CONFIGS / "sim-lossy.toml", "--json", sets=(*network, *stream, *QUIET, *logs))
    rates = [int(line.split(",")[1]) for line in (tmp_path / "status_file").read_text().splitlines()[1:]]
    assert all(1_450_000 < rate < 1_490_000 for rate in rates[2:]), rates
    assert finished.report["frames"]["dropped"] > 450
    assert finished.report["bytes_on_time"] < finished.report["bytes_received"] / 4
    assert 1_450_000 < finished.report["streams"][0]["bits_per_second"] < 1_475_000
    assert run_here("verify-run", tmp_path / "events_file", tmp_path / "truth_file").status == 0


def simulate_into(
    directory: Path, config: Path, *, seed: str, hash_seed: str | None = None
) -> tuple[Finished, dict[str, bytes]]:
    """Simulate in a directory: in this process, or in one of its own that has a hash seed."""
    directory.mkdir()
    sets = (*SHORT, *QUIET, *LOGS, "client.connections=3")
    arguments = ("sim", config, "--json", "--seed", seed)
    if hash_seed is None:
        with chdir(directory):
            finished = run_here(*arguments, sets=sets)
    else:
        with Running(*arguments, sets=sets, cwd=directory, environment={"PYTHONHASHSEED": hash_seed}) as run:
            finished = run.finish()
    return finished, {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("config", [WIFI, PUSH], ids=["pull", "push"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(config: Path, tmp_path: Path) -> None:
    one, its_logs = simulate_into(tmp_path / "one", config, seed="5")
    again, the_same = simulate_into(tmp_path / "again", config, seed="5", hash_seed="4242")
    other, different = simulate_into(tmp_path / "other", config, seed="6")
    assert one.stdout == again.stdout
    assert len(its_logs) >= len(LOGS)
    assert [name for name in its_logs if its_logs[name] != the_same.get(name)] == []
    assert its_logs.keys() == the_same.keys()
    assert one.stdout != other.stdout
    assert its_logs["truth.jsonl"] != different["truth.jsonl"]


def test_the_seed_is_1_unless_it_is_given() -> None:
    results = [run_here("sim", WIFI, "--json", *seed, sets=(*SHORT, *QUIET)) for seed in ([], ["--seed", "1"])]
    assert results[0] == results[1]


@pytest.mark.parametrize("seed", ["0", "-1", str(1 << 80)])
def test_any_whole_number_is_a_seed(seed: str) -> None:
    assert run_here("sim", WIFI, "--json", "--seed", seed, sets=(*SHORT, *QUIET)).status == 0


def test_a_seed_that_is_no_number_is_refused() -> None:
    assert "--seed" in run_here("sim", WIFI, "--seed", "lucky").message


@pytest.mark.parametrize("role", ["server", "client"])
def test_one_side_alone_cannot_be_simulated(role: str) -> None:
    sets = (f"run.role={role}", "client.target=127.0.0.1:4444")
    message = run_here("sim", WIFI, sets=sets).message
    assert message.count("\n") == 1
    assert f"run.role: '{role}'" in message
    assert "allowed: 'loopback'" in message


def test_json_is_one_object_and_all_else_goes_to_stderr() -> None:
    finished = run_here("sim", WIFI, "--json", sets=SHORT)
    assert isinstance(json.loads(finished.stdout), dict)
    assert finished.stdout.count("\n") == 1
    assert "simulated with seed 1" in finished.stderr


def test_without_json_the_summary_is_for_people() -> None:
    finished = run_here("sim", WIFI, sets=(*SHORT, *QUIET))
    assert finished.stdout.startswith("4 Mbit/s at 30 frames/s ")
    assert "completed frames" in finished.stdout


def test_a_stream_that_fails_is_status_1() -> None:
    sets = (*SHORT, *QUIET, "network.corrupt=0.5", "stream.verify=data")
    finished = run_here("sim", WIFI, "--json", sets=sets)
    assert (finished.status, status_for(finished)) == (1, 1)


def test_a_truth_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no" / "truth.jsonl"
    message = run_here("sim", WIFI, sets=(*SHORT, f"output.truth_file={path}")).message
    assert message == f"cts: output.truth_file: cannot write '{path}': No such file or directory\n"


def test_logs_that_were_opened_before_one_that_cannot_be_are_closed_again(tmp_path: Path) -> None:
    # Left open, they would be a ResourceWarning, which fails the test.
    sets = (*SHORT, f"output.events_file={tmp_path / 'e'}", f"output.truth_file={tmp_path}")
    message = run_here("sim", WIFI, sets=sets).message
    assert "output.truth_file" in message


def test_a_real_run_knows_no_truth_and_no_network(tmp_path: Path) -> None:
    sets = (*SHORT, *QUIET, f"output.truth_file={tmp_path / 't'}")
    message = run_here("run", WIFI, sets=sets).message
    assert "output.truth_file: " in message
    assert "network: " in message
    assert not (tmp_path / "t").exists()
