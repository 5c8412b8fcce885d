"""On a host with one free port, each stream of a client comes from the port of the one before."""

from __future__ import annotations

import pytest

from tests.hosts.namespaces import SERVER_HOST, Host, needs_namespaces, two_hosts

ONE_PORT = ("sysctl", "-q", "-w", "net.ipv4.ip_local_port_range=40000 40000")
SHORT = ("stream.stream_length=1s", "client.iterations=2")


@needs_namespaces
@pytest.mark.parametrize("config", ["push.toml", "stream.toml"])
def test_two_streams_from_one_port_are_two_streams_with_all_their_frames(config: str) -> None:
    with two_hosts() as (host, _):
        host.run(*ONE_PORT)
        report = host.cts(config, SHORT).left().report
    assert report["connections"]["successful"] == len(report["streams"]) == 2
    assert len({stream["id"] for stream in report["streams"]}) == 2
    assert report["frames"]["completed"] == 60


def _serve(host: Host, *sets: str) -> None:
    """Serve pulls, and wait until peers may ask."""
    host.cts("server.toml", (f"server.listen={SERVER_HOST}:4444", *sets), console="lines").wait_for("offload")


@needs_namespaces
def test_a_client_that_gets_a_dead_client_s_port_gets_a_stream_of_its_own() -> None:
    asks = f"client.target={SERVER_HOST}:4444"
    with two_hosts() as (host, client_host):
        client_host.run(*ONE_PORT)
        _serve(host, "stream.stream_length=6s")
        killed = client_host.cts("client.toml", (asks, "stream.stream_length=6s"), console="lines")
        killed.wait_for_data()
        client_host.run("sleep", "1.7")
        killed.running.kill()
        killed.left()
        heir = client_host.cts("client.toml", (asks, "stream.stream_length=6s")).left()
        served = host.processes[0]
        served.stop()
        report = served.left().report
    assert (heir.status, heir.report["frames"]["completed"]) == (0, heir.report["streams"][0]["frames"]["completed"])
    assert heir.report["frames"]["dropped"] == 0
    results = [stream["result"] for stream in report["streams"]]
    assert results == ["Cancelled: its peer asked for another stream", "Succeeded"]
