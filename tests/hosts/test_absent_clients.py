"""A client that is killed, on a host of its own: its server counts what comes back, and ends the stream where told so."""

from __future__ import annotations

import os
import signal

import pytest

from tests.cli.running_cts import Report
from tests.hosts.namespaces import SERVER_HOST, SERVER_HOST_V6, needs_namespaces, two_hosts

V4, V6 = f"{SERVER_HOST}:4444", f"[{SERVER_HOST_V6}]:4444"
STREAM = ("stream.stream_length=5500ms", "stream.buffer_depth=1s", "output.status_update=100ms")


def served(peer_gone: str, listen: str, target: str) -> tuple[int, Report, Report]:
    """Serve a client that is killed once it receives, and one that stays; return status and report, and that one's."""
    with two_hosts() as (host, client_host):
        server = host.cts(
            "server.toml",
            (*STREAM, f"server.listen={listen}", "server.server_exit_limit=2", f"server.peer_gone={peer_gone}"),
            console="lines",
        )
        server.wait_for("offload")
        clients = [client_host.cts("client.toml", (*STREAM, f"client.target={target}"), console="lines") for _ in "12"]
        for client in clients:
            client.wait_for_data()
        # `ip netns exec` becomes the command that it is given.
        os.kill(clients[0].running.pid, signal.SIGKILL)
        left, stayed = server.left(), clients[1].left()
    return left.status, left.report, stayed.report


@needs_namespaces
@pytest.mark.parametrize(("listen", "target"), [(V6, V6), ("*:4444", V4)])
def test_the_stream_of_a_client_that_was_killed_ends_as_peer_gone_and_the_other_one_is_whole(
    listen: str, target: str
) -> None:
    status, report, stayed = served("end", listen, target)
    gone, whole = sorted(report["streams"], key=lambda stream: stream["result"])
    assert (status, gone["result"], whole["result"]) == (1, "ErrorPeerGone", "Succeeded")
    assert gone["unreachable"] == report["unreachable"] > 0
    assert stayed["frames"]["completed"] == 165


@needs_namespaces
def test_the_stream_of_a_client_that_was_killed_goes_on_and_is_counted_where_nothing_else_is_asked_for() -> None:
    status, report, stayed = served("go on", V4, V4)
    assert (status, [stream["result"] for stream in report["streams"]]) == (0, ["Succeeded"] * 2)
    assert report["unreachable"] == sum(stream["unreachable"] for stream in report["streams"]) > 0
    assert stayed["frames"]["completed"] == 165
