"""What a service manager is told, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cts.protocol.wire import START, ConnectionId, decode_untrusted
from cts.runs.readiness import READY, STOPPING, notify
from tests.cli.running_cts import CLIENT, PATIENCE_S, QUIET, SERVER, Running, free_port, run_here


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's socket, and its name as NOTIFY_SOCKET has it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@cts-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name[0] == "@" else name)
        sock.settimeout(PATIENCE_S)
        yield name, sock


def test_states_come_in_one_datagram_a_line_each(manager: tuple[str, socket.socket]) -> None:
    name, sock = manager
    assert notify(READY, "STATUS=listening", environment={"NOTIFY_SOCKET": name})
    assert sock.recv(4096) == b"READY=1\nSTATUS=listening"


@pytest.mark.parametrize("name", ["", "relative", "/no/such/socket", "@", "/nul\0", "/" + "x" * 200])
def test_where_there_is_nobody_to_tell_nothing_happens(name: str) -> None:
    assert not notify(READY, environment={"NOTIFY_SOCKET": name})


def test_without_the_variable_nothing_happens() -> None:
    assert not notify(READY, environment={})


def test_a_manager_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        told = [notify(READY, environment={"NOTIFY_SOCKET": name}) for _ in range(10_000)]
    assert told[0]
    assert not told[-1]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_is_ready_when_a_client_that_asks_once_is_answered_and_says_that_it_stops(
    manager: tuple[str, socket.socket], processes: int
) -> None:
    name, sock = manager
    port = free_port()
    sets = (*QUIET, f"server.listen=127.0.0.1:{port}", "run.grace=0s", f"run.processes={processes}")
    with Running("run", SERVER, sets=sets, environment={"NOTIFY_SOCKET": name}) as server:
        first = sock.recv(4096).decode().split("\n")
        assert first[0] == READY
        assert f"127.0.0.1:{port}" in first[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE_S)
            client.sendto(START, ("127.0.0.1", port))
            assert isinstance(decode_untrusted(client.recv(4096)), ConnectionId)
        server.terminate()
        assert sock.recv(4096).decode() == STOPPING
        assert server.finish().status == 143


def test_a_run_that_cannot_begin_is_never_ready(
    manager: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, sock = manager
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    assert run_here("run", CLIENT, sets=("client.target=127.0.0.1:9", "output.status_file=/no/such/folder/x")).message
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.recv(4096)
