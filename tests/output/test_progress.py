from __future__ import annotations

import io

import pytest

from cts.output.console import ProgressConsole
from cts.records.snapshots import RunSnapshot, StreamSnapshot


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    def write(self, text: str) -> int:
        self.attempts += 1
        raise BrokenPipeError


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def snapshot(seconds: int, streams: int = 1) -> RunSnapshot:
    return RunSnapshot(seconds * 1_000_000_000, streams, StreamSnapshot())


def watch(stream: io.StringIO, statuses: dict[float, RunSnapshot], expected_ns: int | None = None) -> str:
    """Show statuses at so many real seconds after the beginning."""
    clock = Clock()
    progress = ProgressConsole(stream, expected_ns, clock)
    progress.run_began(0)
    for after, status in statuses.items():
        clock.seconds = 1000.0 + after
        progress.status(status)
    progress.closing()
    return stream.getvalue()


def test_a_short_simulation_shows_nothing() -> None:
    assert watch(io.StringIO(), {0.0: snapshot(1), 4.9: snapshot(3600)}) == ""
    assert watch(Terminal(), {0.0: snapshot(1), 0.4: snapshot(3600)}) == ""


def test_a_line_says_how_far_of_how_much_and_how_fast() -> None:
    text = watch(io.StringIO(), {8.0: snapshot(2_000, streams=1_500)}, 3_600_000_000_000)
    assert text == "simulated 2,000 s of 3,600 s, 250.0 times as fast as real time, streams open: 1,500\n"


@pytest.mark.parametrize("expected_ns", [None, 0])
def test_without_an_expected_end_only_how_far_is_said(expected_ns: int | None) -> None:
    assert watch(io.StringIO(), {5.0: snapshot(20)}, expected_ns).startswith("simulated 20 s, 4.0 times ")


def test_lines_are_an_interval_apart() -> None:
    statuses = {5.0: snapshot(1), 5.1: snapshot(2), 9.9: snapshot(3), 10.0: snapshot(4), 14.9: snapshot(5)}
    lines = watch(io.StringIO(), statuses).splitlines()
    assert [line.split(",")[0] for line in lines] == ["simulated 1 s", "simulated 4 s"]


def test_a_file_gets_no_control_characters() -> None:
    assert watch(io.StringIO(), {5.0: snapshot(1)}).rstrip("\n").isprintable()


def test_a_terminal_s_line_is_written_over_and_cleared_in_the_end() -> None:
    text = watch(Terminal(), {0.5: snapshot(1), 1.0: snapshot(2)})
    assert "\n" not in text
    assert text.count("\r") == 3
    assert text.endswith("\r\033[K")


def test_time_counts_from_the_beginning_of_the_run() -> None:
    clock = Clock()
    progress = ProgressConsole(stream := io.StringIO(), None, clock)
    clock.seconds = 2000.0
    progress.run_began(0)
    progress.status(snapshot(1))
    assert stream.getvalue() == ""
    clock.seconds = 2010.0
    progress.status(snapshot(20))
    assert "2.0 times as fast" in stream.getvalue()


def test_a_console_that_went_away_stops_the_writing_and_nothing_else() -> None:
    gone = Gone()
    watch(gone, {after: snapshot(1) for after in (5.0, 10.0, 1e6)})
    assert gone.attempts == 1
