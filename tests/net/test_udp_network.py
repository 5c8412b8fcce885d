"""What endpoints share and leave behind: ports, statistics, descriptors."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
import trio
import trio.testing

from cts.api import Address
from cts.clock.system_pacer import SystemPacer
from cts.net.offload import OffloadedEndpoint, detect_offload
from cts.net.udp_network import UdpNetwork
from tests.net.real_endpoints import BOTH, views
from tests.net.test_udp import HEADER, PATIENCE_S, V4, V6, Net, drain, net
from tests.open_descriptors import open_descriptors

__all__ = ["net"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the offloads are Linux's"),
    pytest.mark.skipif(detect_offload() != BOTH, reason="this kernel has no offloads"),
]


@pytest.fixture
def offloaded() -> Net:
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, BOTH), pacer)


async def test_two_networks_may_share_a_port(net: Net) -> None:
    ways = [UdpNetwork(net.pacer, net.network.offload, shared=True) for _ in range(2)]
    with closing(await ways[0].listen(V4)) as first, closing(await ways[1].listen(first.local)) as second:
        assert second.local == first.local
        inboxes = [net.inbox(first), net.inbox(second)]
        with closing(await net.network.connect(first.local)) as client:
            for number in b"12345":
                await client.send(first.local, bytes([number]))
            with trio.fail_after(PATIENCE_S):
                while sum(len(inbox.datagrams) for inbox in inboxes) < 5:
                    first.drain()
                    second.drain()
                    await trio.lowlevel.checkpoint()
        # One peer always reaches the same one.
        assert sorted(inbox.datagrams for inbox in inboxes) == [[], [b"1", b"2", b"3", b"4", b"5"]]
        with pytest.raises(OSError, match="in use"):
            await net.network.listen(first.local)


async def test_statistics_add_up_open_and_closed_endpoints(net: Net) -> None:
    async with net.pair() as (listening, connected), net.pair() as (other, to_other):
        inboxes = net.inbox(listening), net.inbox(other)
        await connected.send_train(listening.local, HEADER, views([b"x"] * 5))
        await to_other.send(other.local, b"y")
        await drain(listening, inboxes[0], 5)
        await drain(other, inboxes[1], 1)
        assert net.network.statistics().datagrams == 6
        listening.close()
        listening.close()
        assert net.network.statistics().datagrams == 6
    assert net.network.statistics().datagrams == 6


@contextmanager
def no_descriptor_is_left() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert not open_descriptors() - before


async def test_no_descriptor_is_left_behind(net: Net) -> None:
    async with net.reading():
        await trio.testing.wait_all_tasks_blocked()
        with no_descriptor_is_left():
            for address in (V4, V6) * 5:
                async with net.pair(address) as (listening, connected):
                    net.inbox(listening)
                    net.inbox(connected)
                    await connected.send_train(listening.local, HEADER, views([b"x", b"y"]))
                    with suppress(OSError):
                        await net.network.listen(listening.local)
            with suppress(OSError):
                await net.network.listen(Address("192.0.2.1", 0))
            with suppress(OSError):
                await net.network.connect(Address("255.255.255.255", 9))


async def test_an_endpoint_that_cannot_be_offloaded_leaves_no_descriptor(
    offloaded: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: OffloadedEndpoint, *arguments: object, **keywords: object) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    opened: list[socket.socket] = []

    def remember(**arguments: object) -> socket.socket:
        opened.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        return opened[0]

    monkeypatch.setattr(OffloadedEndpoint, "__init__", refuse)
    monkeypatch.setattr("cts.net.udp_network.open_udp_socket", remember)
    with pytest.raises(OSError, match="not available"):
        await offloaded.network.listen(V4)
    left_open = opened[0].fileno()
    opened[0].close()
    assert left_open == -1


async def test_how_long_a_datagram_lay_unread_is_told_once(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        net.network.take_read_delay_ns()
        await connected.send(listening.local, b"x")
        await drain(listening, inbox, 1)
        (batch,) = inbox.batches
        assert 0 < net.network.take_read_delay_ns() <= batch.handed_over_ns - batch.received_ns
        assert net.network.take_read_delay_ns() == 0
