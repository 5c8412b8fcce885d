"""The page: one file that asks nothing of anybody, in which no stranger's text is more than text."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.report.recorded import LOSSY, Read, page_of, plots_of, recorded

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e]]><!--"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("page") / "run.jsonl", *LOSSY)


@pytest.fixture(scope="module")
def page(events: Path) -> str:
    return page_of(events)


def altered(events: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    for line in lines:
        change(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def scripts_of(read: Read) -> list[str]:
    kinds = [attrs.get("type") for tag, attrs in read.elements if tag == "script"]
    return [text for text, kind in zip(read.inside["script"], kinds, strict=True) if kind is None]


def test_its_policy_lets_nothing_run_but_its_own_scripts_and_styles_and_nothing_be_fetched(page: str) -> None:
    read = Read(page)
    (policy,) = [
        attrs["content"] for tag, attrs in read.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for name, texts in (("script-src", scripts_of(read)), ("style-src", read.inside["style"])):
        hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts]
        assert rules[name].split() == hashes
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy


def test_its_policy_stands_before_all_that_it_is_about(page: str) -> None:
    names = [tag for tag, _ in Read(page).elements]
    assert names[:4] == ["html", "head", "meta", "meta"]
    assert page.index("Content-Security-Policy") < page.index("<style") < page.index("<script")


def test_it_asks_nobody_for_anything(page: str) -> None:
    read = Read(page)
    addresses = read.attributes(("src", "href", "action", "data", "srcset", "poster", "style"))
    assert [address for address in addresses if not address.startswith(("#", "data:,"))] == []
    assert [text for text in read.inside["style"] if "url(" in text or "@import" in text] == []


def test_a_stranger_s_text_is_nowhere_more_than_text(events: Path, tmp_path: Path) -> None:
    def change(line: dict[str, Any]) -> None:
        for key in ("result", "id", "remark"):
            if line["event"] == "stream_ended":
                line[key] = HOSTILE
        if line["event"] in ("stream_ended", "stream_opened"):
            line["local"], line["remote"] = f"{HOSTILE.replace(':', '')}:1", f"{HOSTILE}:2"
        if line["event"] == "run_report":
            line["hosts"] = 1
        if line["event"] == "run_ended":
            line["interrupted"] = True

    hostile = altered(events, tmp_path / "e.jsonl", change)
    text = hostile.read_text().splitlines()
    host = {
        "event": "host",
        "time_ns": 0,
        "host": 0,
        "name": HOSTILE,
        "told": False,
        "read_delay_ns": 0,
        "overflowed": 1,
    }
    texts = [
        {"event": "noted", "time_ns": 0, "note": HOSTILE},
        {"event": "run_failed", "time_ns": 0, "failure": HOSTILE},
    ]
    hostile.write_text("\n".join([*text[:-1], *map(json.dumps, (host, *texts)), text[-1]]) + "\n")
    named = hostile.rename(tmp_path / "<script>alert(3)<&script>\u202e.jsonl")
    page = page_of(named, named)
    read, sound = Read(page), Read(page_of(events, events))
    assert sorted({tag for tag, _ in read.elements}) == sorted(
        {tag for tag, _ in sound.elements} | {"strong", "ul", "li", "div"}
    )
    assert scripts_of(read) == scripts_of(sound)
    assert [name for _, attrs in read.elements for name in attrs if name.startswith("on")] == []
    assert "alert(1)" in read.text
    assert "alert(3)" in read.text
    assert "\u202e" not in page
    assert plots_of(page)


def test_each_plot_has_its_place_and_says_how_it_is_read(page: str) -> None:
    plots = plots_of(page)
    places = [attrs["data-plot"] or "" for _, attrs in Read(page).elements if "data-plot" in attrs]
    assert [plot["key"] for plot in plots] == places
    assert [key.partition("-")[2] for key in places] == [
        "rate", "loss", "verdicts", "delay", "frames", "distribution", "playout"
    ]  # fmt: skip
    assert page.count("<figcaption>") >= len(plots)


def test_what_is_drawn_is_what_was_reported(page: str, events: Path) -> None:
    by_key = {plot["key"]: plot for plot in plots_of(page)}
    verdicts = [json.loads(line).get("verdict") for line in events.read_text().splitlines()[1:]]
    frames = by_key["run1-frames"]["tables"][0]["curves"]
    rug = next(curve for curve in frames if curve["draw"] == "rug")
    assert sum(count or 0 for count in rug["values"]) == verdicts.count("dropped")
    assert sum(value is not None for value in frames[0]["values"]) == verdicts.count("completed")
    playout = by_key["run1-playout"]["tables"][0]
    assert playout["curves"][0]["values"][-1] == max(playout["curves"][0]["values"]) <= 100


def test_curves_of_a_table_are_as_long_as_its_x_which_ascends(page: str) -> None:
    for plot in plots_of(page):
        for table in plot["tables"]:
            assert table["x"] == sorted(table["x"])
            assert {len(curve["values"]) for curve in table["curves"]} == {len(table["x"])}


def test_several_runs_are_laid_over_each_other_and_have_a_part_each(events: Path) -> None:
    page = page_of(events, events)
    keys = [plot["key"] for plot in plots_of(page)]
    assert [key for key in keys if key.startswith("all-")] == [
        "all-rate",
        "all-loss",
        "all-distribution",
        "all-playout",
    ]
    assert {key.partition("-")[0] for key in keys} == {"all", "run1", "run2"}
    assert all(len(plot["tables"]) == 2 for plot in plots_of(page) if plot["key"].startswith("all-"))


def test_many_streams_have_a_row_each(tmp_path: Path) -> None:
    events = recorded(tmp_path / "many.jsonl", *LOSSY, "client.connections=30", "stream.stream_length=500ms")
    page = page_of(events)
    by_key = {plot["key"]: plot for plot in plots_of(page)}
    assert "run1-frames" not in by_key
    assert len(by_key["run1-streams"]["rows"]) == 24
    assert "Shown are 24 of " in page
    assert len(by_key["run1-delay"]["tables"]) == 5
    assert "Each stream" in page


def test_a_run_that_came_to_nothing_has_a_page_without_plots_over_time(tmp_path: Path) -> None:
    page = page_of(recorded(tmp_path / "nothing.jsonl", "network.loss=1.0", "run.time_limit=100ms"))
    assert "run1-frames" not in [plot["key"] for plot in plots_of(page)]
    assert "Configuration" in page


def test_an_hour_of_frames_is_thinned_to_what_can_be_drawn(events: Path, tmp_path: Path) -> None:
    """A minute of 3 600 frames a second has as many frames as an hour of 60 a second."""
    lines = events.read_text().splitlines()
    header = json.loads(lines[0]) | {"frame_rate": 3600, "stream_length_ns": 10 * 10**9}
    opened = next(line for line in lines if '"stream_opened"' in line and '"receiver"' in line)
    frames = [
        f'{{"event":"frame","time_ns":{10**9 + place * 10**9 // 3600},"stream":1,"sequence":{place + 1},"verdict":"completed",'
        f'"size":277,"received_ns":{10**9 + place * 10**9 // 3600 - 10**6},"sender_qpc":{place},"sender_qpf":3600}}'
        for place in range(20_000)
    ]
    path = tmp_path / "hour.jsonl"
    path.write_text("\n".join([json.dumps(header), opened, *frames]) + "\n")
    page = page_of(path)
    for plot in plots_of(page):
        assert all(len(table["x"]) <= 4096 for table in plot["tables"])
    assert len(page) < 2 << 20
    assert "20,000 (100.00 %)" in page
