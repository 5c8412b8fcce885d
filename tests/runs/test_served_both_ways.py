"""What all commands that read events make of a server's that served both directions, each stream by a plan of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cts.comparison.cells import Sum
from cts.errors import UserError
from cts.output.answer import answer_of
from cts.output.summary import summary_text
from cts.protocol.roles import Role
from cts.report.time_plots import time_plots
from cts.runs.compared_runs import read_run
from cts.runs.replay import replay
from tests.verification.served_logs import served
from tests.verification.simulated_logs import MS

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the events of a server of each direction."""
    return {way: served(tmp_path_factory.mktemp(way), way).events for way in ("pull", "push")}


@BOTH
def test_the_summary_tells_how_many_went_which_way(logs: dict[str, Path], direction: str) -> None:
    received, sent = (2, 3) if direction == "pull" else (3, 2)
    text = summary_text(replay(logs[direction], {}).report)
    assert f"server             both directions: {received} pushed, {sent} pulled; " in text


@BOTH
def test_the_answer_tells_apart_what_came_and_what_was_sent(logs: dict[str, Path], direction: str) -> None:
    received, sent = (2, 3) if direction == "pull" else (3, 2)
    answer = answer_of(replay(logs[direction], {}).report)
    assert f"The {received} streams that came do not play" in answer
    to_the_end = sent - 1 if direction == "pull" else sent
    tell = "tell" if direction == "push" else f"told, {to_the_end} to the end"
    assert f"{sent} streams were sent, of which the other ends {tell}: " in answer
    assert "your own sender" not in answer


@BOTH
def test_a_comparison_takes_what_it_received(logs: dict[str, Path], direction: str) -> None:
    run = read_run(logs[direction], "run", pictured=True)
    assert run.run.settings["stream.direction"] == "push"
    assert run.run.settings["stream.frame_rate"] == "10 frames/s, 20 frames/s"


def test_a_comparison_goes_by_each_stream_s_own_plan(logs: dict[str, Path]) -> None:
    cells = read_run(logs["pull"], "run").run.cells
    # 20 frames of the run's 10 a second, and 20 of another plan's 20.
    assert sum(cell.sums[Sum.WATCHED_NS] for cell in cells) == 20 * 100 * MS + 20 * 50 * MS


@BOTH
def test_a_report_has_pictures_of_what_it_received_and_of_what_it_sent(logs: dict[str, Path], direction: str) -> None:
    picture = read_run(logs[direction], "run", pictured=True).picture
    assert picture is not None
    curves = {
        plot.title: [curve.label for _, each in plot.tables for curve in each] for plot in time_plots(picture, "a")
    }
    # The streams have several plans, so that of a frame that is due nobody knows how large it is.
    assert curves["Rate"] == ["in time"]
    assert curves["Rate sent"] == ["sent"]


def only(events: Path, to: Path, *numbers: int) -> Path:
    """Write the events that are of no other streams than these."""
    lines = events.read_text().splitlines(keepends=True)
    to.write_text("".join(line for line in lines if json.loads(line).get("stream", numbers[0]) in numbers))
    return to


def test_a_comparison_refuses_a_server_that_only_sent(logs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is of a server that sends, which judges no frames"):
        read_run(only(logs["pull"], tmp_path / "sent.jsonl", 2, 3, 5), "run")


def test_a_push_server_that_only_sent_says_what_left(logs: dict[str, Path], tmp_path: Path) -> None:
    report = replay(only(logs["push"], tmp_path / "sent.jsonl", 2, 3), {}).report
    assert report.roles == {Role.SENDER}
    assert "pull: the server sends" in summary_text(report)


@BOTH
def test_a_stream_cut_off_by_a_kill_has_its_row_whichever_way_it_went(
    logs: dict[str, Path], tmp_path: Path, direction: str
) -> None:
    cut, rows = tmp_path / "cut.jsonl", tmp_path / "rows.csv"
    lines = logs[direction].read_text().splitlines(keepends=True)
    last = next(at for at, line in enumerate(lines) if line.startswith('{"event":"stream_ended"'))
    opened = [line for line in lines if line.startswith('{"event":"stream_opened"')]
    cut.write_text("".join([lines[0], *opened, *lines[1:last]][: len(opened) + 1]))
    replay(cut, {"connection": rows})
    assert rows.read_text().count("Cancelled") == len(opened)
