"""How a run over several processes ends: by Ctrl-C, by its time limit, by death; and no process is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from attrs import frozen

from cts.api import Address
from cts.clock.system_pacer import open_pacer
from cts.config import Config, load_config
from cts.errors import UserError
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
from tests.plugin.senders_that_stick import stuck_senders
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
    with Running("run", SERVER, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT)) as run:
        run.wait_for_row()
        watched = Watched(workers_of(run.pid))
        run.kill()
        run.finish()
    return watched.have_ended(HANGS_S)


def stop_a_process_and_the_run() -> Finished:
    """Stop a worker with SIGSTOP, and the run with Ctrl-C twice."""
    with Running("run", STREAM, sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, "client.connections=4")) as run:
        run.wait_for_row(lambda row: row.completed > 0)
        os.kill(workers_of(run.pid)[0], signal.SIGSTOP)
        run.interrupt()
        run.wait_until_it_says(lambda text: "stopping" in text)
        run.interrupt()
        return run.finish()


def interrupt_processes_whose_sender_loops() -> Finished:
    with TemporaryDirectory() as folder:
        sets = (*TWO, *LONG, *CLOSELY, *FREE_PORT, "client.connections=2", "sender.strategy=loops")
        with Running("run", STREAM, sets=sets, environment=stuck_senders(Path(folder))) as run:
            run.wait_until_it_says(lambda text: "stuck" in text)
            run.interrupt()
            run.wait_until_it_says(lambda text: "stopping" in text)
            run.interrupt()
            return run.finish()


def end_while_processes_start(end: Callable[[int], None]) -> Finished:
    """End a run and every process in its group, as a terminal does, once it has workers."""
    sets = (*TWO, *LONG, *FREE_PORT, "run.grace=0s")
    with Running("run", SERVER, sets=sets) as run:
        while len(workers_of(run.pid)) < 2:
            pass
        end(run.pid)
        return run.finish()


class Over:
    """All of these, which spend much of their time waiting, two at a time."""

    def __init__(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            limited, interrupted = pool.submit(reach_the_time_limit), pool.submit(interrupt_a_bound_run)
            killed, told = pool.submit(kill_a_worker), pool.submit(kill_one_of_two_for_people)
            outlived = pool.submit(kill_a_run)
            stopped, stuck = (
                pool.submit(stop_a_process_and_the_run),
                pool.submit(interrupt_processes_whose_sender_loops),
            )
            killed_early = pool.submit(end_while_processes_start, lambda pid: os.kill(pid, signal.SIGKILL))
            interrupted_early = pool.submit(end_while_processes_start, lambda pid: os.kill(pid, signal.SIGINT))
            self.limited, self.interrupted = limited.result(), interrupted.result()
            self.killed, self.told = killed.result(), told.result()
            self.all_ended_with_the_run = outlived.result()
            self.stopped, self.stuck = stopped.result(), stuck.result()
            self.killed_early, self.interrupted_early = killed_early.result(), interrupted_early.result()


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


def test_the_streams_of_a_process_that_is_killed_have_failed_in_the_list_and_in_the_totals(over: Over) -> None:
    report = over.killed.finished.report
    results = sorted(stream["result"] for stream in report["streams"])
    assert results == ["ErrorProcessDied"] * 2 + ["Succeeded"] * 2
    assert report["connections"] == {"successful": 2, "network_errors": 0, "protocol_errors": 2, "cancelled": 0}
    remarks = [stream["remark"] for stream in report["streams"] if stream["result"] == "ErrorProcessDied"]
    assert all(remark and "the process that ran it died" in remark for remark in remarks)


@pytest.mark.parametrize("side", ["stopped", "stuck"])
def test_a_second_ctrl_c_ends_a_run_whose_process_does_not_stop(over: Over, side: str) -> None:
    finished: Finished = getattr(over, side)
    assert finished.status == 130
    assert "did not stop and was killed" in finished.stdout
    assert "interrupted" in finished.stdout
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("how", ["killed_early", "interrupted_early"])
def test_processes_that_are_being_started_when_the_run_ends_show_no_traceback(over: Over, how: str) -> None:
    finished: Finished = getattr(over, how)
    assert "Traceback" not in finished.stderr
    assert finished.status == {"killed_early": -9, "interrupted_early": 130}[how]


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


def session_of(config: Config, port: int = 0) -> WorkersSession:
    return WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "a test"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", port)],
        targets=[],
        say=lambda line: None,
    )


async def test_a_stop_before_the_processes_have_their_task_ends_the_run() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s", "client.connections=4"))
    session = session_of(config)
    session.stop()
    with trio.fail_after(HANGS_S):
        report = await session.run()
    assert report.interrupted


async def test_many_signals_are_no_trouble() -> None:
    config = load_config(STREAM, (*TWO, *LONG, *FREE_PORT, "run.grace=0s"))
    session = session_of(config)
    session.stop()
    for _ in range(20):
        session.stop_now()


async def test_an_address_is_held_from_when_it_was_bound_so_that_two_runs_that_start_at_once_do_not_share_it() -> None:
    config = load_config(STREAM, (*TWO, *FREE_PORT))
    first = session_of(config)
    (address,) = await first.bind()
    assert await first.bind() == [address]
    with pytest.raises(UserError, match=r"cannot listen on .*: Address already in use"):
        await session_of(config, address.port).bind()
    first.close()
    second = session_of(config, address.port)
    assert await second.bind() == [address]
    second.close()
