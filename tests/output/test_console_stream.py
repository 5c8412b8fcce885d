"""A terminal that is stopped, as Ctrl-S does, and one whose other end is gone."""

from __future__ import annotations

import io
import os
import pty
import re
import termios
from collections.abc import Iterator

import pytest

from cts.output.console import LineConsole
from cts.output.console_stream import TEXT_LIMIT, ConsoleStream, console_stream, takes_text
from cts.output.live import LiveConsole, terminal
from cts.protocol.roles import Role
from cts.records import writers
from cts.records.snapshots import RunSnapshot, StreamSnapshot
from tests.output.test_live import a_terminal, file_text

CTRL_S, CTRL_Q = b"\x13", b"\x11"


class Terminal:
    """A terminal and the keyboard before it."""

    def __init__(self) -> None:
        self.keyboard, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")

    def press(self, key: bytes) -> None:
        os.write(self.keyboard, key)

    def read_until(self, end: str) -> str:
        text = ""
        while not text.endswith(end):
            text += os.read(self.keyboard, 65_536).decode()
        return text.replace("\r\n", "\n")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setattr(writers, "PATIENCE_SECONDS", 0.0)
    screen = Terminal()
    yield screen
    screen.stream.close()
    os.close(screen.keyboard)


def test_a_stopped_terminal_blocks_nobody_and_shows_all_once_it_goes_on(screen: Terminal) -> None:
    stream = ConsoleStream(screen.stream)
    screen.press(CTRL_S)
    for number in range(100):
        print(f"line {number}", file=stream, flush=True)
    screen.press(CTRL_Q)
    assert screen.read_until("line 99\r\n").splitlines() == [f"line {number}" for number in range(100)]
    stream.finish()


def test_of_too_many_lines_the_last_are_shown_and_the_others_counted(screen: Terminal) -> None:
    stream = ConsoleStream(screen.stream)
    screen.press(CTRL_S)
    lines = [f"{number:099}" for number in range(3 * TEXT_LIMIT // 100)]
    for line in lines:
        print(line, file=stream, flush=True)
    screen.press(CTRL_Q)
    text = screen.read_until(lines[-1] + "\r\n")
    # Told once, or in parts if the reader comes back before the last line is there.
    counts = re.findall(r"^\[([\d,]+) lines are missing here: nobody read them\]$", text, re.MULTILINE)
    shown = [line for line in text.splitlines() if line.isdigit()]
    assert counts
    assert len(shown) + sum(int(count.replace(",", "")) for count in counts) == len(lines)
    assert shown[-1] == lines[-1]
    stream.finish()


def test_a_stopped_terminal_is_given_up_at_the_end(screen: Terminal) -> None:
    screen.press(CTRL_S)
    with console_stream(screen.stream) as stream:
        print("unseen", file=stream, flush=True)


def test_a_terminal_that_is_gone_silences_the_console_and_nothing_else() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        os.close(reading)
        stream = ConsoleStream(pipe)
        console = LineConsole(stream, Role.RECEIVER)
        for number in range(100):
            console.status(RunSnapshot(number * 1_000_000_000, 1, StreamSnapshot()))
        stream.finish()


def test_it_is_a_terminal_if_the_other_is_one(screen: Terminal) -> None:
    assert ConsoleStream(screen.stream).isatty()


def test_a_full_pipe_that_nobody_reads_takes_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.output.console_stream.PATIENCE_MILLISECONDS", 0)
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        os.write(writing, bytes(1_000_000))
        with os.fdopen(writing, "w", encoding="utf-8", closefd=False) as full:
            assert not takes_text(full)
    finally:
        os.close(reading)
        os.close(writing)


def test_text_in_memory_is_written_as_it_is() -> None:
    text = io.StringIO()
    with console_stream(text) as stream:
        assert stream is text
    assert takes_text(text)


def test_the_live_view_draws_nothing_for_a_terminal_that_is_behind_but_the_last_state() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER, None, lambda: True)
    for second in range(5):
        live.status(RunSnapshot(second * 1_000_000_000, 1, StreamSnapshot()))
    assert file_text(console) == ""
    live.closing()
    assert "4.0 s" in file_text(console)


def test_the_live_view_goes_to_such_a_stream(screen: Terminal) -> None:
    stream = ConsoleStream(screen.stream)
    live = LiveConsole(terminal(stream), Role.RECEIVER)
    live.status(RunSnapshot(0, 1, StreamSnapshot()))
    live.closing()
    assert "Streams" in screen.read_until("\x1b[?25h")
    stream.finish()
