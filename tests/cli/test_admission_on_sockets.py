"""What strangers get of a server on real sockets: nothing for anything, while a client that is trusted gets its stream."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Sequence

import pytest
from attrs import frozen

from tests.cli.running_cts import CLIENT, SERVER, Finished, Running, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on loopback")

START = b"START"
CONNECTION_ID = b"\0\1" + b"27a22e1f-549a-4e0c-a6f9-89c72ab6bc09" + b"\0"
JUNK = (b"", b"x", b"START!", b"\0" * 27, b"\x20\0" * 600, CONNECTION_ID)
STREAM = ("stream.stream_length=1s", "stream.buffer_depth=1s", "stream.bits_per_second=1M")
FRAMES = 30
STRANGERS = ("127.9.0.1", "127.9.0.2", "127.9.1.1")


@frozen
class Exchange:
    """What a peer sent and what came back to it, as bytes of UDP payload in each datagram."""

    sent: Sequence[int]
    came: Sequence[int]


@frozen
class Run:
    server: Finished
    client: Finished
    strangers: Sequence[Exchange]


def ip_bytes(sizes: Sequence[int]) -> int:
    return sum(sizes) + 28 * len(sizes)


def run(direction: str, *server_sets: str) -> Run:
    """Serve a client's stream while three strangers send START over and over, and whatever else."""
    port = free_port()
    sets = (*STREAM, f"stream.direction={direction}")
    serving = (*sets, f"server.listen=127.0.0.1:{port}", "run.grace=10s", *server_sets)
    with Running("run", SERVER, "--json", sets=serving) as server:
        server.wait_for_row()
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in STRANGERS]
        sent: list[list[int]] = [[] for _ in socks]
        came: list[list[int]] = [[] for _ in socks]
        for host, sock in zip(STRANGERS, socks, strict=True):
            sock.bind((host, 0))
            sock.setblocking(False)
        with Running("run", CLIENT, "--json", sets=(*sets, f"client.target=127.0.0.1:{port}")) as client:
            for datagram in [START, START, *JUNK] * 20:
                for sock, sizes in zip(socks, sent, strict=True):
                    sock.sendto(datagram, ("127.0.0.1", port))
                    sizes.append(len(datagram))
            measured = client.finish()
        server.interrupt()
        served = server.finish()
        for sock, sizes in zip(socks, came, strict=True):
            try:
                while True:
                    sizes.append(len(sock.recv(70_000)))
            except BlockingIOError:
                sock.close()
    return Run(served, measured, [Exchange(*each) for each in zip(sent, came, strict=True)])


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_strangers_get_nothing_for_anything_and_a_trusted_client_its_whole_stream(direction: str) -> None:
    ran = run(direction, 'server.original_clients=["127.0.0.1"]')
    assert [each.came for each in ran.strangers] == [[], [], []]
    measured = ran.client if direction == "pull" else ran.server
    assert measured.report["frames"]["completed"] == FRAMES
    assert ran.server.report["refused"]["START outside server.original_clients"] == 3 * 40
    assert re.search(r"127\.9\.\d\.\d asked for a stream and was refused", ran.server.stderr)


def test_push_who_is_trusted_and_sends_no_data_gets_no_more_than_three_times_its_bytes() -> None:
    ran = run("push", "server.original_clients=all")
    for each in ran.strangers:
        assert set(each.came) == {len(CONNECTION_ID)}
        assert ip_bytes(each.came) <= 3 * ip_bytes(each.sent)
        assert len(each.came) <= each.sent.count(len(START))
