from __future__ import annotations

import io

from attrs import evolve

from cts.api import Address, Role
from cts.output.console import LineConsole
from cts.output.live import LiveConsole, terminal
from cts.output.ordering import OrderedObserver
from cts.output.remarks import Remarks, remark_rows
from cts.output.summary import summary_json, summary_text
from cts.records.snapshots import RunSnapshot, StreamInfo, StreamSnapshot
from tests.output.test_summary import RESULT, with_results

PEER = Address("10.0.0.1", 5000)
STREAM = StreamInfo(7, Address("0.0.0.0", 4444), PEER, Role.RECEIVER, 0)


def test_a_remark_names_the_stream_and_its_peer() -> None:
    assert Remarks().line(STREAM, "it rains") == "stream 7 with 10.0.0.1:5000: it rains"


def test_the_same_remark_is_said_of_one_stream_only() -> None:
    remarks = Remarks()
    assert remarks.line(STREAM, "it rains") is not None
    assert remarks.line(evolve(STREAM, number=8), "it rains") is None
    assert remarks.line(STREAM, "it snows") is not None


def test_no_more_remarks_are_said_than_a_person_reads() -> None:
    remarks = Remarks()
    assert sum(remarks.line(STREAM, f"remark {number}") is not None for number in range(100)) == 10


def test_the_summary_counts_the_streams_of_each_remark() -> None:
    rainy, snowy = evolve(RESULT, remark="it rains"), evolve(RESULT, remark="it snows")
    rows = remark_rows([snowy, rainy, rainy, RESULT])
    assert rows == [("note", "2 streams: it rains"), ("note", "1 stream: it snows")]
    assert "note              2 streams: it rains" in summary_text(with_results(snowy, rainy, rainy))


def test_the_summary_says_how_many_remarks_it_leaves_out() -> None:
    rows = remark_rows(evolve(RESULT, remark=f"remark {number}") for number in range(12))
    assert rows[-1] == ("note", "and 2 other remarks, in --json")


def test_a_stream_in_json_has_its_remark() -> None:
    assert summary_json(with_results(evolve(RESULT, remark="it rains")))["streams"][0]["remark"] == "it rains"  # type: ignore[index]


def test_the_status_lines_say_a_remark_when_it_is_made() -> None:
    stream = io.StringIO()
    console = OrderedObserver([LineConsole(stream, Role.RECEIVER)], lambda: 0)
    console.remarked(STREAM, "it rains")
    assert stream.getvalue() == "stream 7 with 10.0.0.1:5000: it rains\n"


def test_the_live_view_says_a_remark_above_what_it_draws() -> None:
    stream = io.StringIO()
    console = LiveConsole(terminal(stream), Role.RECEIVER)
    console.status(RunSnapshot(0, 1, StreamSnapshot()))
    console.remarked(STREAM, "it rains")
    console.closing()
    assert stream.getvalue().startswith("stream 7 with 10.0.0.1:5000: it rains\n")
