"""Sockets where the kernel, or a sandbox in its place, lacks options that Linux has."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable

import pytest
import trio

from cts.api import Address, DatagramBatch
from cts.clock.system_pacer import SystemPacer
from cts.net.libc import SO_RXQ_OVFL, SO_TIMESTAMPNS
from cts.net.udp_network import UdpNetwork
from cts.net.udp_socket import open_udp_socket, untold

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")

HERE = Address("127.0.0.1", 0)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Take options of sockets away."""
    lacking: set[int] = set()

    class Socket(socket.socket):
        def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
            if level == socket.SOL_SOCKET and option in lacking:
                raise OSError(errno.ENOPROTOOPT, "Protocol not available")
            super().setsockopt(level, option, value)

    monkeypatch.setattr(socket, "socket", Socket)
    return lacking.add


@pytest.mark.parametrize("option", [SO_TIMESTAMPNS, SO_RXQ_OVFL])
async def test_datagrams_are_received_where_the_kernel_tells_less_of_them(
    option: int, without: Callable[[int], None]
) -> None:
    without(option)
    network, came = UdpNetwork(SystemPacer()), trio.Event()

    def take(local: Address, remote: Address, batch: DatagramBatch) -> None:
        came.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(network.run)
        server = await network.listen(HERE)
        server.receive_into(take)
        client = await network.connect(server.local)
        await client.send(server.local, b"datagram")
        with trio.fail_after(60):
            await came.wait()
        nursery.cancel_scope.cancel()
    server.close()
    client.close()


@pytest.mark.parametrize("option", [SO_TIMESTAMPNS, SO_RXQ_OVFL])
def test_what_a_kernel_does_not_tell_is_said(option: int, without: Callable[[int], None]) -> None:
    assert untold() == []
    without(option)
    (text,) = untold()
    assert ("SO_TIMESTAMPNS" if option == SO_TIMESTAMPNS else "SO_RXQ_OVFL") in text


def test_where_no_socket_is_to_be_had_nothing_is_said_of_what_it_would_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **keywords: object) -> socket.socket:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    assert untold() == []


@pytest.mark.parametrize("when", ["shared", "shared_later"])
def test_a_kernel_on_which_processes_share_no_address_is_what_a_refusal_tells_of(
    when: str, without: Callable[[int], None]
) -> None:
    without(socket.SO_REUSEPORT)
    with pytest.raises(OSError, match=r"Protocol not available \(SO_REUSEPORT, without which run.processes is 1\)"):
        open_udp_socket(local=HERE, shared=when == "shared", shared_later=when == "shared_later")
