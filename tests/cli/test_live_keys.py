"""The live view's keys, and the terminal that is left as it was, whatever ends or stops a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.cli.running_cts import FREE_PORT, LONG, STREAM
from tests.cli.terminal import OnTerminal

CTRL_Z = signal.SIGTSTP


@pytest.fixture
def run() -> Iterator[OnTerminal]:
    sets = (*FREE_PORT, *LONG, "output.status_update=50ms", "run.grace=0s")
    with OnTerminal(80, "run", STREAM, sets=sets) as running:
        running.wait_until_it_shows(lambda text: "q stop" in text and "100.00 %" in text)
        assert not running.echoes()
        yield running


def test_p_pauses_the_drawing_and_q_stops_the_run_as_one_ctrl_c(run: OnTerminal) -> None:
    run.press("p")
    run.wait_until_it_shows(lambda text: "p goes on" in text)
    run.press("p")
    run.wait_until_it_shows(lambda text: "p pause" in text[text.rindex("p goes on") :])
    # However long it is held down: a second Ctrl-C would say nothing of what is known.
    run.press("qqq")
    assert run.finish() == 130
    assert "stopping: streams have" in run.text
    assert "completed frames" in run.text
    assert run.echoes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_as_it_was_after_a_signal(run: OnTerminal, number: int) -> None:
    run.send(number)
    assert run.finish() == 128 + number
    assert run.echoes()
    assert run.text.rindex("\x1b[?25h") > run.text.rindex("\x1b[?25l")


def test_a_shell_has_the_terminal_while_a_run_is_stopped(run: OnTerminal) -> None:
    run.send(CTRL_Z)
    run.wait_until_it_is_stopped()
    assert run.echoes()
    run.wait_until_it_shows(lambda text: text.endswith("\x1b[?25h"))
    shown = len(run.text)
    run.send(signal.SIGCONT)
    run.wait_until_it_shows(lambda text: "q stop" in text[shown:])
    assert not run.echoes()
    run.press("q")
    assert run.finish() == 130
    assert run.echoes()
