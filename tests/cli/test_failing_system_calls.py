"""Whatever the system refuses, a run ends, tells its result or says in a line why it has none, and leaves nothing behind.

Each call once here, with one error of those that it can meet; ``python -m tests.cli.test_failing_system_calls`` has each meet
all of them, at several places, once and for good.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.running_cts import FREE_PORT, QUIET, STREAM, VERY_SHORT, Finished, run_here
from tests.cli.what_is_left import nothing_is_left
from tests.net.system_calls import CALLS, Call, fail

FRAMES = 6
LOGS = ("status_file", "connection_file", "jitter_file", "error_file", "events_file")


def run_with(call: Call, number: int, *, first: int, lasting: bool, folder: Path) -> tuple[Finished, int]:
    """Run two streams with every log while a call fails; return how it left, and how often the call was made."""
    sets = (*FREE_PORT, *VERY_SHORT, *QUIET, "run.time_limit=1s", "client.connections=2")
    logs = [f"output.{name}={folder}/{name}" for name in LOGS]
    offload = f"run.offload={'off' if call.plain else 'auto'}"
    with pytest.MonkeyPatch.context() as patch:
        fault = fail(patch, call, number, first=first, lasting=lasting)
        finished = run_here("run", STREAM, "--json", sets=(*sets, offload, *logs))
    return finished, fault.calls


def hold(finished: Finished) -> None:
    """Hold that it told what there is to tell."""
    assert "Traceback" not in finished.stderr
    if not finished.stdout:
        assert finished.status in (1, 2)
        assert finished.stderr.startswith("cts: ")
        return
    report = finished.report
    assert finished.status in (0, 1)
    connections = report["connections"]
    ended = connections["successful"] + connections["cancelled"]
    assert ended + connections["network_errors"] + connections["protocol_errors"] == len(report["streams"])
    frames = report["frames"]
    assert frames["completed"] + frames["dropped"] + frames["repeated"] <= FRAMES
    whole = connections["successful"] == 2
    assert not whole or frames["completed"] + frames["dropped"] + frames["repeated"] == FRAMES
    assert (finished.status == 0) == (whole and not report["failures"])


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    run_here("run", STREAM, sets=(*FREE_PORT, *VERY_SHORT, *QUIET))
    with nothing_is_left():
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's calls")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_run_in_which_a_call_fails_tells_its_result_and_leaves_nothing(call: Call, tmp_path: Path) -> None:
    finished, calls = run_with(call, call.numbers[-1], first=2, lasting=False, folder=tmp_path)
    hold(finished)
    assert calls >= 1


def call_named(name: str) -> Call:
    (call,) = [each for each in CALLS if each.name == name]
    return call


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's calls")
@pytest.mark.parametrize("name", ["recvmsg", "socket.recvmsg_into"])
def test_a_socket_that_cannot_be_read_any_more_costs_what_comes_there_and_is_told(name: str, tmp_path: Path) -> None:
    finished, _ = run_with(call_named(name), errno.EIO, first=4, lasting=True, folder=tmp_path)
    hold(finished)
    report = finished.report
    assert finished.status == 1
    assert any("cannot be read: Input/output error; what comes there is lost" in each for each in report["failures"])
    assert len(report["streams"]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's calls")
@pytest.mark.parametrize("name", ["recvmsg", "socket.recvmsg_into"])
def test_a_read_for_which_the_kernel_has_no_memory_is_made_again(name: str, tmp_path: Path) -> None:
    finished, _ = run_with(call_named(name), errno.ENOMEM, first=4, lasting=False, folder=tmp_path)
    assert (finished.status, finished.report["failures"]) == (0, [])
    assert finished.report["frames"]["completed"] + finished.report["frames"]["dropped"] == FRAMES


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's calls")
def test_a_server_whose_socket_cannot_be_watched_says_so_in_a_line(tmp_path: Path) -> None:
    finished, _ = run_with(call_named("epoll_ctl"), errno.ENOSPC, first=1, lasting=False, folder=tmp_path)
    assert re.fullmatch(
        r"cts: server\.listen: cannot read 127\.0\.0\.1:\d+: No space left on device\n", finished.message
    )


def sweep() -> int:
    """Have every call meet every error, at several places, once and for good; return how often something was wrong."""
    wrong = tried = 0
    run_here("run", STREAM, sets=(*FREE_PORT, *VERY_SHORT, *QUIET))
    for call in CALLS:
        for number in call.numbers:
            for first, lasting in ((1, False), (2, False), (4, False), (9, False), (1, True), (3, True)):
                tried += 1
                where = f"{call.name} {errno.errorcode[number]} at {first}{' and after' if lasting else ''}"
                with TemporaryDirectory() as folder:
                    try:
                        with nothing_is_left():
                            hold(run_with(call, number, first=first, lasting=lasting, folder=Path(folder))[0])
                    except Exception as error:  # whatever it is, it is told and the next one tried
                        wrong += 1
                        print(f"{where}: {error!r}"[:400], flush=True)
    print(f"{tried} runs, {wrong} wrong", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(min(sweep(), 1))
