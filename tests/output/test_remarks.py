from __future__ import annotations

import io

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, Role
from cts.output.console import LineConsole
from cts.output.live import LiveConsole, terminal
from cts.output.ordering import OrderedObserver
from cts.output.remarks import Remarks, remark_rows
from cts.output.summary import summary_text
from cts.output.summary_json import summary_json
from cts.protocol.remark import fell_silent
from cts.records.snapshots import RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamEnds
from tests.engine.small_stream import PLAN
from tests.output.test_summary import REPORT, RESULT, with_results

PEER = Address("10.0.0.1", 5000)
STREAM = StreamInfo(7, Address("0.0.0.0", 4444), PEER, Role.RECEIVER, 0)


def test_a_remark_names_the_stream_and_its_peer() -> None:
    assert Remarks().line(STREAM, "it rains") == "stream 7 with 10.0.0.1:5000: it rains"


def test_the_same_remark_is_said_of_one_stream_only() -> None:
    remarks = Remarks()
    assert remarks.line(STREAM, "it rains") is not None
    assert remarks.line(evolve(STREAM, number=8), "it rains") is None
    assert remarks.line(STREAM, "it snows") is not None


def test_a_remark_that_differs_in_numbers_alone_is_said_of_one_stream_only() -> None:
    remarks = Remarks()
    assert remarks.line(STREAM, "silent 2.013 s after") is not None
    assert remarks.line(STREAM, "silent 1,234.5 s after") is None


def test_a_remark_that_goes_on_from_one_that_was_said_is_not_said() -> None:
    remarks = Remarks()
    assert remarks.line(STREAM, "nobody listens there (1 time)") is not None
    assert remarks.line(STREAM, "nobody listens there (4 times); 2 STARTs sent, and nothing came back") is None


def test_no_more_remarks_are_said_than_a_person_reads() -> None:
    remarks = Remarks()
    assert sum(remarks.line(STREAM, f"remark {'x' * number}") is not None for number in range(100)) == 10


def test_the_summary_counts_the_streams_of_each_remark() -> None:
    rainy, snowy = evolve(RESULT, remark="it rains"), evolve(RESULT, remark="it snows")
    rows = remark_rows([snowy, rainy, rainy, RESULT])
    assert rows == [("note", "2 streams: it rains"), ("note", "1 stream: it snows")]
    assert "note               2 streams: it rains" in summary_text(with_results(snowy, rainy, rainy))


def test_the_summary_has_the_remarks_of_both_ends_of_a_stream() -> None:
    stream = StreamEnds(evolve(RESULT, remark="it rains"), (evolve(RESULT, remark="it snows"),))
    text = summary_text(evolve(REPORT, streams=(stream,)))
    assert [line.partition(": ")[2] for line in text.splitlines() if line.startswith("note")] == [
        "it rains",
        "it snows",
    ]


def test_the_summary_says_how_many_remarks_it_leaves_out() -> None:
    rows = remark_rows(evolve(RESULT, remark=f"remark {'x' * number}") for number in range(12))
    assert rows[-1] == ("note", "and 2 other remarks, in --json")


def test_remarks_that_differ_in_numbers_alone_are_one_with_the_least_and_the_greatest() -> None:
    texts = [
        f"silent {each} s after, in frame {frame:,} of 1,500: why" for each, frame in (("2.3", 990), ("2.0", 1000))
    ]
    rows = remark_rows(evolve(RESULT, remark=text) for text in [*texts, texts[0]])
    assert rows == [("note", "3 streams: silent 2.0 to 2.3 s after, in frame 990 to 1,000 of 1,500: why")]


def test_thousands_of_streams_that_fell_silent_make_one_note() -> None:
    remarks = (fell_silent(PLAN, 0, 1_000_000_000 + number, number % 15 + 1) for number in range(1000))
    rows = remark_rows(evolve(RESULT, remark=remark.text) for remark in remarks if remark is not None)
    assert len(rows) == 1
    assert rows[0][1].startswith(
        "1,000 streams: the peer fell silent 1.000 s after the stream began, in frame 1 to 15 "
    )


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_no_number_of_a_remark_is_outside_of_what_the_note_says(numbers: list[int]) -> None:
    ((_, text),) = remark_rows(evolve(RESULT, remark=f"{number:,} bytes") for number in numbers)
    said = [int(each.replace(",", "")) for each in text.partition(": ")[2].removesuffix(" bytes").split(" to ")]
    assert (min(said), max(said)) == (min(numbers), max(numbers))


def test_a_name_that_holds_digits_is_no_number() -> None:
    remarks = Remarks()
    for text in ("10.0.0.1:50 is mute", "10.0.0.2:50 is mute", "it speaks UTF8", "it speaks UTF16"):
        assert remarks.line(STREAM, text) is not None


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
