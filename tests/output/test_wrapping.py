"""What a person reads on a terminal is cut between words; what a program or a file takes stays in one piece."""

from __future__ import annotations

import io
import os
import pty
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.output.console import LEGEND, LineConsole, ProgressConsole
from cts.output.live import LiveConsole, terminal
from cts.output.wrapping import for_reader, wrapped
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot, StreamSnapshot

SENTENCE = "note: this host let out less than it was told to, and what is missing was never on the way to anybody"
ROWS = """\
streams           1 successful
jitter            1.02 us median, 99 % within 30 ms, at most 30 ms: how much longer
                  below it
failed: the log cannot be written any more"""


def test_a_row_goes_on_below_its_text() -> None:
    assert wrapped(ROWS, 44).splitlines() == [
        "streams           1 successful",
        "jitter            1.02 us median, 99 %",
        "                  within 30 ms, at most 30",
        "                  ms: how much longer",
        "                  below it",
        "failed: the log cannot be written any more",
    ]
    assert wrapped(ROWS, 30).splitlines()[-2:] == ["failed: the log cannot be", "  written any more"]


def test_what_a_word_has_is_never_torn() -> None:
    path = "/a/very-long/path/that/has/no/blank/in/it.toml"
    assert path in wrapped(f"note  {path} is not there at all, it seems", 30)


@given(st.text("ab -", max_size=200), st.integers(0, 100))
def test_no_word_is_lost_and_no_line_is_longer_than_it_need_be(text: str, width: int) -> None:
    lines = wrapped(f"name  {text}", width).splitlines()
    assert " ".join(lines).split() == f"name  {text}".split()
    if width >= 40:
        assert all(len(line) <= width or " " not in line[6:].strip() for line in lines)


def test_where_there_is_no_room_beside_a_name_the_text_goes_on_near_the_margin() -> None:
    assert wrapped("completed frames   60 of them in time", 26).splitlines() == [
        "completed frames   60 of",
        "  them in time",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal()


def words_stay_whole(shown: str, text: str, columns: int) -> bool:
    return max(map(len, shown.splitlines())) <= columns and shown.split() == text.split()


def test_a_terminal_s_own_width_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    hands, screen = pty.openpty()
    try:
        termios.tcsetwinsize(screen, (10, 30))
        with os.fdopen(screen, "w", encoding="utf-8") as stream:
            assert words_stay_whole(for_reader(SENTENCE, stream), SENTENCE, 30)
    finally:
        os.close(hands)


def test_what_is_no_terminal_gets_each_line_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert for_reader(SENTENCE, io.StringIO()) == SENTENCE
    assert for_reader(SENTENCE, None) == SENTENCE


def test_a_terminal_of_unknown_width_gets_each_line_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert for_reader(SENTENCE, Terminal()) == SENTENCE


def test_the_plain_console_s_remarks_and_its_legend_are_cut_between_words(narrow: Terminal) -> None:
    console = LineConsole(narrow, Role.RECEIVER)
    console.run_began(0)
    console.tell(SENTENCE)
    assert words_stay_whole(narrow.getvalue(), f"{LEGEND}{SENTENCE}", 40)


def test_the_live_view_s_remarks_are_cut_between_words(narrow: Terminal) -> None:
    console = LiveConsole(terminal(narrow), Role.RECEIVER)
    console.status(RunSnapshot(0, 0, StreamSnapshot()))
    drawn = len(narrow.getvalue())
    console.tell(SENTENCE)
    console.closing()
    assert all(f"\n  {part}\n" in narrow.getvalue()[drawn:] for part in ("told to, and what is missing was never",))


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_a_progress_line_that_is_written_over_is_one_row(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    seconds = iter([0.0, 8.0])
    progress = ProgressConsole(stream := Terminal(), 3600 * 10**9, lambda: next(seconds))
    progress.run_began(0)
    progress.status(RunSnapshot(2000 * 10**9, 1, StreamSnapshot()))
    shown = stream.getvalue().removeprefix("\r").removesuffix("\033[K")
    assert shown.startswith("simulated 2,000 s")
    assert len(shown) < columns
