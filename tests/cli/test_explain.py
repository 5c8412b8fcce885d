"""``cts explain``: a metric's definition, and the numbers of a run that were put in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cts.expectations.json_keys import json_keys
from tests.cli.running_cts import QUIET, STREAM, run_here


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
