"""The process that draws and answers scrapes for a run: the same drawings, and a run that goes on by itself without it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
import trio.testing

from cts.clock.system_pacer import SystemPacer
from cts.config import structure_config
from cts.output.attended import Layout, LiveSettings
from cts.output.live import LiveConsole, terminal
from cts.output.live_picture import LivePicture
from cts.output.metrics_server import MetricsServer, listen
from cts.protocol.roles import Role
from cts.records.live import StreamOrder
from cts.records.snapshots import RunSnapshot
from cts.runs.own_processes import command_of
from cts.runs.presenter.presenter_process import PresenterProcess, presenter_for
from tests.output.live_states import BUSY, MANY
from tests.output.test_live import a_terminal
from tests.output.test_metrics_server import scrape
from tests.runs.processes import HANGS_S

LAYOUT = Layout(columns=79, rows=23, order=StreamOrder.MISSING, hears_keys=True)
PRESENTER = "cts.runs.presenter.presenter"


class Run:
    """A run's part: a view, metrics, and what a person was told."""

    def __init__(self, *, processors: tuple[int, ...] = ()) -> None:
        self.said: list[str] = []
        self.view = LiveConsole(a_terminal(), Role.RECEIVER)
        self.metrics = MetricsServer(listen("127.0.0.1", 0), {"role": "server"})
        self.presenter = PresenterProcess(
            SystemPacer(), self.said.append, view=self.view, metrics=self.metrics, processors=processors
        )

    @asynccontextmanager
    async def presented(self) -> AsyncIterator[int]:
        """Yield the presenter's process id."""
        async with trio.open_nursery() as nursery:
            with trio.fail_after(HANGS_S):
                await nursery.start(self.presenter.run)
                # The run itself would not wait for so long.
                await self.presenter._ready.wait()
            assert self.presenter.pid is not None
            yield self.presenter.pid
            nursery.cancel_scope.cancel()

    def tell(self, snapshot: RunSnapshot) -> None:
        self.presenter.status(snapshot)
        self.metrics.status(snapshot)

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(HANGS_S):
            while not condition():
                await trio.testing.wait_all_tasks_blocked(0.01)

    async def draw(self) -> str | None:
        with trio.fail_after(HANGS_S):
            return await self.presenter.draw(LAYOUT)

    async def scrape(self) -> str:
        return await trio.to_thread.run_sync(scrape, self.metrics.url)


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.metrics.closing()


def drawn_here(run: Run, *snapshots: RunSnapshot) -> str:
    picture = LivePicture(run.view.settings)
    for snapshot in snapshots:
        picture.take(snapshot)
    return picture.drawn_at_once(LAYOUT)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_draws_what_the_run_itself_would_and_answers_scrapes_with_the_last_status(run: Run) -> None:
    async with run.presented():
        told: list[RunSnapshot] = []
        for state in (BUSY, MANY):
            told.append(state.snapshot)
            run.tell(state.snapshot)
            assert await run.draw() == drawn_here(run, *told)
        assert f"cts_run_elapsed_seconds {MANY.snapshot.elapsed_ns / 1e9}" in await run.scrape()
    assert run.said == []


async def test_metrics_are_those_of_status_intervals_and_not_of_what_is_drawn_in_between(run: Run) -> None:
    async with run.presented():
        run.presenter.redraw(BUSY.snapshot)
        assert await run.draw() == drawn_here(run, BUSY.snapshot)
        assert "cts_run_elapsed_seconds 0.0" in await run.scrape()


async def test_it_ends_with_the_run_and_who_still_asks_it_is_cut_off(run: Run) -> None:
    async with run.presented() as pid:
        port = int(run.metrics.url.split(":")[2].split("/")[0])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        run.tell(BUSY.snapshot)
        await run.draw()
    assert not is_alive(pid)
    run.metrics.closing()
    async with stream:
        # Before it had accepted, or after.
        with trio.fail_after(HANGS_S), suppress(trio.BrokenResourceError):
            assert await stream.receive_some() == b""
    assert run.said == []


@pytest.mark.parametrize("is_asked", [True, False])
async def test_where_it_dies_the_run_says_so_and_answers_scrapes_itself(run: Run, is_asked: bool) -> None:
    async with run.presented() as pid, trio.open_nursery() as nursery:
        run.tell(BUSY.snapshot)
        await run.draw()
        if is_asked:
            # Stopped, so that it cannot answer first.
            os.kill(pid, signal.SIGSTOP)
            nursery.start_soon(is_gone, run)
            await trio.testing.wait_all_tasks_blocked(0.01)
        os.kill(pid, signal.SIGKILL)
        await run.until(lambda: bool(run.said))
        await is_gone(run)
        assert f"cts_run_elapsed_seconds {BUSY.snapshot.elapsed_ns / 1e9}" in await run.scrape()
    (said,) = run.said
    assert said == (
        f"note: the process that draws the live view and serves metrics (pid {pid}) was killed by signal 9; "
        "the run's own does it from now on, beside its streams"
    )


async def is_gone(run: Run) -> None:
    assert await run.draw() is None


