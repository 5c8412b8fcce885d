"""A run whose live view is drawn by another process: it goes on without that one, and never leaves it behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.cli.running_cts import FREE_PORT, LONG, STREAM
from tests.cli.terminal import OnTerminal, is_stopped
from tests.runs.processes import HANGS_S, Watched, presenters_of


@pytest.fixture
def run() -> Iterator[OnTerminal]:
    sets = (*FREE_PORT, *LONG, "output.status_update=50ms", "run.grace=0s")
    with OnTerminal(80, "run", STREAM, sets=sets) as running:
        running.wait_until_it_shows(lambda text: "q stop" in text and "100.00 %" in text)
        yield running


def test_a_view_goes_on_without_the_process_that_drew_it(run: OnTerminal) -> None:
    (pid,) = presenters_of(run.pid)
    os.kill(pid, signal.SIGKILL)
    # Wherever the line is wrapped.
    run.wait_until_it_shows(lambda text: f"(pid {pid}) was killed by signal 9" in " ".join(text.split()))
    shown = len(run.text)
    run.wait_until_it_shows(lambda text: text[shown:].count("q stop") >= 2)
    run.press("q")
    assert run.finish() == 130
    assert "completed frames" in run.text
    assert run.echoes()


@pytest.mark.parametrize("stop_it", [False, True])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_run(run: OnTerminal, number: int, stop_it: bool) -> None:
    (pid,) = presenters_of(run.pid)
    left = Watched([pid])
    if stop_it:
        os.kill(pid, signal.SIGSTOP)
        while not is_stopped(pid):
            os.sched_yield()
    run.send(number)
    run.finish()
    assert left.have_ended(HANGS_S)


def test_what_is_said_does_not_wait_for_a_drawing() -> None:
    sets = (*FREE_PORT, *LONG, "output.status_update=50ms", f"run.grace={HANGS_S * 2:.0f}s")
    with OnTerminal(80, "run", STREAM, sets=sets) as run:
        run.wait_until_it_shows(lambda text: "q stop" in text and "100.00 %" in text)
        (pid,) = presenters_of(run.pid)
        os.kill(pid, signal.SIGSTOP)
        run.press("q")
        run.wait_until_it_shows(lambda text: "stopping: streams have" in text)
        run.interrupt()
        assert run.finish() == 130


def test_a_signal_to_all_processes_of_a_run_is_the_run_s_to_obey(run: OnTerminal) -> None:
    (pid,) = presenters_of(run.pid)
    # As a service manager does.
    os.kill(pid, signal.SIGTERM)
    run.send(signal.SIGTERM)
    assert run.finish() == 128 + signal.SIGTERM
    assert "completed frames" in run.text
    assert f"pid {pid}" not in run.text


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")
def test_a_run_that_is_bound_to_processors_has_them_for_itself() -> None:
    first, *others = sorted(os.sched_getaffinity(0))
    sets = (*FREE_PORT, *LONG, f"run.cpu_affinity=[{first}]", "run.grace=0s")
    with OnTerminal(80, "run", STREAM, sets=sets) as run:
        run.wait_until_it_shows(lambda text: "q stop" in text)
        (pid,) = presenters_of(run.pid)
        assert os.sched_getaffinity(run.pid) == {first}
        assert os.sched_getaffinity(pid) == set(others)
        run.press("q")
        run.finish()
