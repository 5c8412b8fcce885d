"""One call, a batch of datagrams: what UDP_GRO, SO_TIMESTAMPNS and SO_RXQ_OVFL give on a real loopback."""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cts.net.addresses import address_of, pack_sockaddr, unpack_sockaddr
from cts.net.coalescing import CoalescedReceiver, Received, supported
from cts.net.libc import SO_TIMESTAMPNS
from cts.net.segmentation import SegmentedSender
from cts.protocol.wire import HEADER_SIZE, PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="UDP_GRO is Linux's")

IP_PKTINFO = 8
IPV6_RECVPKTINFO = 49
HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
HEADER = bytearray(range(HEADER_SIZE))


@pytest.fixture(params=HOSTS, ids=["v4", "v6"])
def family(request: pytest.FixtureRequest) -> socket.AddressFamily:
    return socket.AddressFamily(request.param)


@pytest.fixture
def receiving(family: socket.AddressFamily) -> Iterator[socket.socket]:
    with bound(family) as sock:
        yield sock


@pytest.fixture
def sending(family: socket.AddressFamily, receiving: socket.socket) -> Iterator[socket.socket]:
    with bound(family) as sock:
        sock.connect(receiving.getsockname())
        yield sock


def bound(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((HOSTS[family], 0))
    sock.setblocking(False)
    return sock


def send_batch(sock: socket.socket, *sizes: int, header: bytearray = HEADER) -> None:
    SegmentedSender(sock.fileno()).send(None, header, tuple(memoryview(PATTERN)[:size] for size in sizes))


def wait_readable(sock: socket.socket) -> None:
    assert select.select([sock], [], [], 5.0)[0], "nothing came"


def receive(receiver: CoalescedReceiver, sock: socket.socket) -> Received:
    wait_readable(sock)
    received = receiver.receive()
    assert received is not None
    return received


def test_this_kernel_coalesces_and_stamps() -> None:
    assert supported()


def test_a_socket_that_is_no_udp_socket_is_refused_and_left_open() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        with pytest.raises(OSError, match="not supported"):
            CoalescedReceiver(sock.fileno())
        assert sock.getsockname() == ""


def test_an_empty_socket_gives_nothing(receiving: socket.socket) -> None:
    assert CoalescedReceiver(receiving.fileno()).receive() is None


def test_one_datagram_is_its_own_segment(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    sending.send(b"START")
    assert receive(receiver, receiving)[1:3] == (5, 5)
    assert bytes(receiver.into.buffer[:5]) == b"START"
    assert receiver.receive() is None


def test_a_batch_comes_as_one_buffer_with_its_segment_size(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    send_batch(sending, 1374, 1374, 200)
    assert receive(receiver, receiving)[1:3] == (2 * 1400 + 226, 1400)
    expected = b"".join(bytes(HEADER) + PATTERN[:size] for size in (1374, 1374, 200))
    assert receiver.into.memory.startswith(expected)
    assert receiver.receive() is None


def test_the_largest_batch_fits_the_buffer(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    send_batch(sending, *[65507 // 64 - HEADER_SIZE] * 64)
    assert receive(receiver, receiving)[1:3] == (65507 // 64 * 64, 65507 // 64)


def test_the_remote_address_is_the_senders(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    sending.send(b"x")
    remote = receive(receiver, receiving)[0]
    assert remote == pack_sockaddr(address_of(sending.getsockname()))
    assert unpack_sockaddr(remote) == address_of(sending.getsockname())


def test_one_peers_address_is_one_object(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    sending.send(b"x")
    sending.send(b"x")
    assert receive(receiver, receiving)[0] is receive(receiver, receiving)[0]


def test_peers_that_take_turns_are_told_apart(
    family: socket.AddressFamily, receiving: socket.socket, sending: socket.socket
) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    with bound(family) as other:
        for sock in (sending, other, sending):
            sock.sendto(b"x", receiving.getsockname())
        remotes = [receive(receiver, receiving)[0] for _ in range(3)]
        assert remotes == [pack_sockaddr(address_of(sock.getsockname())) for sock in (sending, other, sending)]


def test_a_connected_socket_receives_too(receiving: socket.socket, sending: socket.socket) -> None:
    receiving.connect(sending.getsockname())
    receiver = CoalescedReceiver(receiving.fileno())
    send_batch(sending, 100, 100)
    assert receive(receiver, receiving)[1:3] == (252, 126)


def test_the_kernel_stamps_between_sending_and_reading(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    before = time.time_ns()
    send_batch(sending, 100, 100)
    stamp_ns = receive(receiver, receiving)[3]
    assert before <= stamp_ns <= time.time_ns()


def test_a_socket_without_timestamps_gives_zero_and_not_an_old_one(
    receiving: socket.socket, sending: socket.socket
) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    sending.send(b"x")
    assert receive(receiver, receiving)[3] > 0
    receiving.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 0)
    send_batch(sending, 100, 100)
    sending.send(b"x")
    assert receive(receiver, receiving)[1:4] == (252, 126, 0)
    assert receive(receiver, receiving)[1:4] == (1, 1, 0)


def test_other_control_messages_do_not_hide_ours(
    family: socket.AddressFamily, receiving: socket.socket, sending: socket.socket
) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    if family == socket.AF_INET:
        receiving.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        receiving.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    send_batch(sending, 100, 100)
    _remote, length, segment_size, stamp_ns, drops = receive(receiver, receiving)
    assert (length, segment_size, drops) == (252, 126, 0)
    assert stamp_ns > 0


def overflow(receiver: CoalescedReceiver, receiving: socket.socket, sending: socket.socket) -> int:
    """Send more than the smallest receive buffer takes, read what it took; give how many datagrams it did not take."""
    receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(10):
        sending.send(bytes(1000))
    lost = 10
    wait_readable(receiving)
    while receiver.receive() is not None:
        lost -= 1
    return lost


def test_nothing_dropped_counts_zero(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    sending.send(b"x")
    assert receive(receiver, receiving)[4] == 0


def test_drops_are_told_with_the_next_datagram_and_stay(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    lost = overflow(receiver, receiving, sending)
    assert lost > 0
    for _ in range(2):
        sending.send(b"x")
        assert receive(receiver, receiving)[4] == lost


def test_a_batch_after_drops_has_its_segment_size_and_its_stamp(
    receiving: socket.socket, sending: socket.socket
) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    lost = overflow(receiver, receiving, sending)
    send_batch(sending, 100, 100, 30)
    _remote, length, segment_size, stamp_ns, drops = receive(receiver, receiving)
    assert (length, segment_size, drops) == (308, 126, lost)
    assert stamp_ns > 0


def test_a_drop_counter_that_wraps_keeps_growing(receiving: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    receiver._count_drops(2**32 - 1)
    receiver._count_drops(4)
    assert receiver._drops == 2**32 + 4


def test_an_error_that_the_socket_holds_is_raised(family: socket.AddressFamily, receiving: socket.socket) -> None:
    with bound(family) as gone:
        receiving.connect(gone.getsockname())
    receiver = CoalescedReceiver(receiving.fileno())
    receiving.send(b"to nobody")
    wait_readable(receiving)
    with pytest.raises(ConnectionRefusedError):
        receiver.receive()
    assert receiver.receive() is None


def test_equal_datagrams_repeat(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    for sizes in ((1374,) * 46, (1374, 1374, 1), (1374, 200), (5,)):
        send_batch(sending, *sizes)
        _remote, length, segment_size, _stamp_ns, _drops = receive(receiver, receiving)
        assert receiver.into.repeats(length, segment_size)


@pytest.mark.parametrize("at", [0, 25, 1399, 1400, 2 * 1400 + 700, 3 * 1400, 3 * 1400 + 225])
def test_one_other_byte_anywhere_does_not_repeat(receiving: socket.socket, sending: socket.socket, at: int) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    send_batch(sending, 1374, 1374, 1374, 200)
    _remote, length, segment_size, _stamp_ns, _drops = receive(receiver, receiving)
    assert receiver.into.repeats(length, segment_size)
    receiver.into.buffer[at] ^= 0x80
    assert not receiver.into.repeats(length, segment_size)


def test_what_lies_behind_the_batch_does_not_matter(receiving: socket.socket, sending: socket.socket) -> None:
    receiver = CoalescedReceiver(receiving.fileno())
    send_batch(sending, 1374, 200)
    _remote, length, segment_size, _stamp_ns, _drops = receive(receiver, receiving)
    receiver.into.buffer[length] ^= 0x80
    assert receiver.into.repeats(length, segment_size)
