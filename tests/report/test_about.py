"""The head of a run's part says whom it measured, when and on what, and what became of what was expected."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running_cts import STREAM, run_here
from tests.report.recorded import LOSSY, SMALL, page_of, recorded
from tests.verification.served_logs import served


class Rows(HTMLParser):
    """The first row of each name in the tables of a page, and the classes of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.kinds: dict[str, list[str | None]] = {}
        self._cells: list[str] = []
        self._kinds: list[str | None] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._cells, self._kinds = [], []
        elif tag in ("th", "td"):
            self._cells.append("")
            self._kinds.append(dict(attrs).get("class"))
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._inside = False
        elif tag == "tr" and self._cells and self._cells[0] not in self.rows:
            self.rows[self._cells[0]] = self._cells[1:]
            self.kinds[self._cells[0]] = self._kinds[1:]

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._cells[-1] += data


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with a title, tags, expectations and a peer that tells its clock."""
    path = tmp_path_factory.mktemp("about") / "run.jsonl"
    sets = (*SMALL, *LOSSY, "client.handshake=auto", "run.title=Office to lab", 'run.tags=["wlan", "5 GHz"]')
    expected = [each for bound in ("completed > 99 %", "pdv_p99 <= 1 s", "loss <= 1 %") for each in ("--expect", bound)]
    run_here("sim", STREAM, *expected, sets=(*sets, f"output.events_file={json.dumps(str(path))}"))
    return path


@pytest.fixture(scope="module")
def told(events: Path) -> Rows:
    return Rows(page_of(events))


def as_if(events: Path, path: Path, **header: Any) -> Path:
    """Return the events of the same run with another first line, as of one over a network."""
    first, rest = events.read_text().split("\n", 1)
    told = json.loads(first) | {"began_unix_ns": 1_700_000_000 * 10**9} | header
    provenance = told["provenance"] | {"kernel": "Linux 6.1", "cpus": 2}
    provenance["configuration"] |= {"client": {"target": ["server.example", "127.0.0.1:4444"]}}
    path.write_text(f"{json.dumps(told | {'provenance': provenance})}\n{rest}")
    return path


def test_it_has_the_user_s_words_for_the_run(told: Rows) -> None:
    rows = told.rows
    assert (rows["title"], rows["tags"]) == (["Office to lab"], ["wlan, 5 GHz"])


def test_a_simulated_run_says_that_it_had_neither_network_nor_host_nor_date(told: Rows) -> None:
    rows = told.rows
    assert rows["network"] == ["simulated"]
    assert rows["role"] == ["both ends in one process, of which the server sends (pull)"]
    assert rows["when"][0].startswith("in virtual time, for 2.")
    assert rows["host"][0].startswith("none: time was virtual, ")


def test_a_client_s_run_names_the_server_as_it_was_asked_for_and_as_it_was_reached(
    events: Path, tmp_path: Path
) -> None:
    rows = Rows(page_of(as_if(events, tmp_path / "c.jsonl", role="client"))).rows
    assert rows["role"] == ["client, which receives (pull)"]
    assert rows["asked for"] == ["server.example"]
    assert rows["peer"] == ["127.0.0.1:4444"]
    assert rows["own address"] == ["10.0.0.1"]
    assert rows["when"][0].startswith("2023-11-14 22:13:20 UTC, for 2.")
    assert rows["host"][0].startswith("Linux 6.1, 2 processors, CPython 3.")


def test_a_server_s_run_names_its_clients(tmp_path: Path) -> None:
    pushed = recorded(tmp_path / "e.jsonl", "stream.direction=push", "stream.stream_length=100ms")
    rows = Rows(page_of(as_if(pushed, tmp_path / "s.jsonl", role="server"))).rows
    assert rows["role"] == ["server, which receives (push)"]
    assert rows["peer"] == ["10.0.0.1"]
    assert rows["own address"] == ["127.0.0.1:4444"]
    assert "asked for" not in rows


def test_of_many_peers_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    many = recorded(tmp_path / "many.jsonl", "client.connections=8", "stream.stream_length=100ms")
    lines = [json.loads(line) for line in as_if(many, tmp_path / "c.jsonl", role="client").read_text().splitlines()]
    for line in lines:
        if line["event"] in ("stream_opened", "stream_ended") and line["remote"] == "127.0.0.1:4444":
            line["remote"] = f"127.0.0.1:{4000 + line['stream']}"
    many.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    peers = Rows(page_of(many)).rows["peer"][0]
    assert peers == "127.0.0.1:4001, 127.0.0.1:4002, 127.0.0.1:4003, 127.0.0.1:4004, 127.0.0.1:4005 and 3 more"


def test_delays_of_each_way_have_their_bounds(told: Rows) -> None:
    rows = told.rows
    assert "at least" in rows["round trip"][0]
    for name in ("one way to the peer", "one way from the peer"):
        assert rows[name][0].count("±") == 3


def test_each_expectation_has_its_outcome_and_what_was_measured(told: Rows) -> None:
    assert {name: told.rows[name][0] for name in ("completed > 99 %", "pdv_p99 <= 1 s", "loss <= 1 %")} == {
        "completed > 99 %": "missed", "pdv_p99 <= 1 s": "met", "loss <= 1 %": "undecided"
    }  # fmt: skip
    assert [told.kinds[name][0] for name in ("completed > 99 %", "pdv_p99 <= 1 s", "loss <= 1 %")] == [
        "bad",
        "good",
        "fair",
    ]
    assert "95 % limits" in told.rows["loss <= 1 %"][1]
    assert "would decide" in told.rows["loss <= 1 %"][1]


def test_of_a_run_without_a_peer_s_clock_and_expectations_nothing_is_said_of_either(tmp_path: Path) -> None:
    page = page_of(recorded(tmp_path / "e.jsonl", "stream.stream_length=100ms"))
    assert "round trip" not in Rows(page).rows
    assert "What was expected" not in page


def test_a_server_s_run_says_what_its_clients_asked_for(tmp_path: Path) -> None:
    rows = Rows(page_of(served(tmp_path, "pull").events)).rows
    own, other = "80 kbit/s at 10 frames/s for 2 s, 1 s buffer", "160 kbit/s at 20 frames/s for 1 s, 1 s buffer"
    assert rows["stream"] == [f"{other}; {own}; 5 streams"]


def test_a_server_that_was_asked_for_both_ways_says_so(tmp_path: Path) -> None:
    rows = Rows(page_of(served(tmp_path, "pull").events)).rows
    assert rows["role"] == ["server, which sends and receives, as it was asked to"]
