"""What a person sees: the live view on terminals wide and narrow, plain lines elsewhere."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import frozen

from tests.cli.running_cts import FREE_PORT, LONG, SHORT, SHORT_FRAMES, STREAM, VERY_SHORT, run_here
from tests.cli.terminal import OnTerminal, Screen

OFTEN = ("output.status_update=50ms",)
NARROW, WIDE = 40, 80


@frozen
class Seen:
    """A run that has left its terminal."""

    status: int
    text: str
    screen: Screen

    def lines_with(self, word: str) -> list[str]:
        return [line.rstrip() for line in self.screen.lines if re.match(rf" *{word}\b", line)]


def watch(columns: int, *sets: str, term: str = "xterm-256color", rows: int = 24) -> Seen:
    sets = (*FREE_PORT, *SHORT, *sets)
    with OnTerminal(columns, "run", STREAM, sets=sets, environment=[("TERM", term)], rows=rows) as run:
        return Seen(run.finish(), run.text, run.screen)


def watch_server() -> Seen:
    """Serve one stream on a terminal, of which the first message tells where."""
    sets = (*FREE_PORT, *SHORT, *OFTEN, "run.role=server", "server.server_exit_limit=1")
    with OnTerminal(WIDE, "run", STREAM, sets=sets) as run:
        run.wait_until_it_shows(lambda text: "Streams" in text)
        (port,) = re.findall(r"server on 127\.0\.0\.1:(\d+)", run.text)
        run_here("run", STREAM, sets=(*SHORT, "run.role=client", f"client.target=127.0.0.1:{port}"))
        return Seen(run.finish(), run.text, run.screen)


def watch_ctrl_c() -> Seen:
    with OnTerminal(WIDE, "run", STREAM, sets=(*FREE_PORT, *LONG, *OFTEN, "run.grace=300ms")) as run:
        run.wait_until_it_shows(lambda text: "100.00 %" in text)
        run.interrupt()
        return Seen(run.finish(), run.text, run.screen)


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    with ThreadPoolExecutor(7) as pool:
        runs = {
            "wide": pool.submit(watch, WIDE, *OFTEN),
            "narrow": pool.submit(watch, NARROW, *OFTEN, "output.console=live"),
            "seldom": pool.submit(watch, WIDE, "output.status_update=10s", "stream.stream_length=2s"),
            "dumb": pool.submit(watch, WIDE, term="dumb"),
            "few rows": pool.submit(watch, NARROW, *OFTEN, rows=5),
            "server": pool.submit(watch_server),
            "ctrl-c": pool.submit(watch_ctrl_c),
        }
        return {name: run.result() for name, run in runs.items()}


@pytest.fixture(params=["wide", "narrow"])
def live(request: pytest.FixtureRequest, seen: dict[str, Seen]) -> Seen:
    return seen[request.param]


def view_of(seen: Seen) -> Screen:
    """Replay the live view alone: from where the cursor is hidden to where it comes back."""
    begin, end = seen.text.index("\x1b[?25l"), seen.text.rindex("\r \x1b[J")
    screen = Screen(1000)
    screen.write(seen.text[begin:end])
    return screen


def test_the_live_view_leaves_with_0_and_no_traceback(live: Seen) -> None:
    assert live.status == 0
    assert "Traceback" not in live.text


def test_the_live_view_is_no_wider_than_the_terminal(seen: dict[str, Seen]) -> None:
    assert view_of(seen["narrow"]).widest <= NARROW
    assert view_of(seen["wide"]).widest <= WIDE


def test_the_live_view_is_redrawn_in_place(live: Seen) -> None:
    assert live.text.count("Received") > 1
    assert sum("Received" in line for line in view_of(live).lines) == 1


def test_the_live_view_is_redrawn_every_second_however_seldom_status_is_told(seen: dict[str, Seen]) -> None:
    # Otherwise it would be drawn at the beginning and at the end alone.
    assert len(set(re.findall(r"Time +(\d+\.\d) of", seen["seldom"].text))) > 2


def test_the_summary_stands_in_the_live_view_s_place(live: Seen) -> None:
    assert [live.lines_with(word) for word in ("Time", "Streams", "Received", "Completed", "Dropped")] == [[]] * 5
    (line,) = live.lines_with("completed frames")
    assert re.fullmatch(rf"completed frames +{SHORT_FRAMES} \(100\.00 %\)", line)


def test_the_live_view_gives_the_cursor_back(live: Seen) -> None:
    assert live.text.rindex("\x1b[?25h") > live.text.rindex("\x1b[?25l")


def test_the_summary_begins_on_a_line_of_its_own(live: Seen) -> None:
    assert len(live.lines_with("loopback")) == 1


def test_a_terminal_gets_the_live_view_unless_told_otherwise(seen: dict[str, Seen]) -> None:
    assert "\x1b[?25l" in seen["wide"].text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(seen: dict[str, Seen]) -> None:
    assert "\x1b" not in seen["dumb"].text
    assert "TimeSlice" in seen["dumb"].text


def test_what_is_no_terminal_gets_lines() -> None:
    finished = run_here("run", STREAM, sets=(*FREE_PORT, *VERY_SHORT, "output.console=auto"))
    assert "\x1b" not in finished.stderr
    assert finished.rows


def test_a_terminal_of_five_rows_shows_what_matters_most_and_is_left_clean(seen: dict[str, Seen]) -> None:
    few = seen["few rows"]
    assert "Completed" in few.text
    assert "Missing" not in few.text
    assert few.lines_with("Completed") == few.lines_with("Time") == []
    assert len(few.lines_with("completed frames")) == 1


def test_a_server_says_above_its_view_who_came_and_what_became_of_it(seen: dict[str, Seen]) -> None:
    lines = "\n".join(seen["server"].screen.lines)
    assert re.search(r"^\d+\.\d{3} s: stream 1 with 127\.0\.0\.1:\d+ began$", lines, re.MULTILINE)
    assert re.search(r"^\d+\.\d{3} s: stream 1 with 127\.0\.0\.1:\d+ ended: [\d,]+ bytes sent", lines, re.MULTILINE)


def test_a_sender_shows_no_verdicts(seen: dict[str, Seen]) -> None:
    assert "Sent" in seen["server"].text
    assert not re.search("completed|dropped", seen["server"].text, re.IGNORECASE)


def test_ctrl_c_leaves_nothing_of_the_view_behind(seen: dict[str, Seen]) -> None:
    assert [len(seen["ctrl-c"].lines_with(word)) for word in ("Time", "Streams", "Rate", "Completed")] == [0] * 4


def test_what_ctrl_c_does_stays_to_be_read(seen: dict[str, Seen]) -> None:
    assert len(seen["ctrl-c"].lines_with("stopping")) == 1


def test_ctrl_c_in_the_live_view_leaves_with_130_and_the_cursor(seen: dict[str, Seen]) -> None:
    assert seen["ctrl-c"].status == 130
    assert "\x1b[?25h" in seen["ctrl-c"].text


def test_a_live_view_that_goes_to_a_file_ends_its_last_line() -> None:
    finished = run_here("run", STREAM, "--json", sets=(*FREE_PORT, *VERY_SHORT, "output.console=live"))
    assert finished.stderr.endswith("\n")


def test_the_counts_of_an_interrupted_relay_begin_behind_the_line_of_the_ctrl_c() -> None:
    impair = ("impair", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", STREAM)
    with OnTerminal(WIDE, *impair, sets=["network.loss=0.1"]) as relay:
        relay.wait_until_it_shows(lambda text: "10 % lost at random" in text)
        relay.interrupt()
        assert relay.finish() == 130
        before, _, _ = relay.text.partition("relay      127.0.0.1")
    assert before.endswith("\r\n\r\n")
