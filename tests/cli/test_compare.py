"""``cts compare``: what it prints, refuses and leaves with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running_cts import run_here
from tests.report.recorded import LOSSY, recorded
from tests.schemas.validating import read_output

SMALL = ("stream.stream_length=10s", "stream.bits_per_second=480000", "stream.frame_rate=30")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("compare")
    recorded(made / "clear.jsonl", *SMALL, "run.seed=1")
    recorded(made / "lossy.jsonl.gz", *SMALL, *LOSSY, "network.loss=0.2")
    recorded(made / "other.jsonl", *SMALL, "stream.frame_rate=25")
    return made


def test_the_answer_is_the_first_line_and_the_table_has_every_metric(folder: Path) -> None:
    made = run_here("compare", folder / "clear.jsonl", folder / "lossy.jsonl.gz")
    assert (made.status, made.stderr) == (0, "")
    assert made.stdout.startswith("B is worse than A as far as one run each can tell ")
    assert "loss" in made.stdout.splitlines()[0]
    assert "interarrival_jitter_p99" in made.stdout


def test_json_is_what_its_schema_says_and_the_same_each_time(folder: Path) -> None:
    made = [run_here("compare", "--json", folder / "clear.jsonl", folder / "lossy.jsonl.gz") for _ in range(2)]
    found = read_output("compare", made[0].stdout)
    assert made[0].stdout == made[1].stdout
    assert found["outcome"] == "worse"
    assert [each["run"] for each in found["a"] + found["b"]] == ["clear", "lossy"]


def test_several_runs_stand_on_a_side_with_vs_between(folder: Path) -> None:
    clear, lossy = folder / "clear.jsonl", folder / "lossy.jsonl.gz"
    found = read_output("compare", run_here("compare", "--json", clear, clear, "vs", lossy).stdout)
    assert [len(found["a"]), len(found["b"])] == [2, 1]


def test_a_run_that_was_killed_is_compared_as_far_as_it_goes(folder: Path) -> None:
    cut = folder / "cut.jsonl"
    whole = (folder / "clear.jsonl").read_text()
    cut.write_text(whole[: len(whole) * 95 // 100])
    made = run_here("compare", cut, folder / "lossy.jsonl.gz")
    assert made.status == 1
    assert "the run was killed or failed" in made.stderr
    assert "A  cut ends at" in made.stdout
    assert made.stdout.startswith("B is worse than A as far as one run each can tell ")


def test_a_page_has_both_laid_over_each_other(folder: Path) -> None:
    made = run_here("compare", folder / "clear.jsonl", folder / "lossy.jsonl.gz", "-o", folder / "out.html")
    assert made.status == 0
    page = (folder / "out.html").read_text(encoding="utf-8")
    assert made.stdout.splitlines()[0].split(":")[0] in page
    assert "all-rate" in page
    assert "run1-frames" in page
    assert "run2-frames" in page
    assert page.index('<th scope="col">B is</th>') < page.index('<th scope="col" class="number">A</th>')
    assert '<span class="bad">worse</span>' in page


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("clear.jsonl",), "A B: 1 given; allowed: two, or several with 'vs' between the sides"),
        (("clear.jsonl", "vs"), "'vs' must have runs on both sides"),
        (("clear.jsonl", "nothing.jsonl"), "nothing.jsonl"),
        (("clear.jsonl", "other.jsonl", "vs", "clear.jsonl"), "differ in stream.bits_per_second|stream.frame_rate"),
        (("clear.jsonl", "lossy.jsonl.gz", "-o", "clear.jsonl"), "is the file of the events"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder: Path, args: tuple[str, ...], told: str) -> None:
    made = run_here("compare", *(each if each in ("vs", "-o") else folder / each for each in args))
    assert made.status == 2
    assert any(each in made.stderr for each in told.split("|"))
    assert made.stderr.count("\n") == 1


def test_events_of_a_side_that_only_sends_are_refused(folder: Path) -> None:
    sends = folder / "sends.jsonl"
    lines = (folder / "clear.jsonl").read_text().splitlines()
    header = {**json.loads(lines[0]), "role": "client", "direction": "push"}
    sends.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    made = run_here("compare", sends, folder / "clear.jsonl")
    assert made.status == 2
    assert "is of a client that sends, which judges no frames" in made.stderr
