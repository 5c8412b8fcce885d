"""``cts explain``: a metric's definition, and the numbers of a run that were put in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from cts.expectations.json_keys import json_keys
from cts.output.summary import summary_rows
from tests.cli.running_cts import QUIET, STREAM, run_here
from tests.output.test_media_text import WHOLE
from tests.output.test_peer_text import RECEIVER, SENDER, report_of
from tests.output.test_trust_text import PLAN


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hello") / "e.jsonl"
    sets = ("stream.stream_length=2s", "stream.bits_per_second=240000", "network.latency=20ms", "client.handshake=cts")
    run_here("sim", STREAM, sets=(*QUIET, *sets, f"output.events_file={json.dumps(str(path))}"))
    return path


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "e.jsonl"
    sets = ("stream.stream_length=2s", "stream.bits_per_second=240000", "network.loss=0.02")
    run_here("sim", STREAM, sets=(*QUIET, *sets, f"output.events_file={json.dumps(str(path))}"))
    return path


def test_a_metric_is_explained_with_the_numbers_that_were_put_in(events: Path) -> None:
    report = run_here("replay", events, "--json").report
    lines = run_here("explain", "loss", events).stdout.splitlines()
    due, lost = (
        json.loads(run_here("replay", events, "--json").stdout)["metrics"]["datagrams"][key] for key in ("due", "lost")
    )
    assert lines[0].startswith(f"loss: {lost / due * 100:.6g} %, within ")
    assert "  defined in  RFC 7680, section 2.4, with no end to the waiting" in lines
    assert "  formula     lost / due" in lines
    assert "  unit        share" in lines
    assert f"  from        metrics.datagrams.due = {due} datagrams" in lines
    assert f"  from        metrics.datagrams.lost = {lost} datagrams" in lines
    assert report["frames"]["dropped"] > 0


@pytest.mark.parametrize(
    "name", ["rate", "trusted", "completed frames", "jitter", "metrics.viewing", "metrics.loss_runs"]
)
def test_short_names_rows_of_the_summary_and_objects_are_explained(events: Path, name: str) -> None:
    finished = run_here("explain", name, events)
    assert finished.status == 0
    assert finished.stdout.count("  formula     ") >= 1


def test_the_row_of_what_ran_is_explained_by_its_name_and_as_role(events: Path) -> None:
    by_row, by_key = (run_here("explain", name, events).stdout for name in ("loopback", "role"))
    assert by_row == by_key
    assert by_row.startswith("loopback: pull: the server sends; ")


def test_of_an_object_no_number_is_told_twice(events: Path) -> None:
    told = run_here("explain", "metrics.loss_runs", events).stdout
    assert "](" not in told
    numbers = [line for line in told.splitlines() if line.startswith("  from")]
    assert len(numbers) == len(set(numbers))


def test_every_object_of_the_json_is_explained(events: Path) -> None:
    for group in sorted({path.partition(".")[0] for path in json_keys()}):
        assert run_here("explain", group, events).status == 0


def test_a_metric_that_there_is_not_is_refused_with_the_nearest(events: Path) -> None:
    assert "cts: METRIC 'pdv': unknown metric; did you mean 'pdv_p" in run_here("explain", "pdv", events).message
    assert "no such file" in run_here("explain", "loss", events.with_name("x")).message.lower()


ROWS = (
    "loopback", "server", "client", "title", "tags", "time limit", "streams", "completed frames", "dropped frames",
    "duplicated frames", "hidden loss", "received", "discarded", "missing", "buffer", "jitter", "freezes", "reordered", "score",
    "verdicts", "sent", "unsent", "received there", "missing there", "sent there", "peer's results", "path", "rate",
    "send delay", "ignored", "overflow", "answered", "unreachable", "note", "not reached", "trust", "expected",
)  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_every_row_of_the_summary_is_explained(events: Path, name: str) -> None:
    told = run_here("explain", name, events)
    assert (told.status, told.stdout.count("  formula     ") >= 1) == (0, True)


@pytest.mark.parametrize("sends", [True, False])
def test_no_row_of_the_summary_is_missing_among_these(sends: bool) -> None:
    many = report_of(RECEIVER if sends else SENDER, sends=sends)
    snapshot = evolve(
        many.snapshot, unreachable=1, overflowed=1, refused={"in server.deny": 1}, cut_off_by_time_limit=1
    )
    names = {name for name, _ in summary_rows(evolve(many, snapshot=snapshot, plan=PLAN, metrics=WHOLE, notes=("!",)))}
    assert names - {""} <= set(ROWS)
    assert len(names) > 9


def test_a_row_that_is_no_metric_is_explained_with_its_text_and_the_streams_numbers(hello: Path) -> None:
    told = run_here("explain", "Path", hello).stdout.splitlines()
    assert told[0].startswith("path: round trip 40 ms at least")
    assert "  from        streams[0].peer.clock.round_trip_seconds.least = 40 ms (0.04)" in told


@pytest.mark.parametrize(("name", "column"), [("duplicated frames", "Repeated"), ("discarded", "Errors")])
def test_what_the_logs_call_by_another_name_is_explained_with_that_too(events: Path, name: str, column: str) -> None:
    assert f"column {column}" in run_here("explain", name, events).stdout


def test_every_reason_for_which_datagrams_are_discarded_is_explained(events: Path) -> None:
    told = run_here("explain", "discarded", events).stdout
    for reason in ("too late", "too early", "past the end", "wrong content", "not of this protocol", "not expected"):
        assert reason in told


def test_a_row_that_a_run_has_not_says_so(events: Path) -> None:
    assert run_here("explain", "path", events).stdout.startswith("path: this run has no such row")


def test_what_limits_rest_on_is_explained(events: Path) -> None:
    limits = [line for line in run_here("explain", "loss", events).stdout.splitlines() if line.startswith("  limits")]
    assert len(limits) == 1
    assert "  limits      Wilson's, of " in limits[0]
    assert "those that were lost lie in " in limits[0]
