"""A sender whose interface goes down for a while goes on at its schedule, and says what it could not send."""

from __future__ import annotations

from tests.hosts.namespaces import SERVER_HOST, needs_namespaces, two_hosts

STREAM = ("stream.direction=push", "stream.stream_length=2s", "stream.buffer_depth=500ms")


@needs_namespaces
def test_frames_that_are_due_while_the_interface_is_down_are_unsent_and_those_after_it_arrive() -> None:
    with two_hosts() as (host, client_host):
        server = host.cts(
            "server.toml", (*STREAM, f"server.listen={SERVER_HOST}:4444", "server.server_exit_limit=1"), console="lines"
        )
        server.wait_for("offload")
        client = client_host.cts(
            "client.toml", (*STREAM, f"client.target={SERVER_HOST}:4444", "output.status_update=100ms"), console="lines"
        )
        client.wait_for_data()
        client_host.ip("link", "set", "cable", "down")
        client.wait_for("could not be sent: Network is unreachable")
        client_host.ip("link", "set", "cable", "up")
        sent, received = client.left(), server.left()
    assert (sent.status, received.status) == (0, 0)
    (unsent,) = sent.report["unsent"].values()
    frames = received.report["frames"]
    assert 0 < unsent["frames"] < 60
    assert frames["completed"] + frames["dropped"] == 60
    # What was on its way when the interface went down is lost; at most a frame or two.
    assert unsent["frames"] <= frames["dropped"] <= unsent["frames"] + 2
