from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console
from rich.text import Text

from cts.metrics.counters import FrameTotals
from cts.output.live import LiveConsole, terminal
from cts.output.live_state import LiveState
from cts.output.live_view import view_in_steps
from cts.output.stream_lines import StreamLines
from cts.protocol.roles import Role
from cts.records.snapshots import Address, RunSnapshot, StreamInfo, StreamSnapshot
from tests.cli.terminal import Screen

MS = 1_000_000
STREAM = StreamInfo(7, Address("0.0.0.0", 4444), Address("10.0.0.1", 5000), Role.RECEIVER, 0)
SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


def file_text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_terminal(width: int = 80, height: int = 25) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, _environ={"TERM": "xterm"})


def as_shown(text: str) -> str:
    """Return what a terminal makes of text that is written to it."""
    return text.replace("\n", "\r\n")


def seen(console: Console, columns: int = 80) -> list[str]:
    """Return what is on the terminal."""
    screen = Screen(columns)
    screen.write(as_shown(file_text(console)))
    return [line.rstrip() for line in screen.lines]


def snapshot(elapsed_ms: int, received: int = 0) -> RunSnapshot:
    return RunSnapshot(elapsed_ms * MS, 1, StreamSnapshot(FrameTotals(), received))


def draw(live: LiveConsole, *, lines_alone: bool = False) -> None:
    """Take all steps."""
    for _ in live.refresh(lines_alone=lines_alone):
        pass


def test_it_draws_at_most_four_times_a_second_of_the_run() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    for elapsed_ms in range(0, 1000, 10):
        live.status(snapshot(elapsed_ms))
    assert file_text(console).count("Streams") == 4
    live.closing()


def test_at_the_end_nothing_of_it_is_left_where_a_summary_follows() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER, streams=StreamLines(), erased=True)
    live.status(snapshot(0))
    live.say("a note")
    live.stream_opened(STREAM)
    live.status(snapshot(1000))
    live.closing()
    live.closing()
    assert seen(console) == ["a note", "0.000 s: stream 7 with 10.0.0.1:5000 began", ""]
    assert file_text(console).endswith(SHOW_CURSOR)


def test_where_nothing_follows_the_last_state_stays_even_in_a_file() -> None:
    console = Console(file=io.StringIO(), width=80)
    live = LiveConsole(console, Role.RECEIVER, erased=True)
    live.status(snapshot(1000))
    live.closing()
    assert "1.0 s" in file_text(console)


@pytest.mark.parametrize("height", [1, 2, 5, 6])
def test_a_terminal_of_few_rows_is_not_scrolled(height: int) -> None:
    console = a_terminal(40, height)
    live = LiveConsole(console, Role.RECEIVER, 5_967 * MS, erased=True)
    for second in range(5):
        live.status(snapshot(1000 * second))
    assert len(seen(console, 40)) <= max(1, height - 1)
    live.closing()
    assert seen(console, 40) == [""]


@pytest.mark.parametrize("narrowed", [100, 40, 20, 7])
def test_a_terminal_that_is_narrowed_and_wraps_what_it_shows_is_left_clean(narrowed: int) -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER, 5_967 * MS, erased=True)
    live.say("before")
    live.status(snapshot(0))
    screen = Screen(80)
    screen.write(as_shown("before\n" + file_text(console)))
    screen.narrow(narrowed)
    written = len(file_text(console))
    console.width = narrowed
    live.status(snapshot(1000))
    live.say("a note")
    live.closing()
    screen.write(as_shown(file_text(console)[written:]))
    assert "".join(screen.lines) == "beforea note"


@pytest.mark.parametrize("rows", [2, 4, 6, 8])
def test_a_terminal_that_is_made_lower_and_higher_again_keeps_no_copy_of_the_view(rows: int) -> None:
    console = a_terminal(80, 12)
    live = LiveConsole(console, Role.RECEIVER, 5_967 * MS, erased=True)
    screen = Screen(80, 12)
    screen.write(as_shown("".join(f"before {number}\n" for number in range(9))))
    written = 0
    for second, height in enumerate((12, rows, rows, 12, 12)):
        console.height = height
        screen.resize(height)
        live.status(snapshot(1000 * second))
        screen.write(as_shown(file_text(console)[written:]))
        written = len(file_text(console))
        assert sum(line.startswith("Time") for line in (*screen.gone, *screen.lines)) == 1
    live.say("a note")
    live.closing()
    screen.write(as_shown(file_text(console)[written:]))
    left = [line for line in (*screen.gone, *screen.lines) if line.strip()]
    assert left == [*(f"before {number}" for number in range(9)), "a note"]


