from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest
from attrs import evolve
from rich.console import Console

from cts.metrics.counters import FrameTotals
from cts.output.live import LiveConsole, terminal, view
from cts.protocol.roles import Role
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot

MS = 1_000_000
BUSY = RunSnapshot(
    2_345 * MS,
    1234,
    StreamSnapshot(FrameTotals(1_499_999, 1, 0, 12), 234_999_000),
    {Outcome.SUCCESSFUL: 98, Outcome.NETWORK_ERROR: 3},
    {"repeated START": 3, "not a datagram of this protocol": 1_000_000},
    77,
)
SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


def drawn(snapshot: RunSnapshot, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(view(snapshot, 25_004_840, 5_967 * MS))
    return file_text(console)


def file_text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=25, _environ={"TERM": "xterm"})


def snapshot(elapsed_ms: int, received: int = 0) -> RunSnapshot:
    return RunSnapshot(elapsed_ms * MS, 1, StreamSnapshot(FrameTotals(), received))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_value_is_readable_at_any_width(width: int) -> None:
    text = drawn(BUSY, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    words = " ".join(text.split())
    for shown in (
        "Time 2.3 of 5.9 s",
        "Streams 1,234 open, 98 successful, 3 network errors",
        "Rate 25.004 Mbit/s",
        "Completed 1,499,999 >99.99 %",
        "Dropped 1 <0.01 %",
        "Repeated 0 0.00 %",
        "Errors 12 datagrams",
        "Refused 1,000,003 datagrams: 1,000,000 not a datagram of this protocol, 3 repeated START",
        "Overflow 77 datagrams",
    ):
        assert shown in words


def test_a_run_of_unknown_length_shows_only_the_time_that_passed() -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(view(BUSY, 0))
    assert "Time      2.3 s" in file_text(console)
    assert "━" not in file_text(console)


def test_what_the_network_says_of_peers_is_shown_once_it_says_anything() -> None:
    assert "Unreachable" not in drawn(BUSY, 80)
    assert "Unreachable 3 times" in " ".join(drawn(evolve(BUSY, unreachable=3), 80).split())


def test_a_terminal_of_ascii_alone_gets_ascii_alone() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii")
    console = Console(file=stream, width=40, color_system=None)
    console.print(view(BUSY, 0, 5_967 * MS))
    stream.flush()
    assert b"Completed 1,499,999" in raw.getvalue()


def test_it_draws_at_most_four_times_a_second_of_the_run() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    for elapsed_ms in range(0, 1000, 10):
        live.status(snapshot(elapsed_ms))
    assert file_text(console).count("Streams") == 4
    live.closing()


def test_the_last_state_is_drawn_at_the_end_and_the_cursor_comes_back() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.status(snapshot(0))
    live.status(snapshot(100))
    assert "0.1 s" not in file_text(console)
    live.closing()
    live.closing()
    text = file_text(console)
    assert "0.1 s" in text
    assert text.count(HIDE_CURSOR) == text.count(SHOW_CURSOR) == 1
    assert text.rindex(SHOW_CURSOR) > text.rindex("0.1 s")


def test_the_rate_is_that_of_the_last_second() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    for elapsed_ms, received in ((0, 0), (1000, 1_000_000), (1500, 1_000_000), (2000, 1_250_000)):
        live.status(snapshot(elapsed_ms, received))
    assert [line.split()[1] for line in file_text(console).splitlines() if "Rate" in line] == [
        "0",
        "8.000",
        "5.333",
        "2.000",
    ]
    live.closing()


def test_no_thread_is_started() -> None:
    before = threading.active_count()
    live = LiveConsole(a_terminal(), Role.RECEIVER)
    live.status(snapshot(0))
    assert threading.active_count() == before
    live.closing()


def test_a_pipe_gets_the_last_state_alone() -> None:
    console = Console(file=io.StringIO(), width=80)
    live = LiveConsole(console, Role.RECEIVER)
    live.status(snapshot(0))
    live.status(snapshot(5000))
    assert file_text(console) == ""
    live.closing()
    assert file_text(console).count("Streams") == 1


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError])
def test_a_reader_that_went_away_ends_the_drawing_not_the_run(error: type[Exception]) -> None:
    class Broken(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            raise error

    live = LiveConsole(terminal(Broken()), Role.RECEIVER)
    live.status(snapshot(0))
    live.status(snapshot(5000))
    live.closing()


def test_lines_do_not_bring_in_rich() -> None:
    program = (
        "import io, sys\n"
        "from cts.output.console import choose_console\n"
        "from cts.records.results import Role\n"
        "choose_console('lines', io.StringIO(), Role.RECEIVER)\n"
        "sys.exit('rich' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
