"""Small datagrams that go at once or not at all, and what a send does in their place, over real sockets."""

from __future__ import annotations

import errno
import sys
from contextlib import closing

import pytest
import trio

from cts.api import Address
from cts.net.offload import OffloadedEndpoint
from tests.net.real_endpoints import refusing_sends, socket_of
from tests.net.test_udp import PATIENCE_S, V4, V6, Net, anywhere, drain, net

__all__ = ["anywhere", "net"]

ANSWER = b"39 bytes at the most"


async def test_what_goes_arrives_whole_whether_the_socket_is_bound_or_connected(net: Net, anywhere: Address) -> None:
    async with net.pair(anywhere) as (listening, connected):
        theirs, ours = net.inbox(listening), net.inbox(connected)
        assert connected.try_send(listening.local, b"START")
        assert listening.try_send(connected.local, ANSWER)
        assert await drain(listening, theirs, 1) == [b"START"]
        assert await drain(connected, ours, 1) == [ANSWER]


async def test_strangers_leave_nothing_behind_on_a_server(net: Net) -> None:
    with closing(await net.network.listen(V4)) as listening:
        for number in range(20):
            assert listening.try_send(Address(f"127.0.0.{number + 1}", 9), ANSWER)
        if isinstance(listening, OffloadedEndpoint):
            assert listening._sockaddrs == {}


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS])
async def test_nothing_goes_while_it_would_have_to_wait(net: Net, number: int) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(connected)
        with refusing_sends(listening, number, number):
            assert not listening.try_send(connected.local, b"first")
            assert not listening.try_send(connected.local, b"second")
            assert listening.try_send(connected.local, b"third")
        assert await drain(connected, inbox, 1) == [b"third"]


async def test_a_send_waits_out_an_interface_whose_queue_has_no_room(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        with refusing_sends(connected, errno.ENOBUFS, errno.ENOBUFS):
            assert await connected.send(listening.local, b"START") == 5
        assert await drain(listening, inbox, 1) == [b"START"]
        assert connected.statistics().unreachable == 0


async def test_nothing_goes_through_a_closed_endpoint_even_where_its_descriptor_is_another_s(net: Net) -> None:
    async with net.pair() as (listening, _):
        inbox = net.inbox(listening)
        closed = await net.network.connect(listening.local)
        number = socket_of(closed).fileno()
        closed.close()
        with closing(await net.network.connect(listening.local)) as other:
            assert socket_of(other).fileno() == number
            assert not closed.try_send(listening.local, b"not mine")
            assert other.try_send(listening.local, b"mine")
            assert await drain(listening, inbox, 1) == [b"mine"]


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        pytest.param(V4, Address("255.255.255.255", 9), id="a broadcast"),
        pytest.param(V4, Address("::1", 9), id="another family"),
        pytest.param(V4, Address("fe80::1%1", 9), id="another family with a zone"),
        pytest.param(V6, Address("192.0.2.1", 9), id="IPv4 from an IPv6 socket"),
        pytest.param(V6, Address("fe80::1%nowhere", 9), id="an interface that is not there"),
        pytest.param(V6, Address("fe80::1%99999999999", 9), id="a zone that is no number of one"),
        pytest.param(V4, Address("127.0.0.1", 65_536), id="no port"),
    ],
)
async def test_what_cannot_be_reached_is_no_error(net: Net, local: Address, remote: Address) -> None:
    with closing(await net.network.listen(local)) as endpoint:
        assert not endpoint.try_send(remote, ANSWER)
        assert endpoint.statistics().unreachable == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems may not tell a send of it")
async def test_what_icmp_says_of_an_earlier_datagram_is_counted_and_keeps_none_back(net: Net) -> None:
    with closing(await net.network.listen(V4)) as gone:
        nobody = gone.local
    with closing(await net.network.connect(nobody)) as connected, trio.fail_after(PATIENCE_S):
        while not connected.statistics().unreachable:
            assert connected.try_send(nobody, b"START")
            await trio.lowlevel.checkpoint()
