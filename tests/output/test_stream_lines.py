from __future__ import annotations

import io

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.output.console import ConsoleMode, LineConsole, choose_console
from cts.output.ordering import OrderedObserver
from cts.output.stream_lines import StreamLines
from cts.protocol.roles import Role
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult
from tests.output.test_summary import BEGAN_NS, RESULT

SECOND = 1_000_000_000
PEER = Address("127.0.0.1", 50000)
STREAM = StreamInfo(7, Address("0.0.0.0", 4444), PEER, Role.RECEIVER, SECOND)


def ended(result: StreamResult) -> str | None:
    lines = StreamLines()
    lines.run_began(BEGAN_NS)
    return lines.ended(STREAM, result)


def test_a_stream_that_begins_is_told_with_its_peer() -> None:
    assert StreamLines().opened(STREAM) == "1.000 s: stream 7 with 127.0.0.1:50000 began"


def test_a_stream_that_ends_is_told_with_its_verdicts_and_its_id() -> None:
    counts = StreamSnapshot(FrameTotals(1470, 20, 10))
    assert ended(evolve(RESULT, counts=counts)) == (
        "5.968 s: stream 7 with 127.0.0.1:50000 ended: 1,470 frames completed, 20 dropped, 10 duplicated "
        "[27a22e1f-549a-4e0c-a6f9-89c72ab6bc09]"
    )


def test_a_sender_tells_what_it_sent() -> None:
    sent = evolve(RESULT, role=Role.SENDER, counts=StreamSnapshot(bytes_sent=4_999_950))
    assert "ended: 4,999,950 bytes sent [27a2" in str(ended(sent))


def test_a_sender_tells_how_often_its_peer_was_not_reached() -> None:
    sent = evolve(RESULT, role=Role.SENDER, counts=StreamSnapshot(bytes_sent=7, unreachable=73))
    assert "ended: 7 bytes sent, the network said 73 times that it is not reached [27a2" in str(ended(sent))


@pytest.mark.parametrize(
    ("outcome", "text", "told"),
    [
        (Outcome.PROTOCOL_ERROR, "ErrorNotAllDataTransferred", "failed, ErrorNotAllDataTransferred: 150 frames"),
        (Outcome.CANCELLED, "Cancelled: its peer", "was cut off, Cancelled: its peer: 150 frames"),
    ],
)
def test_a_stream_that_did_not_succeed_is_told_with_the_reason(outcome: Outcome, text: str, told: str) -> None:
    assert told in str(ended(evolve(RESULT, outcome=outcome, result=text)))


def test_of_thousands_in_a_second_ten_are_told_and_the_others_counted() -> None:
    lines = StreamLines()
    told = [lines.opened(evolve(STREAM, number=number)) for number in range(3000)]
    assert sum(line is not None for line in told) == 10
    assert lines.left_out() == "streams not shown one by one: 2,990 more began"
    assert lines.left_out() is None
    assert lines.opened(evolve(STREAM, opened_ns=2 * SECOND)) is not None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3 * SECOND)), max_size=100))
def test_every_stream_is_told_or_counted(events: list[tuple[bool, int]]) -> None:
    lines = StreamLines()
    told = 0
    for begins, time_ns in events:
        if begins:
            line = lines.opened(evolve(STREAM, opened_ns=time_ns))
        else:
            line = lines.ended(STREAM, evolve(RESULT, ended_ns=time_ns))
        told += line is not None
    left_out = lines.left_out() or ""
    assert told + sum(int(word) for word in left_out.split() if word.isdigit()) == len(events)


def test_the_status_lines_tell_a_stream_at_once_and_what_was_left_out_at_the_next_status() -> None:
    stream = io.StringIO()
    console = OrderedObserver([LineConsole(stream, Role.RECEIVER, streams=StreamLines())], lambda: 0)
    for number in range(12):
        console.stream_opened(evolve(STREAM, number=number))
    assert len(stream.getvalue().splitlines()) == 10
    console.status(RunSnapshot(2 * SECOND, 12, StreamSnapshot()))
    assert stream.getvalue().splitlines()[10] == "streams not shown one by one: 2 more began"


@pytest.mark.parametrize(
    ("mode", "tells", "told"), [("lines", True, True), ("lines", False, False), ("quiet", True, False)]
)
def test_streams_are_told_where_it_is_asked_for_and_not_quietly(mode: ConsoleMode, tells: bool, told: bool) -> None:
    stream = io.StringIO()
    console = choose_console(mode, stream, Role.RECEIVER, tells_streams=tells)
    console.stream_opened(STREAM)
    console.stream_ended(STREAM, RESULT)
    assert bool(stream.getvalue()) is told


def test_a_stream_whose_counts_nobody_knows_says_so() -> None:
    assert ": its counts are not known [" in str(ended(evolve(RESULT, counted=False)))


def test_a_stream_that_never_had_a_name_says_so() -> None:
    assert str(ended(evolve(RESULT, connection_id="00000000-0000-0000-0000-000000000000"))).endswith(" [no id]")
