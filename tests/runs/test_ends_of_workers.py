"""How a run over several processes ends: by Ctrl-C, by its time limit, by death; and no process is left."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio
from attrs import frozen

from cts.api import Address
from cts.clock.system_pacer import open_pacer
from cts.config import load_config
from cts.records.observer import Observer
from cts.runs.session_settings import WorkerSetup, session_settings
from cts.runs.workers.session import WorkersSession
from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    FREE_PORT,
    LONG,
    QUIET,
    SERVER,
    STREAM,
    Finished,
    Running,
    free_port,
    run_cts,
)
from tests.runs.processes import HANGS_S, TWO, Watched, failures, workers_of

STREAMS = 4


@frozen
class Killed:
    """A client of two processes one of which was killed."""

    finished: Finished
    victim: int


def kill_a_worker() -> Killed:
    address = f"127.0.0.1:{free_port()}"
    length = ("stream.stream_length=1500ms", "stream.buffer_depth=300ms")
    with Running("run", SERVER, sets=(*length, *CLOSELY, f"server.listen={address}")) as server:
        server.wait_for_row()
        asking = (*TWO, *length, *CLOSELY, "client.connections=4", f"client.target={address}")
        with Running("run", CLIENT, "--json", sets=asking) as client:
            client.wait_for_row(lambda row: row.streams == STREAMS)
            victim, _ = workers_of(client.pid)
            os.kill(victim, signal.SIGKILL)
            return Killed(client.finish(), victim)


def reach_the_time_limit() -> Finished:
    sets = (*TWO, *LONG, *QUIET, *FREE_PORT, "client.connections=4", "run.time_limit=1500ms")
    return run_cts("run", STREAM, "--json", sets=sets)


def kill_one_of_two_for_people() -> Finished:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        target = f"client.target=127.0.0.1:{mute.getsockname()[1]}"
        # A client waits for an answer as long as it buffers.
        sets = (*TWO, *LONG, *CLOSELY, "client.connections=2", target, "stream.buffer_depth=60s")
        with Running("run", CLIENT, sets=(*sets, "run.grace=0s")) as client:
            client.wait_for_row()
            victim, _ = workers_of(client.pid)
            os.kill(victim, signal.SIGKILL)
            client.wait_until_it_says(lambda text: "was killed by signal 9" in text)
            client.interrupt()
            return client.finish()


@frozen
class Interrupted:
    """A run of two processes a side, bound to one processor, that Ctrl-C ended.

    Attributes:
        cpu: the processor that they were to be bound to.
        bound: the processors of each process.
        all_ended: whether every process ended.
    """

    finished: Finished
    cpu: int
    bound: list[set[int]]
    all_ended: bool


def interrupt_a_bound_run() -> Interrupted:
    cpu = min(os.sched_getaffinity(0))
    affinity = (f"run.cpu_affinity=[{cpu}]", "run.grace=0s", "client.connections=4")
    with Running("run", STREAM, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, *affinity)) as run:
        run.wait_for_row(lambda row: row.completed > 0)
        pids = workers_of(run.pid)
        bound = [os.sched_getaffinity(pid) for pid in pids]
        watched = Watched(pids)
        run.interrupt()
        return Interrupted(run.finish(), cpu, bound, watched.have_ended(HANGS_S))


def kill_a_run() -> bool:
    """Kill a run; tell whether its processes ended."""
    with Running("run", STREAM, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, "client.connections=4")) as run:
        run.wait_for_row()
        watched = Watched(workers_of(run.pid))
        run.kill()
        run.finish()
    return watched.have_ended(HANGS_S)


class Over:
    """All of these, which spend much of their time waiting, two at a time."""

    def __init__(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            limited, interrupted = pool.submit(reach_the_time_limit), pool.submit(interrupt_a_bound_run)
            killed, told = pool.submit(kill_a_worker), pool.submit(kill_one_of_two_for_people)
            outlived = pool.submit(kill_a_run)
            self.limited, self.interrupted = limited.result(), interrupted.result()
            self.killed, self.told = killed.result(), told.result()
            self.all_ended_with_the_run = outlived.result()


@pytest.fixture(scope="module")
def over() -> Over:
    return Over()


def test_a_process_that_is_killed_is_reported_and_the_results_of_the_others_are_kept(over: Over) -> None:
    finished = over.killed.finished
    assert finished.status == 1
    (text,) = failures(finished)
    assert f"(pid {over.killed.victim}) was killed by signal 9" in text
    assert text in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [stream["result"] for stream in finished.report["streams"]] == ["Succeeded"] * 2


def test_the_text_for_people_says_that_a_process_died(over: Over) -> None:
    # All the frames that came may be whole: without this, the summary would read like a success.
    assert "was killed by signal 9" in over.told.stdout


def test_ctrl_c_ends_every_process_with_130_and_a_summary(over: Over) -> None:
    finished = over.interrupted.finished
    assert len(over.interrupted.bound) == 4
    assert over.interrupted.all_ended
    assert finished.status == 130
    assert "4 cancelled" in finished.stdout
    assert "interrupted" in finished.stdout
    assert "Traceback" not in finished.stderr


def test_processes_can_be_bound_to_a_processor(over: Over) -> None:
    assert over.interrupted.bound == [{over.interrupted.cpu}] * 4


def test_what_the_time_limit_cut_off_in_all_processes_is_counted(over: Over) -> None:
    assert over.limited.status == 0
    report = over.limited.report
    assert report["cut_off_by_time_limit"] == report["connections"]["cancelled"] == 4


def test_no_process_outlives_a_run_that_is_killed(over: Over) -> None:
    assert over.all_ended_with_the_run


async def test_a_stop_before_the_processes_have_their_task_ends_the_run() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s", "client.connections=4"))
    session = WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "a test"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", 0)],
        targets=[],
        observer=Observer(),
        say=lambda line: None,
    )
    session.stop()
    with trio.fail_after(HANGS_S):
        report = await session.run()
    assert report.interrupted


async def test_many_signals_are_no_trouble() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s"))
    session = WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "a test"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", 0)],
        targets=[],
        observer=Observer(),
        say=lambda line: None,
    )
    session.stop()
    for _ in range(20):
        session.stop_now()
