"""``cts report``, and ``--report`` of the commands that run: what they write, say, and leave with."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import gettempdir

import click
import pytest

from cts.cli.sim_command import sim
from tests.cli.running_cts import FREE_PORT, QUIET, STREAM, VERY_SHORT, arguments, run_here
from tests.report.recorded import LOSSY, recorded

SMALL = (*QUIET, "stream.stream_length=500ms", "stream.buffer_depth=200ms")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("report") / "run.jsonl.gz", *LOSSY)


def test_a_report_is_written_where_it_is_asked_for(events: Path, tmp_path: Path) -> None:
    made = run_here("report", events, "-o", tmp_path / "out.html")
    assert (made.status, made.stderr) == (0, "")
    assert made.stdout.startswith(f"report: {tmp_path / 'out.html'} (")
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_without_a_name_it_has_the_run_s(events: Path) -> None:
    assert run_here("report", events).status == 0
    assert (events.parent / "run.html").exists()


def test_of_a_run_that_was_killed_it_shows_what_there_is_and_says_what_is_missing(events: Path, tmp_path: Path) -> None:
    whole = recorded(tmp_path / "whole.jsonl", *LOSSY).read_text()
    cut = tmp_path / "cut.jsonl"
    cut.write_text(whole[: len(whole) // 2])
    made = run_here("report", cut)
    assert made.status == 1
    assert "the run was killed or failed" in made.stderr
    page = (tmp_path / "cut.html").read_text(encoding="utf-8")
    assert "the run was killed or failed" in page
    assert "run1-frames" in page


def test_events_of_schema_1_have_a_report_without_what_they_do_not_tell(events: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    lines = []
    for text in recorded(tmp_path / "new.jsonl", *LOSSY).read_text().splitlines():
        line = json.loads(text)
        if line["event"] in ("missed", "extents", "run_report", "host", "histogram", "noted", "answered"):
            continue
        if line["event"] == "frame":
            line = {key: line[key] for key in list(line)[:9]}
            assert list(line)[-1] == "sender_qpf"
        for key in ("began_ns", "due", "bytes_of_no_frame", "send_lateness", "counted", "untold", "measured", "lines"):
            line.pop(key, None)
        if "schema" in line:
            line["schema"] = 1
        lines.append(json.dumps(line))
    old.write_text("\n".join(lines) + "\n")
    made = run_here("report", old)
    assert made.status == 1
    lacking = "what was due, how late frames were sent, buffers, host, notes, and the run's clock"
    assert made.stderr == f"{old}: is of schema 1, which lacks {lacking}\n"
    page = (tmp_path / "old.html").read_text(encoding="utf-8")
    assert "run1-frames" in page
    assert "run1-delay" in page
    assert "run1-playout" not in page
    assert run_here("replay", old).status == 2


@pytest.mark.parametrize("what", ["nothing", "no log", "the same file", "a folder", "nowhere"])
def test_what_cannot_be_made_is_refused_with_a_message(events: Path, tmp_path: Path, what: str) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello\n")
    given, wanted, said = {
        "nothing": (tmp_path / "none.jsonl", tmp_path / "o.html", "cannot read it"),
        "no log": (other, tmp_path / "o.html", "holds no JSON object"),
        "the same file": (events, events, "is the file of the events; allowed: another one"),
        "a folder": (events, tmp_path, "it is a directory"),
        "nowhere": (events, tmp_path / "no" / "o.html", "there is no directory"),
    }[what]
    refused = run_here("report", given, "-o", wanted)
    assert said in refused.message
    assert not (tmp_path / "o.html").exists()


def test_a_simulation_makes_its_report_without_leaving_events(tmp_path: Path) -> None:
    before = sorted(Path(gettempdir()).glob("cts-report-*"))
    ran = run_here("sim", STREAM, "--json", "--report", tmp_path / "out.html", sets=SMALL)
    assert ran.status == 0
    assert ran.report["frames"]["completed"] == 15
    assert ran.stderr.startswith("report: ")
    assert "run1-frames" in (tmp_path / "out.html").read_text(encoding="utf-8")
    assert sorted(Path(gettempdir()).glob("cts-report-*")) == before


def test_a_run_makes_its_report_of_the_events_file_that_it_is_told_to_write(tmp_path: Path) -> None:
    events = f"output.events_file={json.dumps(str(tmp_path / 'e.jsonl'))}"
    ran = run_here("run", STREAM, "--report", tmp_path / "out.html", sets=(*VERY_SHORT, *FREE_PORT, *QUIET, events))
    assert ran.status == 0
    assert (tmp_path / "e.jsonl").exists()
    assert "this host" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_a_replay_makes_one_too(events: Path, tmp_path: Path) -> None:
    replayed = run_here("replay", events, "--report", tmp_path / "out.html")
    assert replayed.status == 0
    assert replayed.stdout == run_here("replay", events).stdout
    assert (tmp_path / "out.html").exists()


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    refused = run_here("sim", STREAM, "--report", tmp_path / "no" / "out.html", sets=SMALL)
    assert "--report: cannot write" in refused.message


def test_a_report_is_written_over_no_other_file_of_its_run(events: Path, tmp_path: Path) -> None:
    config, junit, log = (tmp_path / name for name in ("run.toml", "j.xml", "e.txt"))
    config.write_bytes(STREAM.read_bytes())
    logged = (*SMALL, f"output.error_file={json.dumps(str(log))}")
    refused = [
        run_here("sim", config, "--report", config, sets=SMALL),
        run_here("sim", config, "--report", log, sets=logged),
        run_here("sim", config, "--report", junit, "--junit", junit, sets=SMALL),
        run_here("replay", events, "--report", log, "--errors", log),
    ]
    whose = ["CONFIG", "output.error_file", "--junit", "--errors"]
    assert [each.status for each in refused] == [2] * 4
    for name, one in zip(whose, refused, strict=True):
        assert f"is the file of {name}; allowed: another one" in one.message
    assert config.read_bytes() == STREAM.read_bytes()
    assert not junit.exists()
    assert not log.exists()


def test_a_report_that_fails_in_the_end_costs_nothing_of_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cts.records.whole_file.write_whole", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = run_here("sim", STREAM, "--json", "--report", tmp_path / "out.html", sets=SMALL)
    assert ran.status == 1
    assert ran.report["frames"]["completed"] == 15
    assert f"--report: cannot write '{tmp_path / 'out.html'}': No space left on device" in ran.stderr
    (kept,) = tmp_path.glob("cts-report-*/events.jsonl.gz")
    assert f"what was measured is kept in {kept}" in ran.stderr
    assert run_here("replay", kept, "--json").report == ran.report


def test_where_the_page_cannot_be_written_the_run_s_own_events_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cts.records.whole_file.write_whole", full)
    events = tmp_path / "e.jsonl"
    sets = (*SMALL, f"output.events_file={json.dumps(str(events))}")
    ran = run_here("sim", STREAM, "--report", tmp_path / "out.html", sets=sets)
    assert f"what was measured is kept in {events}" in ran.stderr


def test_a_stop_while_the_page_is_made_costs_no_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(pictures: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("cts.report.report_page", stopped)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with pytest.raises(click.Abort):
        sim.main([str(STREAM), "--report", str(tmp_path / "out.html"), *arguments([], SMALL)], standalone_mode=False)
    (kept,) = tmp_path.glob("cts-report-*/events.jsonl.gz")
    assert f"what was measured is kept in {kept}" in stderr.getvalue()


def full(path: Path, data: bytes) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("option", ["--report", "--junit"])
def test_what_is_written_at_the_end_takes_the_place_of_no_file_that_is_read(tmp_path: Path, option: str) -> None:
    config, trace = tmp_path / "run.toml", tmp_path / "delays.txt"
    config.write_text(f'{STREAM.read_text()}\n[network]\nlatency = {{model = "trace", file = "delays.txt"}}\n')
    trace.write_text("5ms\n")
    refused = run_here("sim", config, option, trace, sets=SMALL)
    assert f"{option}: '{trace}' is the file of network.latency.file; allowed: another one" in refused.message
    assert trace.read_text() == "5ms\n"
