"""What ICMP says to a socket without a peer: told of whom, counted once, and taken for nobody else's refusal."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import pairwise

import pytest
import trio
import trio.testing

from cts.api import HEADER_SIZE, Address, IDatagramEndpoint
from cts.clock.system_pacer import SystemPacer
from cts.net.error_queue import says_unreachable
from cts.net.offload import Offload, OffloadedEndpoint, detect_offload
from cts.net.udp_network import UdpNetwork
from cts.protocol.trains import TRAINS_AT_ONCE
from tests.net.real_endpoints import refusing_sends, socket_of, until_arrived, views
from tests.net.test_udp import HEADER, PATIENCE_S, V4, V6, Net, may_send_icmp, report_unreachable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has error queues")
TRAIN = tuple(views([b"one", b"two"]))
FOREIGN_NEWS = 50
AT_ONCE = 256
FLOOD = 700


@pytest.fixture(params=["plain", "offloaded"])
def net(request: pytest.FixtureRequest) -> Net:
    offload = detect_offload() if request.param == "offloaded" else Offload()
    if request.param == "offloaded" and not (offload.sends and offload.receives):
        pytest.skip("this kernel has no offloads")
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, offload), pacer)


async def nobody(net: Net, local: Address = V4) -> Address:
    """Return an address at which nobody listens."""
    with closing(await net.network.listen(local)) as gone:
        return gone.local


class Heard:
    """Who is told of peers that cannot be reached."""

    def __init__(self, endpoint: IDatagramEndpoint) -> None:
        self.times: dict[Address, int] = {}
        endpoint.unreachable_into(self._take)

    def _take(self, remote: Address, times: int) -> None:
        self.times[remote] = self.times.get(remote, 0) + times

    async def wait_for(self, remote: Address, times: int = 1) -> None:
        with trio.fail_after(PATIENCE_S):
            while self.times.get(remote, 0) < times:
                await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("local", [V4, V6, Address("0.0.0.0", 0), Address("::", 0)], ids=str)
async def test_a_listening_socket_tells_whose_datagrams_come_back_and_counts_each_once(
    net: Net, local: Address
) -> None:
    loopback = V6 if ":" in local.host else V4
    gone = await nobody(net, loopback)
    async with net.reading():
        with closing(await net.network.listen(local)) as listening:
            net.inbox(listening)
            heard = Heard(listening)
            for times in (1, 2, 3):
                await listening.send(gone, b"START")
                await heard.wait_for(gone, times)
            await trio.testing.wait_all_tasks_blocked()
            assert heard.times == {gone: 3}
            assert listening.statistics().unreachable == net.network.statistics().unreachable == 3


async def _send(listening: IDatagramEndpoint, remote: Address) -> None:
    await listening.send(remote, HEADER, b"one")


async def _send_train(listening: IDatagramEndpoint, remote: Address) -> None:
    await listening.send_train(remote, HEADER, TRAIN)


async def _try_send(listening: IDatagramEndpoint, remote: Address) -> None:
    assert listening.try_send(remote, HEADER + b"one")


@pytest.mark.parametrize("send", [_send, _send_train, _try_send], ids=["send", "send_train", "try_send"])
async def test_what_is_said_of_one_peer_costs_another_nothing(
    net: Net, send: Callable[[IDatagramEndpoint, Address], object]
) -> None:
    gone = await nobody(net)
    async with net.pair() as (listening, connected):
        inbox, heard = net.inbox(connected), Heard(listening)
        net.inbox(listening)
        for _ in range(FOREIGN_NEWS):
            # On loopback the answer to the first has come when the second is sent.
            await send(listening, gone)  # type: ignore[misc]
            await send(listening, connected.local)  # type: ignore[misc]
        async with net.reading():
            each = 2 if send is _send_train else 1
            assert len(await inbox.wait_for(FOREIGN_NEWS * each)) == FOREIGN_NEWS * each
            await heard.wait_for(gone)
        assert set(heard.times) == {gone}
        assert listening.statistics().unreachable == sum(heard.times.values())


@pytest.mark.parametrize("net", ["offloaded"], indirect=True)
async def test_frames_that_leave_together_with_those_of_a_peer_that_is_gone_all_leave_in_that_call(net: Net) -> None:
    gone = await nobody(net)
    with ExitStack() as stack:
        listening = stack.enter_context(closing(await net.network.listen(V4)))
        assert isinstance(listening, OffloadedEndpoint)
        peers = [stack.enter_context(closing(await net.network.connect(listening.local))) for _ in range(3)]
        inboxes = [net.inbox(peer) for peer in peers]
        remotes = [gone, peers[0].local, gone, gone, peers[1].local, peers[2].local]
        heard = Heard(listening)
        net.inbox(listening)
        for _ in range(FOREIGN_NEWS):
            assert listening.send_now([(remote, HEADER, TRAIN) for remote in remotes]) == len(remotes)
        async with net.reading():
            for inbox in inboxes:
                assert len(await inbox.wait_for(2 * FOREIGN_NEWS)) == 2 * FOREIGN_NEWS
            await heard.wait_for(gone)
        assert set(heard.times) == {gone}
        assert listening.segment_limit_to(peers[0].local) > 1


async def test_an_error_queue_that_outlasts_the_socket_s_own_error_is_read_and_leaves_the_reader_at_rest(
    net: Net,
) -> None:
    gone = await nobody(net)
    async with net.pair() as (listening, connected):
        inbox, heard = net.inbox(listening), Heard(listening)
        await listening.send(gone, b"first")
        sock = socket_of(listening)
        with trio.fail_after(PATIENCE_S):
            # This takes the error that the socket holds, as a send does; what is in the queue stays.
            while not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                await trio.lowlevel.checkpoint()
        async with net.reading():
            await heard.wait_for(gone)
            await trio.testing.wait_all_tasks_blocked()
            await connected.send(listening.local, b"START")
            assert await inbox.wait_for(1) == [b"START"]
        assert heard.times == {gone: 1}


async def test_what_the_interface_s_queue_drops_is_sent_and_lost_as_without_an_error_queue(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(connected)
        with refusing_sends(listening, errno.ENOBUFS):
            assert await listening.send(connected.local, b"START", b"er") == 7
        assert await listening.send(connected.local, b"STARTED") == 7
        async with net.reading():
            assert await inbox.wait_for(1) == [b"STARTED"]


async def test_a_train_that_the_interface_s_queue_drops_is_sent_once(net: Net) -> None:
    async with net.pair() as (listening, connected):
        inbox = net.inbox(connected)
        calls = 1 if isinstance(listening, OffloadedEndpoint) else len(TRAIN)
        with refusing_sends(listening, *[errno.ENOBUFS] * calls):
            assert await listening.send_train(connected.local, HEADER, TRAIN) == 2 * HEADER_SIZE + 6
        assert await listening.send(connected.local, b"STARTED") == 7
        async with net.reading():
            assert await inbox.wait_for(1) == [b"STARTED"]


@pytest.mark.parametrize("net", ["offloaded"], indirect=True)
async def test_what_is_said_of_an_earlier_datagram_counts_also_where_not_all_messages_leave_at_once(net: Net) -> None:
    async with net.pair() as (listening, connected):
        assert isinstance(connected, OffloadedEndpoint)
        messages = [(listening.local, HEADER, TRAIN)] * (TRAINS_AT_ONCE + 1)
        with refusing_sends(connected, errno.ECONNREFUSED, 0, errno.EAGAIN):
            assert connected.send_now(messages) == TRAINS_AT_ONCE
        assert connected.statistics().unreachable == 1


@pytest.mark.skipif(not may_send_icmp(), reason="to forge ICMP takes a privilege")
async def test_a_path_that_wants_smaller_datagrams_is_no_peer_that_is_gone_and_no_refusal_of_another_s(
    net: Net,
) -> None:
    async with net.pair() as (listening, connected):
        inbox, heard = net.inbox(connected), Heard(listening)
        net.inbox(listening)
        # The kernel keeps for ten minutes what it is told of a path: of one that nobody uses, and nothing that narrows it.
        other = Address("127.93.27.41", 9)
        for code in (4, 1, 13):
            report_unreachable(code, listening.local, other, mtu=65_535)
            sent = await listening.send_train(connected.local, HEADER, TRAIN)
            assert sent == 2 * HEADER_SIZE + 6
        assert listening.segment_limit_to(connected.local) == listening.segment_limit
        async with net.reading():
            assert len(await inbox.wait_for(6)) == 6
            await heard.wait_for(other, 2)
        assert heard.times == {other: 2}


@pytest.mark.skipif(not may_send_icmp(), reason="to forge ICMP takes a privilege")
class TestAFlood:
    """Messages about peers that nobody knows, which cost a stranger nothing to send."""

    @staticmethod
    def forge(listening: IDatagramEndpoint) -> Address:
        """Have more of them queued than are taken in a turn; return whom they are of."""
        unknown = Address("127.93.27.41", 9)
        for _ in range(FLOOD):
            report_unreachable(3, listening.local, unknown)
        return unknown

    async def test_what_has_arrived_is_read_past_it_and_it_is_left_to_the_reader(self, net: Net) -> None:
        async with net.pair() as (listening, connected):
            inbox, heard = net.inbox(listening), Heard(listening)
            unknown = self.forge(listening)
            await connected.send(listening.local, b"one")
            await until_arrived(listening)
            listening.drain()
            assert inbox.datagrams == [b"one"]
            assert heard.times == {}
            async with net.reading():
                await heard.wait_for(unknown, AT_ONCE + 1)

    async def test_the_reader_takes_a_bounded_part_of_it_and_the_datagrams_each_turn(self, net: Net) -> None:
        async with net.pair() as (listening, connected):
            inbox, heard = net.inbox(listening), Heard(listening)
            unknown = self.forge(listening)
            await connected.send(listening.local, b"one")
            await until_arrived(listening)
            turns = [0]

            async def take_turns() -> None:
                while True:
                    turns.append(heard.times.get(unknown, 0))
                    assert inbox.datagrams == ([b"one"] if turns[-1] else [])
                    await trio.lowlevel.checkpoint()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(take_turns)
                async with net.reading():
                    await heard.wait_for(unknown, AT_ONCE + 1)
                nursery.cancel_scope.cancel()
            # A turn may come first in its round and last in the next one.
            assert max(later - before for before, later in pairwise(turns)) <= 2 * AT_ONCE

    @pytest.mark.parametrize("send", [_send, _send_train, _try_send], ids=["send", "send_train", "try_send"])
    async def test_a_send_goes_past_it(self, net: Net, send: Callable[[IDatagramEndpoint, Address], object]) -> None:
        async with net.pair() as (listening, connected):
            inbox, heard = net.inbox(connected), Heard(listening)
            net.inbox(listening)
            self.forge(listening)
            await send(listening, connected.local)  # type: ignore[misc]
            assert heard.times == {}
            async with net.reading():
                await inbox.wait_for(1)

    async def test_a_send_that_each_message_has_fail_takes_a_bounded_part_of_it(self, net: Net) -> None:
        async with net.pair() as (listening, connected):
            heard = Heard(listening)
            net.inbox(listening)
            unknown = self.forge(listening)
            with refusing_sends(listening, *[errno.ECONNREFUSED] * 50):
                assert await listening.send(connected.local, b"one") == 3
            assert 0 < heard.times[unknown] <= AT_ONCE


async def test_a_connected_socket_tells_of_its_peer(net: Net) -> None:
    gone = await nobody(net)
    async with net.reading():
        with closing(await net.network.connect(gone)) as connected:
            net.inbox(connected)
            heard = Heard(connected)
            await connected.send(gone, b"START")
            await heard.wait_for(gone)
            assert heard.times == {gone: connected.statistics().unreachable}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param((2, 3, 3), True, id="nobody at the port"),
        pytest.param((2, 3, 1), True, id="no such host"),
        pytest.param((2, 3, 0), True, id="no way to the network"),
        pytest.param((2, 3, 13), True, id="a filter"),
        pytest.param((2, 3, 4), False, id="fragmentation needed"),
        pytest.param((2, 11, 0), False, id="time exceeded"),
        pytest.param((3, 1, 4), True, id="nobody at the port, IPv6"),
        pytest.param((3, 1, 3), True, id="no such address, IPv6"),
        pytest.param((3, 2, 0), False, id="packet too big, IPv6"),
        pytest.param((3, 3, 0), False, id="time exceeded, IPv6"),
        pytest.param((1, 3, 3), False, id="this host's own"),
    ],
)
def test_only_a_destination_that_is_unreachable_says_that_a_peer_is_not_there(
    message: tuple[int, int, int], expected: bool
) -> None:
    assert says_unreachable(*message) is expected
