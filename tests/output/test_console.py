from __future__ import annotations

import io
import os
import pty
import termios

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Address
from cts.metrics.counters import FrameTotals
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.metrics.viewing import Longest
from cts.output.console import (
    COLUMN_ENDS,
    HEADER,
    LEGEND,
    SENDERS_LEGEND,
    SERVERS_LEGEND,
    ConsoleMode,
    LineConsole,
    choose_console,
    fitted,
    status_line,
)
from cts.output.live import LiveConsole
from cts.output.slices import StatusSlice
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.observer import Observer
from cts.records.peer_end import PeerTotals
from cts.records.snapshots import RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import UNKNOWN_CONNECTION_ID
from tests.output.test_summary import failed

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
PLAN = StreamPlan(8_000_000, 30, 10 * SECOND)


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


def snapshot(elapsed_ns: int) -> RunSnapshot:
    return RunSnapshot(elapsed_ns, 1, StreamSnapshot())


def row(ended_ns: int = 1_003_000_000, rate: int = 966512, streams: int = 1, completed: int = 30) -> StatusSlice:
    return StatusSlice(ended_ns, rate, streams, FrameTotals(completed, 1, 2, 3))


def test_the_header_is_the_originals() -> None:
    assert HEADER == " TimeSlice       Bits/Sec    Streams   Completed   Dropped   Repeated    Errors "


def test_every_value_ends_at_its_column() -> None:
    line = status_line(row())
    ends = [line[:end] for end in COLUMN_ENDS]
    values = ["1.003", "966512", "1", "30", "1", "2", "3"]
    assert [text.rpartition(" ")[2] for text in ends] == values
    assert len(line) == COLUMN_ENDS[-1] == 79


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (999_999_999, 10, "999999999"),
        (1_000_000_000, 10, "1000.0x^6"),
        (1_990_000_000_000, 10, "1990.0x^9"),
        (99_999_999_999, 10, "99.9x^9"),
        (123_456_789_012_345, 10, "123.4x^12"),
        (10**30, 10, "1000000000000000000.0x^12"),
    ],
)
def test_a_value_too_wide_for_its_column_is_shortened(value: int, width: int, text: str) -> None:
    assert fitted(value, width) == text


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1), st.integers(10, 15))
def test_a_shortened_value_keeps_apart_from_its_neighbour(value: int, width: int) -> None:
    assert len(fitted(value, width)) < width


def test_a_run_of_weeks_keeps_the_columns() -> None:
    assert status_line(row(ended_ns=10**7 * SECOND)).startswith("  10000000")


@pytest.mark.parametrize("legend", [LEGEND, SENDERS_LEGEND, SERVERS_LEGEND])
def test_the_legend_is_short_and_no_wider_than_the_table(legend: str) -> None:
    lines = legend.splitlines()
    assert len(lines) <= 3
    assert max(map(len, lines)) <= len(HEADER)


def test_the_legend_comes_first_and_the_header_again_every_40_rows() -> None:
    stream = io.StringIO()
    console = LineConsole(stream, Role.RECEIVER)
    console.run_began(0)
    for second in range(82):
        console.status(snapshot(second * SECOND))
    text = stream.getvalue()
    assert text.startswith(LEGEND)
    lines = text.removeprefix(LEGEND).splitlines()
    assert [index for index, line in enumerate(lines) if line == HEADER] == [1, 43, 85]
    assert lines[2].split()[0] == "1.000"


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (snapshot(2_000_000), ["1.000"]),
        (RunSnapshot(2_000_000, 1, StreamSnapshot(FrameTotals(1))), ["0.002", "1.000"]),
        (RunSnapshot(2_000_000, 1, StreamSnapshot(bytes_received=1000)), ["0.002", "1.000"]),
        (snapshot(SECOND // 2), ["0.500", "1.000"]),
    ],
)
def test_the_first_moment_of_a_run_has_no_line_unless_there_is_something_in_it(
    first: RunSnapshot, said: list[str]
) -> None:
    stream = io.StringIO()
    console = LineConsole(stream, Role.RECEIVER)
    for each in (first, snapshot(SECOND)):
        console.status(each)
    assert [line.split()[0] for line in stream.getvalue().splitlines()[2:]] == said


def test_what_a_host_did_not_let_out_in_the_first_moment_is_told_with_the_first_line() -> None:
    stream = io.StringIO()
    console = LineConsole(stream, Role.SENDER)
    unsent = UnsentFrames({"a cause": Unsent(3, 3)})
    for elapsed_ns in (0, SECOND):
        console.status(evolve(snapshot(elapsed_ns), unsent=unsent))
    assert stream.getvalue().count("a cause") == 1


def test_a_sender_s_legend_says_why_no_frames_are_counted() -> None:
    stream = io.StringIO()
    LineConsole(stream, Role.SENDER).run_began(0)
    assert stream.getvalue() == SENDERS_LEGEND