def test_a_view_at_the_top_of_the_screen_is_not_kept_by_a_terminal_that_keeps_what_is_erased_as_a_whole() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER, erased=True)
    for second in range(3):
        live.status(snapshot(1000 * second))
    live.closing()
    screen = Screen(80)
    screen.write(as_shown(file_text(console)))
    assert screen.gone == []


def test_a_drawing_that_is_overtaken_by_a_lower_terminal_is_made_anew() -> None:
    console = a_terminal(80, 25)
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: None)
    live.status(snapshot(0))
    steps = live.refresh()
    next(steps)
    console.height = 3
    assert list(steps)
    assert len(seen(console)) == 2


def test_lines_said_stay_above_in_their_order() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.status(snapshot(0))
    for line in ("one", "two", "x" * 200):
        assert live.say(line)
    assert seen(console)[:5] == ["one", "two", "x" * 80, "x" * 80, "x" * 40]


def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the columns of each view that is made."""
    columns: list[int] = []

    def counted(state: LiveState, **where: Any) -> Generator[None, None, list[Text]]:
        columns.append(where["columns"])
        return view_in_steps(state, **where)

    monkeypatch.setattr("cts.output.live_picture.view_in_steps", counted)
    return columns


def test_a_line_between_two_statuses_goes_above_the_view_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, console = made(monkeypatch), a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.status(snapshot(0))
    before = seen(console)
    live.say("one")
    live.say("two")
    assert seen(console) == ["one", "two", *before]
    assert columns == [79]
    live.status(snapshot(1000))
    assert columns == [79, 79]


def test_a_line_has_a_view_made_anew_that_is_not_as_it_should_be_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, console = made(monkeypatch), a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: draw(live), hears_keys=True)
    live.status(snapshot(0))
    live.status(snapshot(10))
    live.say("a status that was not drawn")
    console.width = 60
    live.say("another size")
    live.press("p")
    live.press("q")
    live.say("no pause any more")
    assert columns == [79, 79, 59, 59, 59]
    assert "paused" not in "\n".join(seen(console))
    live.suspend()
    live.say("nothing there")
    assert len(columns) == 6


def test_nothing_is_said_before_there_is_something_to_say_it_above() -> None:
    assert not LiveConsole(a_terminal(), Role.RECEIVER).say("a note")


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


def test_the_rate_is_that_of_the_last_whole_second() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    for elapsed_ms, received in ((0, 0), (1000, 1_000_000), (1500, 1_000_000), (2000, 1_250_000)):
        live.status(snapshot(elapsed_ms, received))
    rates = [line.split()[1] for line in file_text(console).splitlines() if line.startswith("Received")]
    assert rates == ["0", "8.000", "8.000", "2.000"]
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


def test_while_drawing_is_paused_lines_wait_and_come_with_the_next_drawing() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: draw(live), hears_keys=True)
    live.status(snapshot(0))
    live.press("p")
    paused = file_text(console)
    live.status(snapshot(1000))
    live.say("a note")
    assert file_text(console) == paused
    live.press("p")
    assert seen(console)[0] == "a note"


@pytest.mark.parametrize("ends", ["q", "ctrl-c", "nobody"])
def test_a_pause_ends_with_the_run(ends: str) -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: draw(live), hears_keys=True)
    live.status(snapshot(0))
    live.press("p")
    if ends == "q":
        live.press("q")
    elif ends == "nobody":
        live.attend(None)
    live.status(evolve(snapshot(1000), interrupted=ends == "ctrl-c"))
    assert any(line.startswith("Time        1.0 s") for line in seen(console))


def test_lines_wait_for_a_terminal_that_is_behind_and_the_oldest_of_too_many_are_counted() -> None:
    console, behind = a_terminal(), [True]
    live = LiveConsole(console, Role.RECEIVER, None, lambda: behind[0])
    live.status(snapshot(0))
    for number in range(201):
        live.say(f"line {number}")
    assert file_text(console) == ""
    behind[0] = False
    live.status(snapshot(1000))
    assert seen(console)[:2] == ["[lost, since too many came at a time: 1 line]", "line 1"]


def test_what_is_said_to_a_view_with_somebody_else_on_its_terminal_is_a_line_and_no_drawing() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: draw(live, lines_alone=True))
    live.status(snapshot(0))
    live.say("a note")
    assert file_text(console) == "a note\n"


@pytest.mark.parametrize("meanwhile", [LiveConsole.closing, LiveConsole.suspend, lambda live: live.press("s")])
def test_a_drawing_of_which_some_steps_are_left_is_left_undone_by_what_comes_between(
    meanwhile: Callable[[LiveConsole], None],
) -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: None)
    live.status(snapshot(0))
    steps = live.refresh()
    next(steps)
    assert file_text(console) == ""
    meanwhile(live)
    shown = file_text(console)
    assert list(steps)
    assert file_text(console) == shown


def test_what_is_told_cannot_drive_the_terminal() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.status(snapshot(0))
    live.say("\x1b[2Ja stranger's name")
    assert seen(console)[0] == "\\x1b[2Ja stranger's name"


def test_a_terminal_without_colour_gets_none() -> None:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=80, height=25, _environ={"TERM": "xterm", "NO_COLOR": "1"}
    )
    live = LiveConsole(console, Role.RECEIVER)
    live.status(RunSnapshot(0, 1, StreamSnapshot(FrameTotals(1, 1))))
    assert "\x1b[3" not in file_text(console)
    assert "Dropped" in file_text(console)


def test_what_is_drawn_elsewhere_is_shown_below_the_lines_that_wait() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: None)
    live.status(snapshot(0))
    live.say("a note")
    layout = live.wanted()
    assert layout is not None
    assert (layout.columns, layout.rows, layout.paused) == (79, 24, False)
    live.show(layout, "drawn\nelsewhere")
    assert seen(console)[:3] == ["a note", "drawn", "elsewhere"]
    live.say("between")
    assert live.wanted() is None
    assert seen(console)[:4] == ["a note", "between", "drawn", "elsewhere"]


@pytest.mark.parametrize(
    "meanwhile",
    [
        LiveConsole.closing,
        LiveConsole.suspend,
        lambda live: live.press("s"),
        lambda live: live.press("p"),
        LiveConsole.wanted,
    ],
)
def test_what_is_drawn_elsewhere_is_not_shown_any_more_after_what_came_between(
    meanwhile: Callable[[LiveConsole], object],
) -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: None, hears_keys=True)
    live.status(snapshot(0))
    layout = live.wanted()
    assert layout is not None
    meanwhile(live)
    live.show(layout, "too late")
    assert "too late" not in file_text(console)


def test_what_was_drawn_elsewhere_for_another_size_is_asked_for_again() -> None:
    console, asked = a_terminal(), []
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: asked.append(console.width))
    live.status(snapshot(0))
    layout = live.wanted()
    console.width = 60
    assert layout is not None
    live.show(layout, "too wide")
    assert asked == [80, 60]
    assert file_text(console) == ""
    again = live.wanted()
    assert again is not None
    assert again.columns == 59


def test_lines_do_not_wait_for_a_drawing_that_is_made_elsewhere() -> None:
    console = a_terminal()
    live = LiveConsole(console, Role.RECEIVER)
    live.attend(lambda: None)
    live.status(snapshot(0))
    layout = live.wanted()
    assert layout is not None
    live.show(layout, "first")
    live.status(snapshot(1000))
    live.say("stopping")
    again = live.wanted()
    assert again == layout
    assert seen(console)[:2] == ["stopping", "first"]
    live.show(again, "second")
    assert seen(console)[:2] == ["stopping", "second"]
