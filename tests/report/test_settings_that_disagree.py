"""Of a stream whose ends have other settings no figure of frames says anything: the page has none, as the console."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.recorded import LOSSY, Read, page_of, plots_of, recorded

FIGURES = ("frames that played", "bytes missing in time", "buffer for 99.9", "delay variation, 99 %", "longest stall")
TABLES = ("Loss by place", "Loss runs")


def disagreeing(line: dict[str, Any]) -> None:
    if line["event"] == "stream_ended" and line["role"] == "receiver":
        line["outcome"], line["result"] = "protocol error", "ErrorSettingsDisagree"


def page(folder: Path, *sets: str, change: Callable[[dict[str, Any]], None] = disagreeing) -> str:
    lines = [json.loads(line) for line in recorded(folder / "e.jsonl", *LOSSY, *sets).read_text().splitlines()]
    for line in lines:
        change(line)
    path = folder / "altered.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return page_of(path)


def test_no_figure_and_no_picture_of_frames_is_on_the_page(tmp_path: Path) -> None:
    made = page(tmp_path)
    text = Read(made).text
    assert [each for each in (*FIGURES, *TABLES) if each in text] == []
    assert plots_of(made) == []
    assert "the other end has other settings: no picture of frames would say anything" in text


def test_of_two_runs_that_are_laid_over_each_other_neither_is_drawn(tmp_path: Path) -> None:
    page(tmp_path)
    path = tmp_path / "altered.jsonl"
    assert plots_of(page_of(path, path)) == []


def test_of_several_streams_those_that_disagree_have_no_figures_of_frames(tmp_path: Path) -> None:
    def first(line: dict[str, Any]) -> None:
        if line.get("stream") == 1:
            disagreeing(line)

    made = page(tmp_path, "client.connections=2", change=first)
    rows = made.partition("Each stream")[2].partition("</table>")[0].split("<tr>")[2:]
    cells = ['<td class="number">-</td>' * 5 in row for row in rows]
    assert cells == ["ErrorSettingsDisagree" in row for row in rows]
    assert sorted(cells) == [False, True]
    assert "frames that played" in Read(made).text


@pytest.mark.parametrize("figure", FIGURES)
def test_of_a_stream_that_does_not_disagree_they_are_there(tmp_path: Path, figure: str) -> None:
    assert figure in Read(page(tmp_path, change=lambda line: None)).text
