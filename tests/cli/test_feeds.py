"""``--jsonl``, ``--csv`` and ``output.prometheus``: a run that is watched while it goes on, and is not changed by it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cts.cli.commands import cli
from cts.output.metrics_server import MetricsServer
from cts.records.snapshots import RunSnapshot
from tests.cli.running_cts import (
    CONFIGS,
    FREE_PORT,
    LONG,
    PATIENCE_S,
    QUIET,
    SHORT,
    SHORT_FRAMES,
    STREAM,
    VERY_SHORT,
    Finished,
    Running,
    run_here,
)
from tests.schemas.validating import complaint, read_output

ROUGH = CONFIGS / "sim-wifi.toml"
SIMULATED = ("stream.stream_length=3s", "output.status_update=250ms", *QUIET)
SERVED = ("output.prometheus=127.0.0.1:0",)


def intervals(finished: Finished) -> tuple[list[Any], Any]:
    """Return what ``--jsonl`` printed, the intervals and the result; each line has to be what its schema says."""
    *lines, last = finished.stdout.splitlines()
    told = [json.loads(line) for line in lines]
    assert [wrong for each in told if (wrong := complaint("interval", each)) is not None] == []
    return told, read_output("run", last)


def scrape(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        text: bytes = answer.read()
    return text


def simulated(*args: str, sets: tuple[str, ...] = ()) -> Finished:
    return run_here("sim", ROUGH, *args, sets=(*SIMULATED, *sets))


@pytest.fixture(scope="module")
def fed() -> Finished:
    return simulated("--jsonl")


def test_every_line_is_an_interval_and_the_last_one_is_what_json_prints(fed: Finished) -> None:
    told, _ = intervals(fed)
    assert [each["interval_seconds"] for each in told[:-1]] == [0.25] * (len(told) - 1)
    assert fed.stdout.splitlines()[-1] + "\n" == simulated("--json").stdout
    assert (fed.status, fed.stderr) == (0, "")


def test_what_the_intervals_count_adds_up_to_the_result(fed: Finished) -> None:
    told, result = intervals(fed)
    wanted = {
        **{f"frames_{key}": result["frames"][key] for key in ("completed", "dropped", "repeated", "hidden_losses")},
        **{f"datagrams_{key}": count for key, count in result["arrivals"].items()},
        **{f"bytes_{key}": result["loss"][key] for key in ("due", "missing")},
        **{key: result[key] for key in ("bytes_received", "bytes_on_time", "bytes_sent", "unreachable")},
        **{f"streams_{key}": count for key, count in result["connections"].items()},
        "datagrams_overflowed": result["overflowed"],
        "datagrams_refused": sum(result["refused"].values()),
    }
    assert {key: sum(each[key] for each in told) for key in wanted} == wanted
    assert wanted["frames_dropped"] > 0
    assert any(each["jitter_seconds"] for each in told)


def test_a_simulation_gives_the_same_lines_again(fed: Finished) -> None:
    assert simulated("--jsonl").stdout == fed.stdout


def test_csv_has_the_same_and_the_summary_goes_to_stderr(fed: Finished) -> None:
    finished = simulated("--csv")
    names, *rows = (line.split(",") for line in finished.stdout.splitlines())
    told, _ = intervals(fed)
    assert [dict(zip(names, row, strict=True)) for row in rows] == [
        {key: "" if value is None else str(value) for key, value in each.items() if key not in ("schema", "kind")}
        for each in told
    ]
    assert "completed frames" in finished.stderr


@pytest.mark.parametrize("command", ["run", "sim", "serve", "test"])
def test_every_command_that_runs_streams_has_both(command: str) -> None:
    options = {option for each in cli.commands[command].params for option in each.opts}
    assert {"--json", "--jsonl", "--csv"} <= options


def test_only_one_of_them_has_room_on_stdout() -> None:
    message = simulated("--json", "--csv").message
    assert "--json and --csv do not go together: stdout has room for one of them" in message


def test_scrapes_lines_and_a_live_view_change_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, watched = tmp_path / "alone.jsonl", tmp_path / "watched.jsonl"
    simulated(sets=(f"output.events_file={alone}",))
    scraped: list[bytes] = []

    class Scraped(MetricsServer):
        """Is scraped at every status, for which time stands still."""

        def status(self, snapshot: RunSnapshot) -> None:
            super().status(snapshot)
            scraped.append(scrape(self.url))

    monkeypatch.setattr("cts.output.metrics_server.MetricsServer", Scraped)
    live = ("output.console=live", *SERVED, f"output.events_file={watched}")
    finished = simulated("--jsonl", sets=live)
    (header, *events), (other_header, *others) = (path.read_text().splitlines() for path in (alone, watched))
    assert events == others
    # It tells what the run was told to show, too.
    assert {**json.loads(header), "provenance": 0} == {**json.loads(other_header), "provenance": 0}
    assert len(scraped) >= len(intervals(finished)[0]) > 10
    assert len(set(scraped)) > 10


def test_ctrl_c_leaves_whole_lines_and_the_result_behind_them() -> None:
    sets = (*FREE_PORT, *LONG, "output.status_update=50ms", "output.console=lines", "run.grace=0s", *SERVED)
    with Running("run", STREAM, "--jsonl", sets=sets) as running:
        running.wait_until_it_says(lambda text: "metrics: http" in text)
        running.wait_for_row(lambda row: row.seconds > 0.4)
        url = running._stderr().partition("metrics: ")[2].split()[0]
        assert b"cts_streams_open 1.0" in scrape(url)
        running.interrupt()
        finished = running.finish()
    assert finished.status == 130
    told, result = intervals(finished)
    assert len(told) > 5
    assert result["interrupted"] is True
    assert sum(each["bytes_received"] for each in told) == result["bytes_received"]


def test_a_reader_that_goes_costs_no_frame_and_the_summary_is_told_all_the_same() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with Running("run", STREAM, "--jsonl", sets=(*FREE_PORT, *SHORT, *QUIET), stdout=writing) as running:
            finished = running.finish()
    finally:
        os.close(writing)
    assert finished.status == 1
    assert f"completed frames   {SHORT_FRAMES} (100.00 %)" in finished.stderr
    assert finished.stderr.startswith("--jsonl: cannot write to stdout any more: Broken pipe\n")
    assert "Traceback" not in finished.stderr


def test_a_reader_that_stops_costs_no_frame_and_the_summary_is_told_all_the_same() -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        os.write(writing, bytes(1 << 20))
        with Running("run", STREAM, "--csv", sets=(*FREE_PORT, *SHORT, *QUIET), stdout=writing) as running:
            finished = running.finish()
    finally:
        os.close(writing)
        os.close(reading)
    assert finished.status == 1
    assert f"completed frames   {SHORT_FRAMES} (100.00 %)" in finished.stderr
    assert "lines are missing on stdout: the reader did not keep up" in finished.stderr


def test_a_port_that_is_taken_is_a_mistake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        message = run_here("run", STREAM, sets=(*FREE_PORT, *VERY_SHORT, f"output.prometheus={address}")).message
    assert message == f"cts: output.prometheus: cannot listen on {address}: Address already in use\n"


@pytest.mark.parametrize("text", ["9464", "127.0.0.1", "a.example:9464", "[::1]", "1.2.3.4:99999"])
def test_what_is_no_address_to_serve_on_is_refused(text: str) -> None:
    message = run_here("check", STREAM, sets=(f"output.prometheus='{text}'",)).message
    assert f"output.prometheus: '{text}' is not where to serve metrics; allowed: an address and a port" in message


def test_the_extra_is_named_where_its_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    for name in [each for each in sys.modules if each.startswith(("prometheus_client.", "cts.output.metric"))]:
        monkeypatch.delitem(sys.modules, name)
    message = simulated(sets=SERVED).message
    said = "needs the Python package prometheus-client: pip install 'cts-media-stream[prometheus]'"
    assert message == f"cts: output.prometheus: {said}\n"


def test_the_library_is_loaded_only_where_metrics_are_served() -> None:
    loaded = "import sys; from cts.cli import main\ntry: main()\nfinally: print('prometheus_client' in sys.modules)"
    args = ["sim", str(ROUGH), "--jsonl", "--set", "stream.stream_length=100ms"]
    finished = subprocess.run([sys.executable, "-c", loaded, *args], capture_output=True, text=True, check=False)
    assert finished.stdout.splitlines()[-1] == "False"
