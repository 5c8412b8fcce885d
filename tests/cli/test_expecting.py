"""Expectations and labels on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.running_cts import FREE_PORT, QUIET, SHORT, STREAM, Finished, run_here

LOSSY = (*QUIET, "stream.stream_length=4s", "network.loss=0.02")
ONE_PACKET = ("stream.bits_per_second=240000",)


def simulated(*args: str | Path, sets: tuple[str, ...] = ()) -> Finished:
    return run_here("sim", STREAM, *args, sets=(*LOSSY, *ONE_PACKET, *sets))


def expecting(*bounds: str) -> list[str]:
    return [word for bound in bounds for word in ("--expect", bound)]


@pytest.mark.parametrize(
    ("bounds", "status"),
    [
        (["completed >= 50 %"], 0),
        (["completed >= 50 %", "completed >= 98 %"], 4),
        (["completed >= 50 %", "completed >= 98 %", "completed >= 99.99 %"], 3),
    ],
)
def test_what_is_missed_leaves_with_3_and_what_is_undecided_with_4(bounds: list[str], status: int) -> None:
    finished = simulated(*expecting(*bounds))
    assert finished.status == status
    assert finished.stdout.count("\nexpected ") == len(bounds)


def test_a_table_of_the_configuration_is_as_good_as_an_option(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(STREAM.read_text() + '\n[expect]\nloss = "<= 0.1 %"\nmetrics.datagrams.due = ">= 100"\n')
    finished = run_here("sim", config, "--json", sets=(*LOSSY, *ONE_PACKET))
    assert finished.status == 3
    found = {each["expected"]: each["outcome"] for each in json.loads(finished.stdout)["expectations"]}
    assert found == {"loss <= 0.1 %": "missed", "metrics.datagrams.due >= 100": "met"}


def test_a_run_that_failed_keeps_its_own_status() -> None:
    finished = simulated(*expecting("completed >= 99.99 %"), sets=("network.loss=1.0",))
    assert finished.status == 1
    assert "undecided: completed >= 99.99 %; it was not measured" in finished.stdout


def test_check_shows_what_is_expected() -> None:
    shown = run_here("check", STREAM, sets=["expect.completed=>= 99 %", "expect.trusted=true"]).stdout
    assert "\nexpect   completed >= 99 %\nexpect   trusted = true" in shown


def test_an_unknown_metric_is_refused_by_check_and_on_the_command_line() -> None:
    checked = run_here("check", STREAM, sets=["expect.complete=>= 99 %"])
    assert "expect.complete: unknown metric; did you mean 'completed'? allowed: " in checked.message
    assert (
        "--expect 'complete >= 99 %': unknown metric; did you mean" in simulated(*expecting("complete >= 99 %")).message
    )


def test_what_was_expected_is_replayed_byte_for_byte_with_the_words_for_the_run(tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl.gz"
    sets = ('run.title="the attic"', 'run.tags=["wlan"]', f"output.events_file={json.dumps(str(events))}")
    for form in ([], ["--json"]):
        ran = simulated(*form, *expecting("completed >= 99.99 %"), sets=sets)
        again = run_here("replay", events, *form)
        assert (again.stdout, again.status) == (ran.stdout, 3)
    provenance = json.loads(ran.stdout)["provenance"]
    assert (provenance["title"], provenance["tags"], provenance["kernel"]) == ("the attic", ["wlan"], None)
    assert provenance["configuration"]["network"] == {"loss": 0.02}
    more = run_here("replay", events, *expecting("frames.dropped >= 1"))
    assert "met: frames.dropped >= 1" in more.stdout
    assert more.status == 3


def test_events_of_a_metric_that_came_later_are_replayed_without_it(tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    simulated(*expecting("loss <= 50 %"), sets=(f"output.events_file={json.dumps(str(events))}",))
    events.write_bytes(events.read_bytes().replace(b'["loss <= 50 %"]', b'["wonder >= 1"]', 1))
    again = run_here("replay", events)
    assert again.status == 0
    assert "note: what was expected is not understood: 'wonder >= 1': unknown metric" in again.stderr


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "e.jsonl"
    simulated(sets=(f"output.events_file={json.dumps(str(path))}",))
    return path


@pytest.mark.parametrize(
    ("told", "damaged", "message"),
    [
        (b'"expect":[]', b'"expect":[7]', "has a 'expect' that is not a list of strings"),
        (b'"tags":[]', b'"tags":"x"', "has a 'tags' that is not a list of strings"),
        (b'"title":null', b'"title":7', "has a 'title' that is not a string"),
        (b'"configuration":{', b'"configuration":7,"x":{', "has a 'configuration' that is not an object"),
        (b'"configuration":{', b'"configuration":{"x":NaN},"y":{', "has a 'configuration' that JSON cannot hold"),
        (b'"provenance":{', b'"provenance":[],"x":{', "has a 'provenance' that is not an object"),
    ],
)
def test_a_first_line_that_is_damaged_is_refused(
    tmp_path: Path, events: Path, told: bytes, damaged: bytes, message: str
) -> None:
    path = tmp_path / "e.jsonl"
    assert told in events.read_bytes()
    path.write_bytes(events.read_bytes().replace(told, damaged, 1))
    assert message in run_here("replay", path).message


def test_events_of_a_version_that_did_not_tell_are_replayed_without(tmp_path: Path, events: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(events.read_bytes().replace(b'"provenance"', b'"x"', 1).replace(b'"expect"', b'"y"', 1))
    replayed = run_here("replay", path, "--json")
    assert json.loads(replayed.stdout)["provenance"] is None


def test_a_real_run_says_what_ran_it_and_is_judged(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    ran = run_here(
        "run",
        STREAM,
        "--json",
        "--junit",
        junit,
        *expecting("frames.completed >= 16"),
        sets=(*SHORT, *FREE_PORT, *QUIET),
    )
    assert ran.status == 3
    provenance = json.loads(ran.stdout)["provenance"]
    assert provenance["cpus"] >= 1
    assert re.fullmatch(r"\w+ \S+", provenance["kernel"])
    assert ET.parse(junit).getroot().get("failures") == "1"


def test_a_junit_file_that_cannot_be_written_is_refused_before_and_told_after(tmp_path: Path) -> None:
    nowhere = simulated("--junit", tmp_path / "nowhere" / "x.xml")
    assert "--junit: cannot write" in nowhere.message
    full = simulated("--junit", "/dev/full", *expecting("completed >= 99.99 %"))
    assert full.status == 1
    assert "cts: --junit: cannot write '/dev/full': No space left on device" in full.stderr
    assert "missed: completed" in full.stdout


def test_a_junit_file_takes_nobody_s_place(tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    sets = (f"output.events_file={json.dumps(str(events))}",)
    assert "is the file of output.events_file; allowed: another one" in simulated("--junit", events, sets=sets).message
    simulated(sets=sets)
    before = events.read_bytes()
    assert "is the file of EVENTS" in run_here("replay", events, "--junit", events).message
    assert events.read_bytes() == before