async def test_one_that_does_not_get_round_to_it_soon_is_not_waited_for_and_draws_when_it_can(
    run: Run, mock_clock: trio.testing.MockClock
) -> None:
    mock_clock.rate = 1
    async with run.presented() as pid:
        run.tell(BUSY.snapshot)
        os.kill(pid, signal.SIGSTOP)
        assert await run.draw() is None
        os.kill(pid, signal.SIGCONT)
        run.tell(MANY.snapshot)
        # Not the drawing that it was asked for before.
        drawn = None
        while drawn is None:
            drawn = await run.draw()
        assert drawn == drawn_here(run, BUSY.snapshot, MANY.snapshot)
    assert run.said == []


async def test_of_what_it_does_not_take_the_last_whole_status_is_kept_and_what_is_to_be_drawn(run: Run) -> None:
    async with run.presented() as pid:
        os.kill(pid, signal.SIGSTOP)
        # More than the pipe takes.
        for _ in range(100):
            run.presenter.status(BUSY.snapshot)
            await trio.testing.wait_all_tasks_blocked()
        run.tell(MANY.snapshot)
        for _ in range(100):
            run.presenter.redraw(BUSY.snapshot)
        assert len(run.presenter._held) == 8
        os.kill(pid, signal.SIGCONT)
        while await run.draw() is None:
            pass
        assert f"cts_run_elapsed_seconds {MANY.snapshot.elapsed_ns / 1e9}" in await run.scrape()


async def test_until_it_has_begun_it_draws_nothing(run: Run) -> None:
    run.tell(BUSY.snapshot)
    assert await run.draw() is None
    async with run.presented():
        assert await run.draw() == drawn_here(run, BUSY.snapshot)


async def test_a_run_that_is_over_does_nothing_in_its_place(run: Run) -> None:
    async with run.presented() as pid:
        run.metrics.closing()
        run.presenter.end()
        # As a watchdog does, from a thread that knows of no task.
        await trio.to_thread.run_sync(run.presenter.status, BUSY.snapshot)
        await run.until(lambda: not is_alive(pid))
        await is_gone(run)
    assert run.said == []


async def test_a_run_that_can_start_none_does_it_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    where = "cts.runs.presenter.presenter_process.command_of"
    monkeypatch.setattr(where, lambda module: ["/nowhere/python", "-m", module])
    async with trio.open_nursery() as nursery:
        await nursery.start(run.presenter.run)
        run.tell(BUSY.snapshot)
        await is_gone(run)
        assert f"cts_run_elapsed_seconds {BUSY.snapshot.elapsed_ns / 1e9}" in await run.scrape()
    (said,) = run.said
    assert said.startswith(
        "note: cannot start the process that draws the live view and serves metrics (No such file or directory"
    )


async def test_one_that_fails_as_it_starts_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    where = "cts.runs.presenter.presenter_process.command_of"
    monkeypatch.setattr(where, lambda _: [sys.executable, "-c", "raise SystemExit('a reason')"])
    async with trio.open_nursery() as nursery:
        with trio.fail_after(HANGS_S):
            await nursery.start(run.presenter.run)
    assert run.said[0] == "note: a reason"
    assert "left with status 1" in run.said[1]


@pytest.mark.skipif(sys.platform != "linux", reason="processors and niceness as Linux has them")
async def test_it_gives_way_to_the_run_and_leaves_the_run_s_processors() -> None:
    everywhere = tuple(sorted(os.sched_getaffinity(0)))
    run = Run(processors=everywhere[-1:])
    async with run.presented() as pid:
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        assert os.sched_getscheduler(pid) == os.SCHED_BATCH
        assert os.sched_getaffinity(pid) == set(everywhere[-1:])
        # Within the run's session niceness counts; keys are for the run's own group.
        assert os.getsid(pid) == os.getsid(0)
        assert os.getpgid(pid) == pid
    run.metrics.closing()


@pytest.mark.parametrize("sent", [b"", b"garbage" * 10])
def test_it_ends_without_a_task_and_says_why_where_it_can(sent: bytes) -> None:
    ended = subprocess.run(
        command_of(PRESENTER), input=sent, capture_output=True, timeout=HANGS_S, check=False, text=False
    )
    assert ended.stdout == b""
    assert (ended.returncode, b"not of one version" in ended.stderr) == ((1, True) if sent else (0, False))


def test_there_is_one_for_a_view_on_a_terminal_and_for_metrics_and_for_nothing_else(run: Run) -> None:
    config = structure_config({"output": {"prometheus": "127.0.0.1:0"}})
    made = partial(presenter_for, pacer=SystemPacer(), say=print, processors=())
    in_a_file = LiveConsole(terminal(io.StringIO()), Role.RECEIVER)
    for watchers, is_one in (([run.view], True), ([run.metrics], True), ([in_a_file], False), ([], False)):
        assert (made(config, watchers) is not None) is is_one


def test_settings_are_all_that_a_drawing_needs(run: Run) -> None:
    assert run.view.settings == LiveSettings(measure=Role.RECEIVER, encoding="utf-8", color_system="standard")


@pytest.mark.parametrize("flag", ["-E", "-s", "-S", "-I"])
def test_a_process_of_cts_is_started_with_what_keeps_foreign_code_out(flag: str) -> None:
    program = "from cts.runs.own_processes import command_of; print(*command_of('a'))"
    path = os.pathsep.join(sys.path)
    code = f"import sys; sys.path += {path!r}.split({os.pathsep!r}); {program}"
    told = subprocess.run([sys.executable, flag, "-c", code], capture_output=True, text=True, check=True).stdout
    assert flag in told.split()
