"""``cts run`` with server and client in one process, over real sockets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import pytest

from cts import __version__
from tests.cli.running_cts import (
    FREE_PORT,
    QUIET,
    SHORT,
    SHORT_END_S,
    SHORT_FRAMES,
    STREAM,
    Finished,
    run_here,
    run_together,
)
from tests.schemas.validating import complaint

Runs: TypeAlias = dict[str, Finished]

PROCESSES: dict[str, tuple[str, ...]] = {
    "twice over": ("client.iterations=2", *QUIET),
    "20 connections": ("client.connections=20",),
    "pull": (),
    "push": ("stream.direction=push",),
}
HERE: dict[str, tuple[str, ...]] = {
    "100 Mbit/s": ("stream.bits_per_second=100M",),
    "IPv6": ("server.listen=[::1]:0",),
    "every address": ("server.listen=*:0",),
}
STREAMS = {"20 connections": 20, "twice over": 2}
RATE = {"100 Mbit/s": 100_000_000}


@pytest.fixture(scope="module")
def runs() -> Runs:
    common = (*SHORT, *FREE_PORT)
    apart = {name: (*common, *sets) for name, sets in PROCESSES.items()}
    here = {name: (*common, *QUIET, *sets) for name, sets in HERE.items()}
    return run_together(apart, here, "run", STREAM, "--json")


@pytest.fixture(params=[*PROCESSES, *HERE])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def finished(runs: Runs, way: str) -> Finished:
    return runs[way]


def test_it_leaves_with_0(finished: Finished) -> None:
    assert finished.status == 0
    assert "Traceback" not in finished.stderr


def test_every_frame_is_completed(finished: Finished, way: str) -> None:
    frames = STREAMS.get(way, 1) * SHORT_FRAMES
    assert finished.report["frames"] == {
        "completed": frames,
        "dropped": 0,
        "repeated": 0,
        "error": 0,
        "hidden_losses": 0,
    }


def test_every_stream_is_a_success(finished: Finished, way: str) -> None:
    count = STREAMS.get(way, 1)
    successful = {"successful": count, "network_errors": 0, "protocol_errors": 0, "cancelled": 0}
    assert finished.report["connections"] == successful
    assert [stream["result"] for stream in finished.report["streams"]] == ["Succeeded"] * count


def test_the_frames_are_the_receiving_side_s(finished: Finished) -> None:
    assert {stream["role"] for stream in finished.report["streams"]} == {"receiver"}


def test_the_bytes_are_those_of_the_plan(finished: Finished, way: str) -> None:
    frame_size = RATE.get(way, 8_000_000) // 8 // 30
    assert finished.report["bytes_received"] == STREAMS.get(way, 1) * SHORT_FRAMES * frame_size


def test_what_was_sent_is_what_arrived(finished: Finished) -> None:
    assert finished.report["bytes_sent"] == finished.report["bytes_received"] == finished.report["bytes_on_time"]


def test_it_ends_at_the_computed_instant_and_never_before(finished: Finished, way: str) -> None:
    expected = SHORT_END_S * (2 if way == "twice over" else 1)
    assert expected - 0.001 <= finished.report["elapsed_seconds"] < expected + 1


def test_the_totals_are_the_sums_of_the_streams(finished: Finished) -> None:
    report = finished.report
    assert report["frames"]["completed"] == sum(stream["frames"]["completed"] for stream in report["streams"])
    assert report["bytes_received"] == sum(stream["bytes_received"] for stream in report["streams"])


def test_the_measured_rate_is_near_the_configured_one(finished: Finished, way: str) -> None:
    configured = RATE.get(way, 8_000_000)
    for stream in finished.report["streams"]:
        assert 0.7 * configured < stream["bits_per_second"] <= 1.01 * configured


def test_each_stream_has_an_id_of_its_own(finished: Finished) -> None:
    ids = [stream["id"] for stream in finished.report["streams"]]
    assert len({UUID(each) for each in ids}) == len(ids)


def test_addresses_are_written_with_their_ports(runs: Runs) -> None:
    (stream,) = runs["pull"].report["streams"]
    for address in (stream["local"], stream["remote"]):
        assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", address)


def test_an_ipv6_address_is_written_in_brackets(runs: Runs) -> None:
    (stream,) = runs["IPv6"].report["streams"]
    for address in (stream["local"], stream["remote"]):
        assert re.fullmatch(r"\[::1\]:[1-9]\d*", address)


def test_the_json_has_the_documented_keys_and_types(finished: Finished) -> None:
    assert complaint("run", finished.report) is None


def test_the_json_begins_with_what_matters_most(runs: Runs) -> None:
    first = ["schema", "cts", "answer", "role", "direction", "elapsed_seconds", "frames", "loss", "playout", "trust"]
    assert list(runs["pull"].report)[:10] == first


def test_the_json_says_what_was_run(runs: Runs) -> None:
    pulled, pushed = runs["pull"].report, runs["push"].report
    assert (pulled["schema"], pulled["role"], pulled["direction"]) == (2, "loopback", "pull")
    assert pulled["cts"] == __version__
    assert (pushed["schema"], pushed["role"], pushed["direction"]) == (2, "loopback", "push")


def test_the_json_is_one_line(runs: Runs) -> None:
    assert runs["pull"].stdout.count("\n") == 1


def test_with_json_all_else_goes_to_stderr(runs: Runs) -> None:
    finished = runs["pull"]
    assert "pull 8 Mbit/s at 30 frames/s" in finished.stderr
    assert sum(row.completed for row in finished.rows) == SHORT_FRAMES


def test_without_json_the_summary_is_on_stdout_and_the_status_is_not() -> None:
    finished = run_here("run", STREAM, sets=(*SHORT, *FREE_PORT, "output.console=lines"))
    assert re.search(rf"^completed frames +{SHORT_FRAMES} \(100\.00 %\)$", finished.stdout, re.MULTILINE)
    assert "TimeSlice" not in finished.stdout


def test_an_empty_file_is_a_run_of_defaults(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    finished = run_here("run", empty, "--json", sets=(*SHORT, *FREE_PORT))
    assert finished.status == 0
    assert finished.report["frames"]["completed"] == SHORT_FRAMES


def test_a_quiet_run_says_nothing_but_its_result(runs: Runs) -> None:
    quiet = [*HERE, "twice over"]
    assert {name: runs[name].stderr for name in quiet} == dict.fromkeys(quiet, "")


def test_listening_on_every_address_the_client_takes_the_loopback_one(runs: Runs) -> None:
    # 0.0.0.0 and :: are no addresses to send to, though Linux puts up with it.
    (stream,) = runs["every address"].report["streams"]
    assert stream["remote"].rpartition(":")[0] in ("127.0.0.1", "[::1]")


def test_pushed_streams_that_tell_each_other_that_they_are_cut_off_end_at_the_time_limit() -> None:
    sets = ("client.handshake=cts", "client.connections=8", "stream.stream_length=60s", "stream.buffer_depth=300ms")
    finished = run_here(
        "run", STREAM, "--json", sets=(*FREE_PORT, *QUIET, *sets, "stream.direction=push", "run.time_limit=700ms")
    )
    assert [each["result"] for each in finished.report["streams"]] == ["Cancelled"] * 8
