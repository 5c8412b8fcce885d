"""The verdict on the host, of real processes: one that stood still, one that died, several that merge."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    FREE_PORT,
    LONG,
    SERVER,
    STREAM,
    Finished,
    Running,
    free_port,
    run_cts,
    status_rows,
)
from tests.runs.processes import TWO, workers_of

BUFFER = "stream.buffer_depth=300ms"
STOOD_STILL_S = 1.0


def trust_of(finished: Finished) -> Any:
    report: Any = finished.report
    return report["trust"]


@pytest.fixture(scope="module", params=["pull", "push"])
def stopped(request: pytest.FixtureRequest) -> Finished:
    """A receiver that was stopped for longer than its buffer while its peer went on."""
    address = f"127.0.0.1:{free_port()}"
    sets = (*LONG, *CLOSELY, BUFFER, f"stream.direction={request.param}", "run.grace=0s")
    with Running("run", SERVER, "--json", sets=(*sets, f"server.listen={address}")) as server:
        server.wait_for_row()
        with Running("run", CLIENT, "--json", sets=(*sets, f"client.target={address}")) as client:
            receiver, sender = (client, server) if request.param == "pull" else (server, client)
            receiver.wait_for_row(lambda row: row.completed > 0)
            os.kill(receiver.pid, signal.SIGSTOP)
            # The other end's clock says how long that lasts.
            told: list[float] = []

            def has_gone_on(text: str) -> bool:
                told.append(status_rows(text)[-1].seconds)
                return told[-1] > told[0] + STOOD_STILL_S

            sender.wait_until_it_says(has_gone_on)
            os.kill(receiver.pid, signal.SIGCONT)
            receiver.interrupt()
            return receiver.finish()


def test_a_receiver_that_stood_still_for_longer_than_its_buffer_is_not_to_be_trusted(stopped: Finished) -> None:
    trust = trust_of(stopped)
    assert trust["verdict"] == "not to be trusted"
    assert trust["figures"]["read_delay_seconds"] > 0.3


def test_a_run_over_processes_tells_of_all_of_them() -> None:
    finished = run_cts(
        "run", STREAM, "--json", sets=(*TWO, *FREE_PORT, "stream.stream_length=1s", BUFFER, "client.connections=2")
    )
    trust = trust_of(finished)
    assert trust["figures"]["loop_lag_seconds"]["greatest"] > 0
    assert trust["figures"]["send_lateness_p99_seconds"] > 0
    assert trust["figures"]["process_share"] > 0


def test_a_worker_that_died_leaves_a_doubt() -> None:
    with Running(
        "run", STREAM, "--json", sets=(*TWO, *LONG, *CLOSELY, *FREE_PORT, "client.connections=2", "run.grace=0s")
    ) as run:
        run.wait_for_row(lambda row: row.completed > 0)
        os.kill(workers_of(run.pid)[0], signal.SIGKILL)
        run.wait_until_it_says(lambda text: "was killed by signal 9" in text)
        run.interrupt()
        assert trust_of(run.finish())["verdict"] != "trusted"
