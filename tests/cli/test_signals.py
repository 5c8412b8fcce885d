"""Ctrl-C, SIGTERM and SIGHUP, in every command, and what keeps a run from ending."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Final

import pytest
import trio

from cts.signals import stop_signals
from tests.cli.running_cts import CLOSELY, CONFIGS, FREE_PORT, LONG, STREAM, Finished, Running, run_here
from tests.plugin.senders_that_stick import KINDS, stuck_senders

WIFI: Final = CONFIGS / "sim-wifi.toml"
SIGNALS: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
NAMED: Final = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
SERVED: Final = ("output.prometheus=127.0.0.1:0",)
ENDLESS: Final = ("client.connections=10", "client.iterations=0")


def simulate_until(number: signal.Signals, folder: Path) -> Finished:
    logs = (f"output.events_file={folder / 'events.jsonl'}", f"output.truth_file={folder / 'truth.jsonl'}")
    with Running("sim", WIFI, "--json", sets=(*ENDLESS, *logs, "output.console=lines")) as sim:
        sim.wait_for_row(lambda row: row.completed > 0)
        os.kill(sim.pid, number)
        return sim.finish()


def bench_until(number: signal.Signals) -> Finished:
    with Running("bench", "--no-iperf", "--json") as bench:
        bench.wait_until_it_says(lambda text: "pacing" in text)
        os.kill(bench.pid, number)
        return bench.finish()


@contextmanager
def deaf(how: str) -> Iterator[None]:
    """Make this process, and those that it starts in the block, deaf to Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT] if how == "blocked" else [])
    signal.signal(signal.SIGINT, signal.SIG_IGN if how == "ignored" else signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def verify_until(number: signal.Signals, folder: Path) -> Finished:
    """Interrupt a `verify-run` that waits for the truth, which is a pipe."""
    truth = folder / "pipe"
    os.mkfifo(truth)
    with Running("verify-run", folder / "none.jsonl", truth) as verify, truth.open("wb"):
        os.kill(verify.pid, number)
        return verify.finish()


def hang_up_a_run(folder: Path) -> Finished:
    sets = (*LONG, *CLOSELY, *FREE_PORT, "run.grace=0s", f"output.events_file={folder / 'run.jsonl'}")
    with Running("run", STREAM, "--json", sets=sets) as run:
        run.wait_for_row(lambda row: row.completed > 0)
        run.hang_up()
        return run.finish()


def interrupt_twice(kind: str, folder: Path, *args: str | Path) -> Finished:
    """Interrupt a run whose sender does not come back, twice."""
    folder.mkdir()
    sets = (*LONG, f"sender.strategy={kind}", f"output.events_file={folder / 'events.jsonl'}")
    with Running(*args, sets=sets, environment=stuck_senders(folder)) as run:
        run.wait_until_it_says(lambda text: "stuck" in text)
        # Signals that come too close to each other are one.
        while not run.has_left(within_s=0.2):
            run.interrupt()
        return run.finish()


class Ended:
    """All of these, which wait much, some at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with ThreadPoolExecutor(3) as pool:
            self.of: dict[tuple[str, int], Finished] = {}
            futures = {}
            for number in SIGNALS:
                own = folder / number.name
                own.mkdir()
                futures["sim", number] = pool.submit(simulate_until, number, own)
                futures["bench", number] = pool.submit(bench_until, number)
                futures["verify-run", number] = pool.submit(verify_until, number, own)
            futures["run", signal.SIGHUP] = pool.submit(hang_up_a_run, folder)
            stuck = {}
            for kind in KINDS:
                stuck["run", kind] = pool.submit(
                    interrupt_twice, kind, folder / f"run {kind}", "run", STREAM, *_sets(FREE_PORT)
                )
                # A process that presents the run, too, is told of its end, from a thread.
                stuck["presented", kind] = pool.submit(
                    interrupt_twice, kind, folder / f"presented {kind}", "run", STREAM, *_sets((*FREE_PORT, *SERVED))
                )
            stuck["sim", "loops"] = pool.submit(interrupt_twice, "loops", folder / "sim loops", "sim", WIFI)
            self.of = {key: future.result() for key, future in futures.items()}
            self.stuck = {key: future.result() for key, future in stuck.items()}


def _sets(sets: tuple[str, ...]) -> list[str]:
    return [word for each in sets for word in ("--set", each)]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return Ended(tmp_path_factory.mktemp("signals"))


@NAMED
@pytest.mark.parametrize("command", ["sim", "bench", "verify-run"])
def test_every_command_leaves_with_the_status_of_the_signal_and_no_traceback(
    ended: Ended, command: str, number: signal.Signals
) -> None:
    finished = ended.of[command, number]
    assert finished.status == SIGNALS[number]
    assert "Traceback" not in finished.stderr


@NAMED
def test_a_simulation_that_was_cut_short_prints_what_it_measured(ended: Ended, number: signal.Signals) -> None:
    report = ended.of["sim", number].report
    assert report["interrupted"] is True
    assert {stream["result"] for stream in report["streams"]} == {"Cancelled"}


@NAMED
def test_the_logs_of_a_simulation_that_was_cut_short_say_so_and_are_whole_up_to_there(
    ended: Ended, number: signal.Signals
) -> None:
    folder = ended.folder / number.name
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    assert (events[-1]["event"], events[-1]["interrupted"]) == ("run_ended", True)
    assert (truth[-1]["kind"], truth[-1]["interrupted"]) == ("ended", True)
    assert truth[-1]["datagrams"] == sum(line["kind"] == "datagram" for line in truth)
    assert run_here("verify-run", folder / "events.jsonl", folder / "truth.jsonl").status == 0


@NAMED
def test_a_bench_that_was_cut_short_prints_what_it_measured(ended: Ended, number: signal.Signals) -> None:
    found = json.loads(ended.of["bench", number].stdout)
    assert found["stalls"]["seconds"] > 0
    assert found["goodput_bits_per_second"] is None


def test_a_terminal_that_goes_ends_a_run_with_129_and_whole_logs(ended: Ended) -> None:
    finished = ended.of["run", signal.SIGHUP]
    last = json.loads((ended.folder / "run.jsonl").read_text().splitlines()[-1])
    assert (finished.status, finished.report["interrupted"]) == (129, True)
    assert (last["event"], last["interrupted"]) == ("run_ended", True)


@pytest.mark.parametrize("which", [*product(("run", "presented"), KINDS), ("sim", "loops")], ids=" that ".join)
def test_a_second_ctrl_c_ends_what_a_plugin_holds_up_with_what_was_measured(
    ended: Ended, which: tuple[str, str]
) -> None:
    finished = ended.stuck[which]
    assert finished.status == 130
    assert "Traceback" not in finished.stderr
    assert "1 cancelled" in finished.stdout
    last = json.loads((ended.folder / " ".join(which) / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["interrupted"]) == ("run_ended", True)


def test_a_run_in_the_background_of_a_script_hears_ctrl_c_though_the_shell_had_it_ignored() -> None:
    with Running("run", STREAM, "--json", sets=(*LONG, *CLOSELY, *FREE_PORT, "run.grace=0s"), ignored="INT") as run:
        run.wait_for_row(lambda row: row.completed > 0)
        run.interrupt()
        finished = run.finish()
    assert (finished.status, finished.report["interrupted"]) == (130, True)


def test_so_does_a_command_that_runs_nothing(tmp_path: Path) -> None:
    truth = tmp_path / "pipe"
    os.mkfifo(truth)
    with Running("verify-run", "none.jsonl", truth, ignored="INT") as verify, truth.open("wb"):
        verify.interrupt()
        finished = verify.finish()
    assert (finished.status, finished.stderr.strip()) == (130, "cts: interrupted")


def test_a_hangup_that_is_ignored_stays_so_as_with_nohup() -> None:
    with Running("run", STREAM, sets=(*LONG, *CLOSELY, *FREE_PORT, "run.grace=0s"), ignored="HUP") as run:
        run.wait_for_row(lambda row: row.completed > 0)
        run.hang_up()
        run.wait_for_row(lambda row: row.completed > 0 and row.seconds > 1.5)
        run.interrupt()
        assert run.finish().status == 130


def test_a_run_in_a_thread_hears_of_no_signals_and_runs_all_the_same() -> None:
    async def main() -> str:
        with stop_signals() as signals, trio.move_on_after(0):
            await anext(signals)
        return "ran"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(trio.run, main).result() == "ran"


def test_the_watchdog_lets_a_run_that_ends_by_itself_alone() -> None:
    given_up: list[int] = []

    async def main() -> int:
        with stop_signals(given_up.append) as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            return await anext(signals)

    assert trio.run(main) == signal.SIGTERM
    assert given_up == []


@pytest.mark.parametrize("how", ["ignored", "blocked"])
def test_a_command_hears_ctrl_c_also_where_who_started_it_was_deaf_to_it(how: str) -> None:
    # As a script's shell starts what is to run in the background.
    with deaf(how):
        bench = Running("bench", "--no-iperf", anew=True)
    with bench:
        bench.wait_until_it_says(lambda text: "stalls" in text)
        bench.interrupt()
        ended = bench.finish()
    assert (ended.status, ended.stderr.splitlines()[-1]) == (130, "cts: interrupted")


INTERRUPTED_IMPORT: Final = """
import sys

import cts.cli

class Name:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt

class Finder:
    def find_spec(self, *args):
        type("Owner", (), {"name": Name()})

sys.meta_path.insert(0, Finder())
cts.cli.main()
"""


def test_ctrl_c_while_a_class_is_made_is_what_it_is_elsewhere() -> None:
    finished = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (130, "cts: interrupted\n")
