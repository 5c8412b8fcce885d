from __future__ import annotations

import io

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cts.metrics.counters import FrameTotals
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.output.live_view import view
from cts.protocol.roles import Role
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot

MS = 1_000_000
BUSY = RunSnapshot(
    2_345 * MS,
    1234,
    StreamSnapshot(FrameTotals(1_499_999, 1, 3, 12), 234_999_000),
    {Outcome.SUCCESSFUL: 98, Outcome.NETWORK_ERROR: 3},
    {"repeated START": 3, "not a datagram of this protocol": 1_000_000},
    77,
)
QUIET = RunSnapshot(2_345 * MS, 1, StreamSnapshot(FrameTotals(10), 1000))
PLAIN = Console(file=io.StringIO(), width=300, color_system=None)


def lines(
    snapshot: RunSnapshot,
    columns: int = 79,
    rows: int = 24,
    measure: Role = Role.RECEIVER,
    expected_ns: int | None = None,
    console: Console = PLAIN,
) -> list[str]:
    return [
        line.plain
        for line in view(
            snapshot, 25_004_840, console=console, measure=measure, expected_ns=expected_ns, columns=columns, rows=rows
        )
    ]


@pytest.mark.parametrize("columns", [39, 79, 199])
def test_every_value_is_readable_at_any_width(columns: int) -> None:
    shown = lines(BUSY, columns, expected_ns=5_967 * MS)
    words = " ".join(" ".join(shown).split())
    for text in (
        "Time 2.3 of 5.9 s",
        "Streams 1,234 open, 98 successful, 3 network errors",
        "Rate now 25.004 Mbit/s",
        "Completed 1,499,999 >99.99 %",
        "Dropped 1 <0.01 %",
        "Duplicated 3 <0.01 %",
        "Discarded 12 datagrams",
        "Ignored 1,000,003 datagrams: 1,000,000 not a datagram of this protocol, 3 repeated START",
        "Overflow 77 datagrams",
    ):
        assert text in words


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 20), st.sampled_from([BUSY, QUIET]), st.sampled_from(list(Role)))
def test_it_is_never_larger_than_its_place_and_ends_no_line_with_blanks(
    columns: int, rows: int, snapshot: RunSnapshot, measure: Role
) -> None:
    shown = lines(snapshot, columns, rows, measure, 5_967 * MS)
    assert 1 <= len(shown) <= rows
    assert all(len(line) <= columns for line in shown)
    assert all(line == line.rstrip() for line in shown)


def test_what_matters_most_is_shown_where_there_is_little_room() -> None:
    assert [line.split()[0] for line in lines(BUSY, 39, 4, expected_ns=5_967 * MS)] == [
        "Time",
        "Streams",
        "Completed",
        "Dropped",
    ]


def test_what_a_terminal_is_narrowed_to_most_often_holds_it_whole() -> None:
    assert max(map(len, lines(QUIET, expected_ns=5_967 * MS))) < 40


def test_what_did_not_happen_is_not_shown() -> None:
    assert [line.split()[0] for line in lines(QUIET)] == ["Time", "Streams", "Rate", "Completed", "Dropped"]


def test_a_sender_shows_what_it_sent_and_no_verdicts() -> None:
    sent = RunSnapshot(2_345 * MS, 1, StreamSnapshot(bytes_sent=1_234_567))
    assert lines(sent, measure=Role.SENDER) == [
        "Time        2.3 s",
        "Streams     1 open",
        "Rate now    25.004 Mbit/s",
        "Sent        1,234,567 bytes",
    ]


def test_a_run_of_unknown_length_shows_only_the_time_that_passed() -> None:
    shown = lines(BUSY)
    assert shown[0] == "Time        2.3 s"
    assert "━" not in "".join(shown)


def test_what_the_network_and_this_host_do_not_take_is_shown_once_it_happens() -> None:
    trouble = evolve(BUSY, unreachable=3, unsent=UnsentFrames({"No route to host": Unsent(2, 1_000_000_000)}))
    words = " ".join(" ".join(lines(trouble)).split())
    assert "Unreachable 3 times said by the network" in words
    assert "Unsent 2 frames could not be sent: No route to host" in words


def test_a_terminal_of_ascii_alone_gets_ascii_alone() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=40, color_system=None)
    assert "".join(lines(BUSY, 39, expected_ns=5_967 * MS, console=console)).isascii()