@pytest.mark.parametrize("measure", Role)
def test_a_server_s_lines_have_what_it_judged_and_what_its_clients_tell(measure: Role) -> None:
    stream = io.StringIO()
    console = LineConsole(stream, measure, both=True)
    console.run_began(0)
    console.status(RunSnapshot(0, 2, StreamSnapshot()))
    told = PeerTotals(frames=FrameTotals(5, 1))
    console.status(RunSnapshot(SECOND, 2, StreamSnapshot(FrameTotals(10), 1000, bytes_sent=500, peers=told)))
    assert stream.getvalue().startswith(SERVERS_LEGEND)
    assert stream.getvalue().splitlines()[-1].split() == ["1.000", "12000", "2", "15", "1", "0", "0"]


@pytest.mark.parametrize(
    ("unsent", "late_ms", "said"),
    [
        (0, 3, ""),
        (0, 16, ""),
        (0, 17, "peer: all of 58 frames that were due were sent, at most 17 ms late"),
        (2, 3, "peer: 2 frames of 58 could not be sent, the others left at most 3 ms late"),
    ],
)
def test_a_line_tells_how_a_peer_sends_only_where_that_is_not_well(unsent: int, late_ms: int, said: str) -> None:
    stream = io.StringIO()
    console = choose_console("lines", stream, Role.RECEIVER, plan=PLAN)
    console.run_began(0)
    told = PeerTotals(sending=1, frames_due=58, frames_unsent=unsent, lateness=Longest(late_ms * MILLISECOND))
    console.status(RunSnapshot(SECOND, 1, StreamSnapshot(FrameTotals(10), 1000, peers=told)))
    assert (stream.getvalue().splitlines()[-1] if said else "") == said
    assert ("peer:" in stream.getvalue()) == bool(said)


@pytest.mark.parametrize(("connection_id", "dropped"), [(UNKNOWN_CONNECTION_ID, "0"), ("a", "90")])
def test_frames_of_a_stream_that_never_began_are_not_dropped_in_a_line(connection_id: str, dropped: str) -> None:
    stream = io.StringIO()
    console = LineConsole(stream, Role.RECEIVER)
    counts = StreamSnapshot(FrameTotals(dropped=90))
    info = StreamInfo(1, Address("127.0.0.1", 1), Address("127.0.0.1", 2), Role.RECEIVER, 0)
    console.stream_ended(info, evolve(failed(1), connection_id=connection_id, counts=counts))
    console.status(RunSnapshot(SECOND, 0, counts))
    assert stream.getvalue().splitlines()[-1].split()[4] == dropped


def test_lines_hold_what_happened_since_the_line_before() -> None:
    stream = io.StringIO()
    console = LineConsole(stream, Role.RECEIVER)
    console.status(RunSnapshot(SECOND, 1, StreamSnapshot(FrameTotals(10), 1000)))
    console.status(RunSnapshot(2 * SECOND, 1, StreamSnapshot(FrameTotals(15), 3000)))
    assert stream.getvalue().splitlines()[-1].split() == ["2.000", "16000", "1", "5", "0", "0", "0"]


def test_a_reader_that_went_away_ends_the_writing_not_the_run() -> None:
    class Broken(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise BrokenPipeError

    stream = Broken()
    console = LineConsole(stream, Role.RECEIVER)
    console.run_began(0)
    console.status(snapshot(0))
    assert stream.writes == 1


@pytest.mark.parametrize(
    ("mode", "stream", "term", "kind"),
    [
        ("auto", Terminal(), "xterm", LiveConsole),
        ("auto", Terminal(), "dumb", LineConsole),
        ("auto", Terminal(), None, LineConsole),
        ("auto", io.StringIO(), "xterm", LineConsole),
        ("lines", Terminal(), "xterm", LineConsole),
        ("live", io.StringIO(), "dumb", LiveConsole),
        ("quiet", Terminal(), "xterm", Observer),
    ],
)
def test_the_console_fits_the_mode_and_the_stream(
    mode: ConsoleMode, stream: io.StringIO, term: str | None, kind: type[Observer]
) -> None:
    chosen = choose_console(mode, stream, Role.RECEIVER, environment={} if term is None else {"TERM": term})
    assert type(chosen) is kind


def test_quiet_writes_nothing() -> None:
    stream = io.StringIO()
    console = choose_console("quiet", stream, Role.RECEIVER)
    console.run_began(0)
    console.status(snapshot(0))
    console.closing()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("columns", "rows", "is_live"), [(30, 5, True), (80, 24, True), (0, 0, True), (29, 24, False), (80, 4, False)]
)
def test_a_tiny_terminal_gets_lines(columns: int, rows: int, is_live: bool) -> None:
    hands, screen = pty.openpty()
    try:
        termios.tcsetwinsize(screen, (rows, columns))
        with os.fdopen(screen, "w", encoding="utf-8") as stream:
            chosen = choose_console("auto", stream, Role.RECEIVER, environment={"TERM": "xterm"})
    finally:
        os.close(hands)
    assert isinstance(chosen, LineConsole) is not is_live
