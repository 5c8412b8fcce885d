"""What is read together from real sockets, and what a drain reads."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import closing

import pytest
import trio
import trio.testing

from cts.api import Address, DatagramBatch, IDatagramEndpoint
from cts.clock.system_pacer import SystemPacer
from cts.net.offload import detect_offload
from cts.net.udp_network import UdpNetwork
from tests.net.real_endpoints import BOTH, MS, until_arrived, views
from tests.net.test_udp import HEADER, PATIENCE_S, V4, Net, drain, net, until_stamped

__all__ = ["net"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the offloads are Linux's"),
    pytest.mark.skipif(detect_offload() != BOTH, reason="this kernel has no offloads"),
]


@pytest.fixture
def offloaded() -> Net:
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, BOTH), pacer)


async def batches_of(net: Net, payloads: Sequence[bytes]) -> list[tuple[int, int | None, int | None]]:
    """Send a run; return of each batch its datagrams, by how much it says its stamps grow, and by how much they do."""
    read: list[tuple[int, int | None, int | None]] = []

    def judge(local: Address, remote: Address, batch: DatagramBatch) -> None:
        plain = DatagramBatch(bytes(batch.data), batch.segment_size, batch.received_ns)
        read.append((len(batch), batch.stamp_step(), plain.stamp_step()))

    async with net.pair() as (listening, connected):
        listening.receive_into(judge)
        await connected.send_train(listening.local, HEADER, views(payloads))
        with trio.fail_after(PATIENCE_S):
            while sum(count for count, _, _ in read) < len(payloads):
                listening.drain()
                await trio.lowlevel.checkpoint()
    return read


async def test_equal_datagrams_are_one_uniform_batch(offloaded: Net) -> None:
    assert await batches_of(offloaded, [b"x" * 1374] * 40) == [(40, 0, 0)]


async def test_a_shorter_last_one_that_begins_like_the_others_is_uniform(offloaded: Net) -> None:
    assert await batches_of(offloaded, [b"x" * 1374] * 3 + [b"x"]) == [(4, 0, 0)]


@pytest.mark.parametrize("datagram", [0, 1, 19, 39, 40])
@pytest.mark.parametrize("at", [0, 99, 199])
async def test_one_byte_that_differs_is_not_uniform(offloaded: Net, datagram: int, at: int) -> None:
    payloads = [bytearray(b"x" * 200) for _ in range(41)]
    payloads[datagram][at] ^= 1
    assert await batches_of(offloaded, [bytes(payload) for payload in payloads]) == [(41, None, None)]


@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 1374])
async def test_one_datagram_alone_is_uniform(net: Net, payload: bytes) -> None:
    assert await batches_of(net, [payload]) == [(1, 0, 0)]


async def test_a_batch_keeps_to_its_own_length_in_a_buffer_that_held_more(offloaded: Net) -> None:
    for payloads in ([b"x" * 1000] * 60, [b"y" * 500, b"z" * 500], [b"x" * 700] * 3):
        ((count, said, true),) = await batches_of(offloaded, payloads)
        assert (count, said) == (len(payloads), true)


async def test_empty_datagrams_among_others_each_count(net: Net) -> None:
    words = [b"", b"a", b"", b"", b"bb", b""]
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        for word in words:
            await connected.send(listening.local, word)
        assert await drain(listening, inbox, len(words)) == words
        assert listening.statistics().datagrams == len(words)


async def test_one_drain_hands_over_all_that_had_arrived_before_it_returns(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        for number in range(100):
            await connected.send(listening.local, b"%d" % number)
        # What was sent to another socket later came later: once it is there, so is all of it.
        with closing(await net.network.listen(V4)) as marker:
            await connected_to(net, marker)
        listening.drain()
        assert inbox.datagrams == [b"%d" % number for number in range(100)]


async def connected_to(net: Net, marker: IDatagramEndpoint) -> None:
    with closing(await net.network.connect(marker.local)) as sending:
        await sending.send(marker.local, b"marker")
        await until_arrived(marker)


async def test_one_drain_hands_over_what_came_behind_a_refusal(net: Net) -> None:
    with closing(await net.network.listen(V4)) as first:
        address = first.local
        connected = await net.network.connect(address)
    with closing(connected):
        inbox = net.inbox(connected)
        await connected.send(address, b"anybody there?")
        with closing(await net.network.listen(address)) as second:
            await second.send(connected.local, b"now there is")
            await until_arrived(connected)
            connected.drain()
    assert inbox.datagrams == [b"now there is"]


async def test_drain_does_not_go_on_with_what_comes_while_it_drains(net: Net) -> None:
    taken: list[bytes] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering,
        closing(await net.network.listen(V4)) as listening,
    ):

        def take(local: Address, remote: Address, batch: DatagramBatch) -> None:
            taken.extend(bytes(each) for each in batch.datagrams())
            answering.sendto(b"once more", listening.local)

        listening.receive_into(take)
        answering.sendto(b"first", listening.local)
        await until_arrived(listening)
        listening.drain()
    assert 1 <= len(taken) < 100


async def test_a_handler_that_closes_while_draining_hears_no_more(net: Net) -> None:
    taken: list[int] = []
    async with net.pair() as (listening, connected):

        def take(local: Address, remote: Address, batch: DatagramBatch) -> None:
            taken.append(len(batch))
            listening.close()

        listening.receive_into(take)
        for _ in range(3):
            await connected.send(listening.local, b"different lengths"[: 5 + len(taken)])
            await connected.send(listening.local, b"longer ones too")
        await until_arrived(listening)
        listening.drain()
        assert len(taken) == 1
        assert net.network.statistics().datagrams == taken[0]


async def test_a_handler_may_close_another_endpoint_that_has_something_to_read(net: Net) -> None:
    taken: list[str] = []
    async with net.pair() as (first, to_first), net.pair() as (second, to_second):
        both = {"first": first, "second": second}

        def taker(name: str, other: str) -> None:
            def take(local: Address, remote: Address, batch: DatagramBatch) -> None:
                taken.append(name)
                both[other].close()

            both[name].receive_into(take)

        await to_first.send(first.local, b"one")
        await to_second.send(second.local, b"two")
        await until_arrived(first)
        await until_arrived(second)
        taker("first", "second")
        taker("second", "first")
        async with net.reading():
            with trio.fail_after(PATIENCE_S):
                while not taken:
                    await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
    assert len(taken) == 1


async def test_receive_times_keep_the_order_and_the_distance_of_arrivals(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await until_stamped(net, listening, connected, inbox)
        await connected.send(listening.local, b"early")
        await net.pacer.wait_until(net.pacer.now_ns() + 200 * MS)
        await connected.send(listening.local, b"late")
        await drain(listening, inbox, len(inbox.batches) + 2)
        *_, early, late = inbox.batches
        assert early.received_ns + 50 * MS < late.received_ns <= late.handed_over_ns
        assert early.received_ns <= early.handed_over_ns
