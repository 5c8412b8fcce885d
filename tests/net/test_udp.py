"""Real UDP sockets behind the contract of an endpoint: plain, and with the offloads that this kernel has."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import frozen

from cts.api import HEADER_SIZE, Address, DatagramBatch, EndpointStatistics, IDatagramEndpoint
from cts.clock.system_pacer import SystemPacer
from cts.net.addresses import resolve_listen
from cts.net.offload import Offload, detect_offload
from cts.net.udp_network import UdpNetwork

PATIENCE_S = 30
MS = 1_000_000
V4, V6 = Address("127.0.0.1", 0), Address("::1", 0)
FOREIGN = Address("192.0.2.1", 4444)
HEADER = bytes(range(HEADER_SIZE))
GREATEST = 65_500
"""The largest datagram that a stream may have."""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no receive time and no overflow")


@frozen
class Received:
    local: Address
    remote: Address
    datagrams: list[bytes]
    received_ns: int
    handed_over_ns: int


class Inbox:
    """A handler that keeps what it is handed."""

    def __init__(self, network: UdpNetwork, pacer: SystemPacer) -> None:
        self._network = network
        self._pacer = pacer
        self._news = trio.Event()
        self.batches: deque[Received] = deque()

    def __call__(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        datagrams = [bytes(datagram) for datagram in batch.datagrams()]
        assert len(batch) == len(datagrams)
        self.batches.append(Received(local, remote, datagrams, batch.received_ns, self._pacer.now_ns()))
        self._news.set()
        self._news = trio.Event()

    @property
    def datagrams(self) -> list[bytes]:
        return [datagram for batch in self.batches for datagram in batch.datagrams]

    async def wait_for(self, count: int) -> list[bytes]:
        with trio.fail_after(PATIENCE_S):
            while len(self.datagrams) < count:
                await self._news.wait()
        return self.datagrams


async def drain(endpoint: IDatagramEndpoint, inbox: Inbox, count: int) -> list[bytes]:
    """Drain until so many have been handed over: what was sent a moment ago may still be on its way through the kernel."""
    with trio.fail_after(PATIENCE_S):
        while len(inbox.datagrams) < count:
            endpoint.drain()
            await trio.lowlevel.checkpoint()
    return inbox.datagrams


@frozen
class Net:
    """A network, its clock, and somebody to read for it."""

    network: UdpNetwork
    pacer: SystemPacer

    def inbox(self, endpoint: IDatagramEndpoint) -> Inbox:
        inbox = Inbox(self.network, self.pacer)
        endpoint.receive_into(inbox)
        return inbox

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.network.run)
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def pair(self, local: Address = V4) -> AsyncIterator[tuple[IDatagramEndpoint, IDatagramEndpoint]]:
        """Open a bound endpoint and one that is connected to it."""
        with ExitStack() as stack:
            listening = stack.enter_context(closing(await self.network.listen(local)))
            yield listening, stack.enter_context(closing(await self.network.connect(listening.local)))


@pytest.fixture(params=["plain", "offloaded"])
def net(request: pytest.FixtureRequest) -> Net:
    offload = detect_offload() if request.param == "offloaded" else Offload()
    if request.param == "offloaded" and offload == Offload():
        pytest.skip("this kernel has no offloads")
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, offload), pacer)


@pytest.fixture(params=[V4, V6], ids=["v4", "v6"])
def anywhere(request: pytest.FixtureRequest) -> Address:
    address: Address = request.param
    return address


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


async def test_port_0_takes_a_free_one(net: Net, anywhere: Address) -> None:
    with closing(await net.network.listen(anywhere)) as endpoint:
        assert endpoint.local.host == anywhere.host
        assert endpoint.local.port > 0


async def test_a_datagram_arrives_whole_and_says_between_whom(net: Net, anywhere: Address) -> None:
    async with net.reading(), net.pair(anywhere) as (listening, connected):
        inbox = net.inbox(listening)
        assert await connected.send(listening.local, b"header", b" and payload") == 18
        assert await inbox.wait_for(1) == [b"header and payload"]
        assert (inbox.batches[0].local, inbox.batches[0].remote) == (listening.local, connected.local)


async def test_an_answer_reaches_the_peer(net: Net, anywhere: Address) -> None:
    async with net.reading(), net.pair(anywhere) as (listening, connected):
        asked, answered = net.inbox(listening), net.inbox(connected)
        await connected.send(listening.local, b"START")
        await asked.wait_for(1)
        await listening.send(asked.batches[0].remote, b"an id")
        assert await answered.wait_for(1) == [b"an id"]
        assert answered.batches[0].remote == listening.local


async def test_an_empty_datagram_is_a_datagram(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        assert await connected.send(listening.local, b"") == 0
        await connected.send(listening.local, b"next")
        assert await inbox.wait_for(2) == [b"", b"next"]


async def test_the_greatest_datagram_of_a_stream_passes_whole(net: Net, anywhere: Address) -> None:
    payload = os.urandom(GREATEST - len(HEADER))
    async with net.reading(), net.pair(anywhere) as (listening, connected):
        inbox = net.inbox(listening)
        assert await connected.send(listening.local, HEADER, payload) == GREATEST
        assert await inbox.wait_for(1) == [HEADER + payload]


async def test_segments_arrive_as_datagrams_in_order_each_behind_the_header(net: Net, anywhere: Address) -> None:
    payloads = [bytes([number]) * 1000 for number in range(9)] + [b"short"]
    async with net.reading(), net.pair(anywhere) as (listening, connected):
        inbox = net.inbox(listening)
        sent = await connected.send_train(listening.local, HEADER, [memoryview(payload) for payload in payloads])
        assert sent == sum(len(HEADER) + len(payload) for payload in payloads)
        assert await inbox.wait_for(10) == [HEADER + payload for payload in payloads]


async def test_segments_go_to_the_peer_that_is_named(net: Net, anywhere: Address) -> None:
    async with net.reading(), net.pair(anywhere) as (listening, connected):
        inbox = net.inbox(connected)
        await listening.send_train(connected.local, HEADER, [memoryview(b"one"), memoryview(b"two")])
        assert await inbox.wait_for(2) == [HEADER + b"one", HEADER + b"two"]


async def test_segments_take_a_header_of_any_length(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await connected.send_train(listening.local, b"short ", [memoryview(b"one"), memoryview(b"two")])
        assert await inbox.wait_for(2) == [b"short one", b"short two"]


async def test_the_buffers_of_a_send_may_be_used_again_at_once(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        header = bytearray(b"1")
        for number in b"123":
            header[0] = number
            await connected.send(listening.local, header)
        header[0] = 0
        assert await inbox.wait_for(3) == [b"1", b"2", b"3"]


async def test_a_connected_endpoint_hears_its_peer_alone(net: Net, stranger: socket.socket) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(connected)
        stranger.sendto(b"let me in", connected.local)
        await listening.send(connected.local, b"it is me")
        assert await inbox.wait_for(1) == [b"it is me"]


async def test_a_listening_endpoint_hears_everybody(net: Net, stranger: socket.socket) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        stranger.sendto(b"stranger", listening.local)
        await inbox.wait_for(1)
        await connected.send(listening.local, b"client")
        await inbox.wait_for(2)
        peers = [(batch.remote, batch.datagrams) for batch in inbox.batches]
        assert peers == [(Address(*stranger.getsockname()), [b"stranger"]), (connected.local, [b"client"])]


async def test_a_port_in_use_is_an_error(net: Net) -> None:
    with closing(await net.network.listen(V4)) as endpoint:
        with pytest.raises(OSError, match="in use") as caught:
            await net.network.listen(endpoint.local)
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_foreign_address_cannot_be_bound(net: Net) -> None:
    with pytest.raises(OSError, match="assign") as caught:
        await net.network.listen(FOREIGN)
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_every_address_of_both_families_can_be_bound_with_one_port(net: Net) -> None:
    async with net.pair(Address("0.0.0.0", 0)) as (v4, _):
        with closing(await net.network.listen(Address("::", v4.local.port))) as v6:
            assert v6.local == Address("::", v4.local.port)


async def test_drain_hands_over_what_has_come_though_nobody_reads(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await connected.send(listening.local, b"one")
        await connected.send(listening.local, b"two")
        assert await drain(listening, inbox, 2) == [b"one", b"two"]


async def test_drain_with_nothing_to_read_does_nothing(net: Net) -> None:
    async with net.pair() as (listening, _):
        listening.drain()
        inbox = net.inbox(listening)
        listening.drain()
        assert inbox.datagrams == []


async def test_what_came_before_there_was_a_handler_is_not_lost(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        await connected.send(listening.local, b"early")
        assert await net.inbox(listening).wait_for(1) == [b"early"]


async def until_stamped(net: Net, listening: IDatagramEndpoint, connected: IDatagramEndpoint, inbox: Inbox) -> None:
    """Send until the kernel stamps arrivals: it begins to some time after a first socket asked; until then, at the read."""
    stamped = False
    with trio.fail_after(PATIENCE_S):
        while not stamped:
            await connected.send(listening.local, b"stamped?")
            await net.pacer.wait_until(net.pacer.now_ns() + 5 * MS)
            reading_ns = net.pacer.now_ns()
            await drain(listening, inbox, len(inbox.datagrams) + 1)
            stamped = inbox.batches[-1].received_ns < reading_ns - MS


@linux_only
async def test_a_datagram_that_is_read_late_has_the_time_of_its_arrival(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await until_stamped(net, listening, connected, inbox)
        before_ns = net.pacer.now_ns()
        await connected.send(listening.local, b"on time")
        sent_ns = net.pacer.now_ns()
        await net.pacer.wait_until(sent_ns + 50 * MS)
        await drain(listening, inbox, len(inbox.datagrams) + 1)
        *_, batch = inbox.batches
        assert before_ns - 5 * MS < batch.received_ns < sent_ns + 5 * MS


async def test_no_datagram_is_received_later_than_it_is_handed_over(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        for _ in range(20):
            await connected.send(listening.local, b"now")
        await inbox.wait_for(20)
        assert all(batch.received_ns <= batch.handed_over_ns for batch in inbox.batches)


async def test_a_peer_that_is_not_there_is_no_error(net: Net) -> None:
    with closing(await net.network.listen(V4)) as gone:
        nobody = gone.local
    async with net.reading():
        with closing(await net.network.connect(nobody)) as connected:
            inbox = net.inbox(connected)
            for _ in range(5):
                assert await connected.send(nobody, b"START") == 5
                connected.drain()
            await trio.testing.wait_all_tasks_blocked()
            assert inbox.datagrams == []


@linux_only
async def test_a_read_counts_what_the_network_says_of_a_peer_that_is_not_there(net: Net) -> None:
    with closing(await net.network.listen(V4)) as gone:
        nobody = gone.local
    with closing(await net.network.connect(nobody)) as connected:
        net.inbox(connected)
        await connected.send(nobody, b"START")
        with trio.fail_after(PATIENCE_S):
            while not connected.statistics().unreachable:
                connected.drain()
                await trio.lowlevel.checkpoint()
        assert connected.statistics().unreachable == 1
        assert net.network.statistics().unreachable == 1
    assert net.network.statistics().unreachable == 1


@linux_only
async def test_a_send_counts_what_the_network_says_of_a_peer_that_is_not_there(net: Net) -> None:
    with closing(await net.network.listen(V4)) as gone:
        nobody = gone.local
    with closing(await net.network.connect(nobody)) as connected:
        sent = 0
        with trio.fail_after(PATIENCE_S):
            while not connected.statistics().unreachable:
                await connected.send(nobody, b"START")
                sent += 1
        assert connected.statistics().unreachable == 1
        assert sent > 1


async def test_what_refuses_a_send_for_good_is_not_counted_as_an_icmp_error(net: Net) -> None:
    with closing(await net.network.listen(V4)) as listening:
        with pytest.raises(PermissionError):
            await listening.send(Address("255.255.255.255", 9), b"START")
        assert listening.statistics().unreachable == 0


async def test_a_peer_that_comes_back_is_heard(net: Net) -> None:
    with closing(await net.network.listen(V4)) as first:
        address = first.local
        connected = await net.network.connect(address)
    async with net.reading():
        with closing(connected):
            inbox = net.inbox(connected)
            await connected.send(address, b"anybody there?")
            with closing(await net.network.listen(address)) as second:
                await second.send(connected.local, b"again")
                assert await inbox.wait_for(1) == [b"again"]


async def test_statistics_count_datagrams(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await connected.send_train(listening.local, HEADER, [memoryview(b"12345")] * 7)
        await drain(listening, inbox, 7)
        assert listening.statistics().datagrams == 7
        assert connected.statistics().datagrams == 0


async def test_statistics_keep_what_closed_endpoints_counted(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await connected.send(listening.local, b"one")
        await drain(listening, inbox, 1)
        listening.close()
        assert net.network.statistics().datagrams == 1


@linux_only
async def test_what_the_kernel_dropped_is_counted(net: Net) -> None:
    sent = 400
    async with net.pair() as (listening, connected):
        net.inbox(listening)
        for _ in range(sent):
            await connected.send(listening.local, HEADER, bytes(GREATEST - len(HEADER)))
        # Nothing more comes that could tell of it, and closing loses nothing.
        overflowed = listening.statistics().overflowed
        assert overflowed
        listening.drain()
        assert listening.statistics() == EndpointStatistics(sent - overflowed, overflowed)
    assert net.network.statistics().overflowed == overflowed


@linux_only
async def test_what_was_dropped_while_nobody_looked_is_counted_when_the_socket_is_closed(net: Net) -> None:
    async with net.pair() as (listening, connected):
        for _ in range(400):
            await connected.send(listening.local, HEADER, bytes(GREATEST - len(HEADER)))
    assert net.network.statistics().overflowed > 0


async def test_after_close_nothing_is_handed_over(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        inbox = net.inbox(listening)
        await connected.send(listening.local, b"too late")
        listening.close()
        listening.drain()
        await trio.testing.wait_all_tasks_blocked()
        assert inbox.datagrams == []


async def test_closing_twice_is_harmless(net: Net) -> None:
    async with net.pair() as (listening, _):
        net.inbox(listening)
        listening.close()
        listening.close()
        assert net.network.statistics().datagrams == 0


async def test_an_endpoint_may_be_closed_when_nobody_reads_any_more(net: Net) -> None:
    async with net.pair() as (listening, _):
        async with net.reading():
            net.inbox(listening)
        listening.close()


async def test_a_handler_may_close_its_own_endpoint(net: Net) -> None:
    async with net.reading(), net.pair() as (listening, connected):
        heard: list[bytes] = []

        def take_one(local: Address, remote: Address, batch: DatagramBatch) -> None:
            heard.extend(bytes(datagram) for datagram in batch.datagrams())
            listening.close()

        await connected.send(listening.local, b"last words")
        await connected.send(listening.local, b"and some longer ones after them")
        listening.receive_into(take_one)
        with trio.fail_after(PATIENCE_S):
            while not heard:
                await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert heard == [b"last words"]


def checksum(data: bytes) -> int:
    """Add up 16-bit words as RFC 1071 does."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def report_unreachable(code: int, source: Address, destination: Address, mtu: int = 0) -> None:
    """Tell ``source`` by ICMP (RFC 792, RFC 1191) that a datagram of its to ``destination`` did not get there."""
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, socket.IPPROTO_UDP, 0)
    ip += socket.inet_aton(source.host) + socket.inet_aton(destination.host)
    udp = struct.pack("!HHHH", source.port, destination.port, 8, 0)
    rest = struct.pack("!HH", 0, mtu) + ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + udp
    message = struct.pack("!BB", 3, code)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.sendto(message + struct.pack("!H", checksum(message + b"\0\0" + rest)) + rest, (source.host, 0))


