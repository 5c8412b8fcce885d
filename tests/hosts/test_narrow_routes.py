"""A route of a small MTU to one client slows that one's stream, and nobody else's."""

from __future__ import annotations

from tests.hosts.namespaces import CLIENT_HOST, SERVER_HOST, needs_namespaces, two_hosts

STREAM = ("stream.stream_length=2s", "stream.bits_per_second=100 Mbit/s", "stream.buffer_depth=500ms")
SECOND_CLIENT_HOST = "10.9.0.3"


@needs_namespaces
def test_the_peer_whose_route_is_narrow_is_named_when_it_refuses_and_every_frame_arrives() -> None:
    with two_hosts() as (host, client_host):
        client_host.ip("address", "add", f"{SECOND_CLIENT_HOST}/24", "dev", "cable")
        host.ip("route", "add", f"{SECOND_CLIENT_HOST}/32", "dev", "cable", "mtu", "1280")
        server = host.cts(
            "server.toml", (*STREAM, f"server.listen={SERVER_HOST}:4444", "server.server_exit_limit=2"), console="lines"
        )
        server.wait_for("UDP_SEGMENT")
        client_host.ip("route", "add", f"{SERVER_HOST}/32", "dev", "cable", "src", SECOND_CLIENT_HOST)
        narrow = client_host.cts("client.toml", (*STREAM, f"client.target={SERVER_HOST}:4444"), console="lines")
        said = server.wait_for("refused segmented sends")
        client_host.ip("route", "delete", f"{SERVER_HOST}/32")
        wide = client_host.cts("client.toml", (*STREAM, f"client.target={SERVER_HOST}:4444"))
        reports = [each.left().report for each in (narrow, wide)]
        rest = server.left().stderr
    assert f"the path to {SECOND_CLIENT_HOST}:" in said
    assert "refused" not in rest
    (slow,), (fast,) = (report["streams"] for report in reports)
    assert slow["local"].startswith(SECOND_CLIENT_HOST)
    assert fast["local"].startswith(CLIENT_HOST)
    assert [report["frames"]["completed"] for report in reports] == [60, 60]
