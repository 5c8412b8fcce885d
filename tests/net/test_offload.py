"""What is sent in runs over real sockets arrives as the same datagrams, with the offloads and without."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import ExitStack, closing
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cts.api import HEADER_SIZE, Address
from cts.clock.system_pacer import SystemPacer
from cts.net.offload import Offload, OffloadedEndpoint, detect_offload
from cts.net.segmentation import SegmentedSender
from cts.net.udp_network import UdpNetwork
from cts.protocol.trains import DATAGRAMS_PER_TRAIN
from tests.net.real_endpoints import BOTH, socket_of, views
from tests.net.test_udp import GREATEST, HEADER, PATIENCE_S, V4, Net, anywhere, drain, net

__all__ = ["anywhere", "net"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the offloads are Linux's"),
    pytest.mark.skipif(detect_offload() != BOTH, reason="this kernel has no offloads"),
]


@pytest.fixture
def offloaded() -> Net:
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, BOTH), pacer)


def test_what_this_kernel_can_is_said() -> None:
    assert str(BOTH) == "UDP_SEGMENT and UDP_GRO"
    assert str(Offload(sends=True)) == "UDP_SEGMENT"
    assert str(Offload()) == "none: one datagram per call"


@pytest.mark.parametrize(
    ("offload", "limit"), [(None, 1), (Offload(), 1), (BOTH, DATAGRAMS_PER_TRAIN), (Offload(receives=True), 1)], ids=str
)
async def test_the_segment_limit_says_what_one_call_takes(offload: Offload | None, limit: int) -> None:
    with closing(await UdpNetwork(SystemPacer(), offload).listen(V4)) as endpoint:
        assert endpoint.segment_limit == limit


async def test_sends_alone_may_be_offloaded() -> None:
    with closing(await UdpNetwork(SystemPacer(), Offload(sends=True)).listen(V4)) as endpoint:
        assert endpoint.segment_limit == DATAGRAMS_PER_TRAIN


# Runs


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(size=st.integers(0, 1400), count=st.integers(1, 40), last=st.floats(0, 1), fill=st.integers(0, 255))
def test_whatever_run_is_sent_arrives_as_the_same_datagrams_over_both(
    size: int, count: int, last: float, fill: int
) -> None:
    payloads = [bytes([(fill + number) % 256]) * size for number in range(count - 1)] + [b"z" * int(size * last)]

    async def arrived(offload: Offload) -> list[bytes]:
        pacer = SystemPacer()
        net = Net(UdpNetwork(pacer, offload), pacer)
        async with net.pair() as (listening, connected):
            inbox = net.inbox(listening)
            assert await connected.send_train(listening.local, HEADER, views(payloads)) == sum(
                HEADER_SIZE + len(payload) for payload in payloads
            )
            return await drain(listening, inbox, count)

    expected = [HEADER + payload for payload in payloads]
    assert trio.run(arrived, Offload()) == expected
    assert trio.run(arrived, BOTH) == expected


async def test_one_datagram_of_the_greatest_size_is_a_run(net: Net, anywhere: Address) -> None:
    async with net.pair(anywhere) as (listening, connected):
        inbox = net.inbox(listening)
        payload = bytes(range(250)) * 262
        sent = await connected.send_train(listening.local, HEADER, views([payload[: GREATEST - HEADER_SIZE]]))
        assert sent == GREATEST
        assert await drain(listening, inbox, 1) == [HEADER + payload[: GREATEST - HEADER_SIZE]]


@pytest.mark.parametrize(("count", "size"), [(100, 20), (60, 1374), (0, 0)], ids=["many", "long", "none"])
async def test_a_run_may_be_more_than_one_call_takes(net: Net, count: int, size: int) -> None:
    payloads = [bytes([number]) * size for number in range(count)]
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        assert await connected.send_train(listening.local, HEADER, views(payloads)) == count * (HEADER_SIZE + size)
        assert await drain(listening, inbox, count) == [HEADER + payload for payload in payloads]


async def test_the_sequence_of_payloads_may_be_used_again_at_once(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        payloads: list[memoryview] = []
        for words in ([b"one", b"two"], [b"three", b"four."]):
            payloads[:] = views(words)
            await connected.send_train(listening.local, HEADER, payloads)
        assert await drain(listening, inbox, 4) == [HEADER + word for word in (b"one", b"two", b"three", b"four.")]


async def test_the_bytes_of_payloads_may_be_used_again_at_once(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        buffer = bytearray(b"first")
        payloads = [memoryview(buffer).toreadonly()] * 2
        await connected.send_train(listening.local, HEADER, payloads)
        buffer[:] = b"again"
        await connected.send_train(listening.local, HEADER, payloads)
        expected = [HEADER + word for word in (b"first", b"first", b"again", b"again")]
        assert await drain(listening, inbox, 4) == expected


async def test_a_listening_endpoint_sends_runs_to_peers_in_turn(net: Net, anywhere: Address) -> None:
    payloads = views([b"one", b"two"])
    async with net.pair(anywhere) as (listening, first):
        with closing(await net.network.connect(listening.local)) as second:
            inboxes = net.inbox(first), net.inbox(second)
            for header in (b"1" * HEADER_SIZE, b"2" * HEADER_SIZE):
                for peer in (first, second):
                    await listening.send_train(peer.local, header, payloads)
            for peer, inbox in zip((first, second), inboxes, strict=True):
                expected = [bytes([header]) * HEADER_SIZE + word for header in b"12" for word in (b"one", b"two")]
                assert await drain(peer, inbox, 4) == expected


async def test_a_run_to_a_peer_that_is_not_there_is_no_error(net: Net) -> None:
    with closing(await net.network.listen(V4)) as gone:
        nobody = gone.local
    async with net.reading():
        with closing(await net.network.connect(nobody)) as connected:
            said: list[str] = []
            net.network.say = said.append
            inbox = net.inbox(connected)
            for _ in range(5):
                assert await connected.send_train(nobody, HEADER, views([b"one", b"two"])) == 2 * HEADER_SIZE + 6
            await trio.testing.wait_all_tasks_blocked()
            assert inbox.datagrams == []
            assert said == []


async def test_a_closed_endpoint_sends_nothing_even_where_its_descriptor_is_another_s(net: Net) -> None:
    async with net.pair() as (listening, other):
        inbox = net.inbox(listening)
        closed = await net.network.connect(listening.local)
        number = socket_of(closed).fileno()
        closed.close()
        os.dup2(socket_of(other).fileno(), number)
        try:
            with pytest.raises(OSError, match="Bad file descriptor"):
                await closed.send_train(listening.local, HEADER, views([b"one", b"two"]))
        finally:
            os.close(number)
        await other.send(listening.local, b"mine")
        assert await drain(listening, inbox, 1) == [b"mine"]


async def test_a_datagram_that_udp_cannot_carry_is_an_error(net: Net) -> None:
    payload = memoryview(bytes(65_507 - HEADER_SIZE + 1))
    async with net.pair() as (listening, connected):
        with pytest.raises(OSError, match="too long") as caught:
            await connected.send(listening.local, HEADER, payload)
        assert caught.value.errno == errno.EMSGSIZE


async def test_a_run_with_a_datagram_that_udp_cannot_carry_is_the_same_error(net: Net) -> None:
    payload = memoryview(bytes(65_507 - HEADER_SIZE + 1))
    async with net.pair() as (listening, connected):
        with pytest.raises(OSError, match="too long") as caught:
            await connected.send_train(listening.local, HEADER, [payload])
        assert caught.value.errno == errno.EMSGSIZE


# At once


async def test_messages_that_go_at_once_arrive_as_the_same_datagrams(net: Net, anywhere: Address) -> None:
    runs = tuple(tuple(views(words)) for words in ([b"one", b"two", b"3"], [b"four"]))
    async with net.pair(anywhere) as (listening, first):
        with closing(await net.network.connect(listening.local)) as second:
            inboxes = net.inbox(first), net.inbox(second)
            messages = [
                (peer.local, bytes([number]) * HEADER_SIZE, run)
                for number, run in enumerate(runs)
                for peer in (first, second)
            ]
            gone = listening.send_now(messages)
            assert gone == (len(messages) if listening.segment_limit > 1 else 0)
            for remote, header, run in messages[gone:]:
                await listening.send_train(remote, header, run)
            expected = [b"\0" * HEADER_SIZE + word for word in (b"one", b"two", b"3")] + [b"\1" * HEADER_SIZE + b"four"]
            for peer, inbox in zip((first, second), inboxes, strict=True):
                assert await drain(peer, inbox, 4) == expected


async def test_nothing_goes_at_once_that_a_send_would_have_to_see_to(offloaded: Net) -> None:
    too_long = (memoryview(bytes(65_507 - HEADER_SIZE + 1)),)
    unequal = tuple(views([b"one", b"four"]))
    async with offloaded.pair() as (listening, connected):
        for run in (too_long, unequal):
            assert connected.send_now([(listening.local, HEADER, run)]) == 0
        assert connected.send_now([(listening.local, HEADER + b"!", tuple(views([b"one"])))]) == 0
        connected.close()
        assert connected.send_now([(listening.local, HEADER, tuple(views([b"one"])))]) == 0


@pytest.mark.parametrize("at_once", [True, False])
async def test_runs_to_a_peer_that_is_not_there_are_counted_as_what_the_network_says_of_it(
    offloaded: Net, at_once: bool
) -> None:
    with closing(await offloaded.network.listen(V4)) as gone:
        nobody = gone.local
    run = tuple(views([b"one", b"two"]))
    with closing(await offloaded.network.connect(nobody)) as connected:
        with trio.fail_after(PATIENCE_S):
            while not connected.statistics().unreachable:
                if at_once:
                    assert connected.send_now([(nobody, HEADER, run)]) == 1
                else:
                    assert await connected.send_train(nobody, HEADER, run) == 2 * HEADER_SIZE + 6
        assert connected.statistics().unreachable == 1


async def test_streams_that_share_a_socket_wait_together_while_its_send_buffer_is_full(
    offloaded: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with offloaded.pair() as (listening, first):
        with closing(await offloaded.network.connect(listening.local)) as second:
            inboxes = offloaded.inbox(first), offloaded.inbox(second)
            send = SegmentedSender.send
            full = True

            def attempt(*arguments: Any) -> int:
                if full:
                    raise BlockingIOError(errno.EAGAIN, "full")
                return send(*arguments)

            monkeypatch.setattr(SegmentedSender, "send", attempt)
            monkeypatch.setattr(trio.lowlevel, "wait_writable", waiting := Waiting())
            async with trio.open_nursery() as nursery:
                for peer in (first, second):
                    nursery.start_soon(listening.send_train, peer.local, HEADER, tuple(views([b"one", b"two"])))
                await trio.testing.wait_all_tasks_blocked()
                full = False
                waiting.over.set()
            for peer, inbox in zip((first, second), inboxes, strict=True):
                assert await drain(peer, inbox, 2) == [HEADER + b"one", HEADER + b"two"]


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> int:
    kept = 3
    monkeypatch.setattr("cts.net.offload._PEERS_KEPT", kept)
    return kept


async def test_a_server_keeps_the_addresses_of_so_many_peers_that_it_sends_to_and_no_more(
    offloaded: Net, few_kept: int
) -> None:
    train = tuple(views([b"one", b"two"]))
    with closing(await offloaded.network.listen(V4)) as listening, ExitStack() as stack:
        assert isinstance(listening, OffloadedEndpoint)
        for _ in range(3 * few_kept):
            peer = stack.enter_context(closing(await offloaded.network.connect(listening.local)))
            inbox = offloaded.inbox(peer)
            await listening.send_train(peer.local, HEADER, train)
            assert await drain(peer, inbox, 2) == [HEADER + b"one", HEADER + b"two"]
            assert len(listening._sockaddrs) <= few_kept


async def test_a_server_keeps_the_addresses_of_so_many_peers_that_it_hears_and_no_more(
    offloaded: Net, few_kept: int
) -> None:
    with closing(await offloaded.network.listen(V4)) as listening, ExitStack() as stack:
        assert isinstance(listening, OffloadedEndpoint)
        inbox = offloaded.inbox(listening)
        for number in range(3 * few_kept):
            peer = stack.enter_context(closing(await offloaded.network.connect(listening.local)))
            await peer.send(listening.local, b"START")
            await drain(listening, inbox, number + 1)
            assert inbox.batches[-1].remote == peer.local
            assert len(listening._addresses) <= few_kept


class Waiting:
    """Stands in for ``wait_writable``: loopback never fills a send buffer. Like trio's, it takes one task at a time."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self._taken = False

    async def __call__(self, sock: object) -> None:
        if self._taken:
            raise trio.BusyResourceError("another task is already waiting for this socket")
        self._taken = True
        try:
            await self.over.wait()
        finally:
            self._taken = False


async def test_a_path_that_refuses_segments_after_a_wait_is_told_with_its_own_reason(
    offloaded: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([ConnectionRefusedError(errno.ECONNREFUSED, "news"), OSError(errno.EINVAL, "no segments here")])

    def refuse(*arguments: object) -> int:
        raise next(answers)

    async with offloaded.pair() as (listening, connected):
        said: list[str] = []
        offloaded.network.say = said.append
        inbox = offloaded.inbox(listening)
        monkeypatch.setattr(SegmentedSender, "send", refuse)
        await connected.send_train(listening.local, HEADER, tuple(views([b"one", b"two"])))
        assert await drain(listening, inbox, 2) == [HEADER + b"one", HEADER + b"two"]
        assert said == [
            f"the path to {listening.local} refused segmented sends (no segments here): one datagram per call there"
        ]