def may_send_icmp() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not may_send_icmp(), reason="to forge ICMP takes a privilege")
@pytest.mark.parametrize("code", [1, 2, 3, 10, 13], ids=lambda code: f"code {code}")
async def test_nothing_that_icmp_says_stops_the_reading(net: Net, code: int) -> None:
    # A firewall that rejects says "host prohibited" (10) or "administratively prohibited" (13); anybody can forge either.
    async with net.reading(), net.pair() as (listening, connected):
        theirs, ours = net.inbox(listening), net.inbox(connected)
        await connected.send(listening.local, b"START")
        await theirs.wait_for(1)
        await trio.testing.wait_all_tasks_blocked()
        report_unreachable(code, connected.local, listening.local)
        await trio.testing.wait_all_tasks_blocked()
        await listening.send(connected.local, b"an id")
        assert await ours.wait_for(1) == [b"an id"]


def link_local_addresses() -> list[str]:
    path = Path("/proc/net/if_inet6")
    fields = [line.split() for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []
    hosts = [(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line[0])), line[5]) for line in fields]
    return [f"{host}%{interface}" for host, interface in hosts if host.startswith("fe80:")]


@pytest.mark.skipif(not link_local_addresses(), reason="no interface here has a link-local address")
async def test_link_local_addresses_work_both_ways(net: Net) -> None:
    (address,) = await resolve_listen([(link_local_addresses()[0], 0)])
    async with net.reading(), net.pair(address) as (listening, connected):
        asked, answered = net.inbox(listening), net.inbox(connected)
        await connected.send(listening.local, b"START")
        await asked.wait_for(1)
        assert "%" in asked.batches[0].remote.host
        await listening.send(asked.batches[0].remote, b"an id")
        assert await answered.wait_for(1) == [b"an id"]
