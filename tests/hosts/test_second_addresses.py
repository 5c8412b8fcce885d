"""A server that listens on every address answers a stream from the address that its client asked, not the route's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.namespaces import SECOND_ADDRESS, SECOND_ADDRESS_V6, needs_namespaces, two_hosts

STREAM = ("stream.stream_length=1s", "stream.buffer_depth=300ms")
EVERY_ADDRESS = {SECOND_ADDRESS: "0.0.0.0:4444", SECOND_ADDRESS_V6: "[::]:4444"}


@needs_namespaces
@pytest.mark.parametrize(
    ("address", "direction", "sender"),
    [
        (SECOND_ADDRESS, "pull", "plain"),
        (SECOND_ADDRESS, "push", "auto"),
        (SECOND_ADDRESS_V6, "pull", "auto"),
        (SECOND_ADDRESS_V6, "push", "plain"),
    ],
)
def test_a_stream_to_a_second_address_is_whole_and_logged_under_that_address(
    address: str, direction: str, sender: str, tmp_path: Path
) -> None:
    sets = (*STREAM, f"stream.direction={direction}", f"sender.strategy={sender}")
    log = tmp_path / "connections.csv"
    listening = (f"server.listen={EVERY_ADDRESS[address]}", "server.server_exit_limit=1")
    target = f"client.target={f'[{address}]' if ':' in address else address}:4444"
    with two_hosts() as (host, client_host):
        server = host.cts("server.toml", (*sets, *listening, f"output.connection_file={log}"), console="lines")
        server.wait_for("offload")
        client = client_host.cts("client.toml", (*sets, target)).left()
        served = server.left()
    assert (client.status, served.status) == (0, 0)
    receiver = client if direction == "pull" else served
    assert receiver.report["frames"]["completed"] == 30
    assert address in log.read_text()
