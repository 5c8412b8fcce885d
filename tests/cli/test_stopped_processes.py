"""A process that stands still (SIGSTOP: a debugger, a suspended host) and goes on: every frame still has its verdict."""

from __future__ import annotations

import os
import signal

from tests.cli.running_cts import CLIENT, CLOSELY, SERVER, Finished, Running, free_port

STREAM = ("stream.bits_per_second=1M", "stream.stream_length=3s", "stream.buffer_depth=500ms", "run.grace=20s")
FRAMES = 90


def stopped_for_a_second(side: str) -> tuple[Finished, Finished]:
    """Run a pull whose server or client stands still for a second in the middle; return server and client."""
    address = f"127.0.0.1:{free_port()}"
    with Running("run", SERVER, "--json", sets=(*STREAM, *CLOSELY, f"server.listen={address}")) as server:
        server.wait_for_row()
        with Running("run", CLIENT, "--json", sets=(*STREAM, *CLOSELY, f"client.target={address}")) as client:
            client.wait_for_row(lambda row: row.completed > 0)
            still, other = (server, client) if side == "server" else (client, server)
            os.kill(still.pid, signal.SIGSTOP)
            # The other one's clock says when the second is over.
            since = other.rows[-1].seconds
            other.wait_for_row(lambda row: row.seconds > since + 1)
            os.kill(still.pid, signal.SIGCONT)
            left = client.finish()
        server.interrupt()
        return server.finish(), left


def test_a_receiver_that_stood_still_judges_by_when_the_kernel_received() -> None:
    _, client = stopped_for_a_second("client")
    report = client.report
    assert report["connections"]["successful"] == 1
    assert report["overflowed"] == 0
    frames = report["frames"]
    assert frames["completed"] + frames["dropped"] == FRAMES
    # It read them a second late, which is twice the buffer, and they had come in time.
    assert frames["completed"] > FRAMES - 20


def test_a_sender_that_stood_still_sends_on_and_the_receiver_ends_when_it_should() -> None:
    server, client = stopped_for_a_second("server")
    report = client.report
    assert server.report["connections"]["successful"] + report["connections"]["successful"] == 2
    frames = report["frames"]
    assert frames["completed"] + frames["dropped"] == FRAMES
    assert frames["dropped"] > 0
    assert frames["completed"] > 0
    (stream,) = report["streams"]
    assert stream["ended_seconds"] < 4.5
