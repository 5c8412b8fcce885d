"""Each end marks every datagram that it sends, on the wire: START, ids and data, however they are handed to the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.captures import Header, captured
from tests.hosts.namespaces import CLIENT_HOST, SERVER_HOST, SERVER_HOST_V6, needs_namespaces, two_hosts

STREAM = ("stream.stream_length=500ms", "stream.buffer_depth=300ms", "client.connections=2")
CLIENT_HOST_V6 = "fd09::2"
SERVERS = {"IPv4": (SERVER_HOST, CLIENT_HOST, "0.0.0.0"), "IPv6": (SERVER_HOST_V6, CLIENT_HOST_V6, "[::]")}
EF, AF41 = 46, 34


def marks(headers: list[Header]) -> tuple[set[int], set[int]]:
    return {each.dscp for each in headers}, {each.hops for each in headers}


@needs_namespaces
@pytest.mark.parametrize(
    ("direction", "family", "more"),
    [
        ("pull", "IPv4", ("run.offload=auto",)),
        ("push", "IPv6", ("run.offload=auto",)),
        ("pull", "IPv6", ("run.offload=off",)),
        ("push", "IPv4", ("run.offload=off",)),
        ("pull", "IPv4", ("run.processes=2",)),
    ],
)
def test_both_ends_mark_all_that_they_send_with_their_own_codepoint_and_hop_limit(
    direction: str, family: str, more: tuple[str, ...]
) -> None:
    server_host, client_host, everywhere = SERVERS[family]
    target = f"client.target={f'[{server_host}]' if ':' in server_host else server_host}:4444"
    sets = (*STREAM, *more, f"stream.direction={direction}")
    listening = (f"server.listen={everywhere}:4444", "server.server_exit_limit=2", "stream.dscp=EF", "run.ttl=7")
    with two_hosts() as (host, other), captured(other) as capture:
        server = host.cts("server.toml", (*sets, *listening), console="lines")
        server.wait_until_it_serves()
        asking = other.cts("client.toml", (*sets, target, "stream.dscp=AF41", "run.ttl=9")).left()
        assert (asking.status, server.left().status) == (0, 0)
    served, asked = capture.sent_by(server_host), capture.sent_by(client_host)
    assert marks(served) == ({EF}, {7})
    assert marks(asked) == ({AF41}, {9})
    data_of_server, data_of_client = ({"data"}, set[str]()) if direction == "pull" else (set[str](), {"data"})
    assert {each.what for each in served} == {"id"} | data_of_server
    assert {each.what for each in asked} == {"START"} | data_of_client


@needs_namespaces
def test_what_is_not_marked_leaves_as_the_system_has_it() -> None:
    with two_hosts() as (host, other), captured(other) as capture:
        server = host.cts(
            "server.toml", (*STREAM, f"server.listen={SERVER_HOST}:4444", "server.server_exit_limit=2"), console="lines"
        )
        server.wait_for("offload")
        assert other.cts("client.toml", (*STREAM, f"client.target={SERVER_HOST}:4444")).left().status == 0
        server.left()
    assert {each.octet for each in capture.headers} == {0}


@needs_namespaces
def test_a_relay_marks_what_it_sends_on_and_carries_no_mark_through(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[stream]\ndscp = "CS5"\n[run]\nttl = 11\n[network]\n')
    with two_hosts() as (host, other), captured(other) as capture:
        server = host.cts("server.toml", (*STREAM, "server.listen=127.0.0.1:4444", "stream.dscp=EF"), console="lines")
        server.wait_for("offload")
        arguments = ("--listen", f"{SERVER_HOST}:5555", "--to", "127.0.0.1:4444", str(config))
        relay = host.command("impair", *arguments)
        relay.wait_for("relay on")
        asking = other.cts("client.toml", (*STREAM, f"client.target={SERVER_HOST}:5555", "stream.dscp=AF41")).left()
    assert asking.status == 0
    assert marks(capture.sent_by(SERVER_HOST)) == ({40}, {11})


@needs_namespaces
def test_a_run_that_is_bound_to_an_interface_is_served_by_it_and_not_by_another() -> None:
    with two_hosts() as (host, other):
        server = host.cts("server.toml", (*STREAM, "server.listen=*:4444", "run.interface=cable"), console="lines")
        server.wait_for("offload")
        sets = (*STREAM, f"client.target={SERVER_HOST}:4444")
        found = other.cts("client.toml", (*sets, "run.interface=cable", "client.bind=40000-40001")).left()
        lost = other.cts("client.toml", (*sets, "run.interface=lo")).left()
    assert {stream["local"] for stream in found.report["streams"]} == {f"{CLIENT_HOST}:40000", f"{CLIENT_HOST}:40001"}
    assert found.report["connections"]["successful"] == 2
    assert lost.report["connections"]["successful"] == 0
