"""One call, many datagrams: what UDP_SEGMENT puts on a real loopback."""

from __future__ import annotations

import errno
import gc
import select
import socket
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cts.net.addresses import address_of, pack_sockaddr
from cts.net.segmentation import SegmentedSender, supported
from cts.protocol.trains import DATAGRAMS_PER_TRAIN, TRAIN_MAX_BYTES, TRAINS_AT_ONCE
from cts.protocol.wire import HEADER_SIZE, PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")

IPV6_MTU = 24
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
def sending(family: socket.AddressFamily) -> Iterator[socket.socket]:
    with bound(family) as sock:
        yield sock


def bound(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    sock.bind((HOSTS[family], 0))
    sock.setblocking(False)
    return sock


def sockaddr_of(sock: socket.socket) -> bytes:
    return pack_sockaddr(address_of(sock.getsockname()))


def payloads_of(*sizes: int) -> tuple[memoryview, ...]:
    return tuple(memoryview(PATTERN)[:size] for size in sizes)


def read(sock: socket.socket, count: int) -> list[bytes]:
    datagrams: list[bytes] = []
    for _ in range(count):
        assert select.select([sock], [], [], 5.0)[0], f"{len(datagrams)} of {count} datagrams came"
        datagrams.append(sock.recv(TRAIN_MAX_BYTES))
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    return datagrams


def test_this_kernel_sends_segments() -> None:
    assert supported()


def test_each_payload_becomes_one_datagram_behind_the_header(sending: socket.socket, receiving: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    sent = sender.send(sockaddr_of(receiving), HEADER, payloads_of(1374, 1374, 1374, 200))
    datagrams = read(receiving, 4)
    assert datagrams == [bytes(HEADER) + PATTERN[:size] for size in (1374, 1374, 1374, 200)]
    assert sent == sum(map(len, datagrams))


def test_the_same_payloads_go_out_again_behind_the_header_of_that_call(
    sending: socket.socket, receiving: socket.socket
) -> None:
    sender = SegmentedSender(sending.fileno())
    payloads = payloads_of(30, 30)
    header = bytearray(HEADER)
    for number in (1, 2, 3):
        header[0] = number
        sender.send(sockaddr_of(receiving), header, payloads)
    assert [datagram[0] for datagram in read(receiving, 6)] == [1, 1, 2, 2, 3, 3]


def test_a_connected_socket_needs_no_address(sending: socket.socket, receiving: socket.socket) -> None:
    sending.connect(receiving.getsockname())
    SegmentedSender(sending.fileno()).send(None, HEADER, payloads_of(10, 10))
    assert len(read(receiving, 2)) == 2


def test_one_layout_serves_many_peers(family: socket.AddressFamily, sending: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    payloads = payloads_of(10, 10)
    with bound(family) as first, bound(family) as second:
        for peer in (first, second, second, first, second):
            sender.send(sockaddr_of(peer), HEADER, payloads)
        assert len(read(first, 4)) == 4
        assert len(read(second, 6)) == 6


def test_with_and_without_an_address_may_take_turns(family: socket.AddressFamily, sending: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    payloads = payloads_of(10, 10)
    with bound(family) as first, bound(family) as second:
        sending.connect(first.getsockname())
        for sockaddr in (sockaddr_of(second), None, sockaddr_of(second)):
            sender.send(sockaddr, HEADER, payloads)
        assert len(read(first, 2)) == 2
        assert len(read(second, 4)) == 4


def test_more_layouts_than_are_kept_all_go_out_right(sending: socket.socket, receiving: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    layouts = [payloads_of(size + 1, size) for size in range(1, 101)]
    for layout in layouts + layouts:
        sender.send(sockaddr_of(receiving), HEADER, layout)
        assert [len(datagram) - HEADER_SIZE for datagram in read(receiving, 2)] == [part.nbytes for part in layout]
    assert len(sender._slots[0]._layouts) <= 16


def test_payloads_that_the_caller_lets_go_are_kept(sending: socket.socket, receiving: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    for fill in (b"a", b"b", b"c"):
        sender.send(sockaddr_of(receiving), HEADER, (memoryview(fill * 50), memoryview(fill * 50)))
        gc.collect()
    assert [datagram[HEADER_SIZE:] for datagram in read(receiving, 6)] == [
        fill * 50 for fill in (b"a", b"a", b"b", b"b", b"c", b"c")
    ]


@pytest.mark.parametrize(
    "payload",
    [
        memoryview(PATTERN)[:40],
        memoryview(PATTERN)[1000:1040],
        memoryview(bytearray(PATTERN))[6:46],
        memoryview(b"x" * 40).toreadonly(),
    ],
    ids=["prefix of bytes", "middle of bytes", "middle of a bytearray", "whole"],
)
def test_a_payload_is_sent_from_wherever_it_lies(
    sending: socket.socket, receiving: socket.socket, payload: memoryview
) -> None:
    SegmentedSender(sending.fileno()).send(sockaddr_of(receiving), HEADER, (payload, payload))
    assert read(receiving, 2) == [bytes(HEADER) + bytes(payload)] * 2


@given(
    size=st.integers(1, 2000),
    count=st.integers(1, DATAGRAMS_PER_TRAIN),
    last=st.floats(0, 1),
    header=st.binary(min_size=26, max_size=26),
)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fits_arrives_whole_and_in_order(
    sending: socket.socket, receiving: socket.socket, size: int, count: int, last: float, header: bytes
) -> None:
    count = min(count, TRAIN_MAX_BYTES // (HEADER_SIZE + size))
    sizes = [size] * (count - 1) + [max(1, int(size * last))]
    SegmentedSender(sending.fileno()).send(sockaddr_of(receiving), bytearray(header), payloads_of(*sizes))
    assert read(receiving, count) == [header + PATTERN[:part] for part in sizes]


def test_one_datagram_may_be_as_large_as_udp_allows(sending: socket.socket, receiving: socket.socket) -> None:
    sent = SegmentedSender(sending.fileno()).send(
        sockaddr_of(receiving), HEADER, payloads_of(TRAIN_MAX_BYTES - HEADER_SIZE)
    )
    assert sent == len(read(receiving, 1)[0]) == TRAIN_MAX_BYTES


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ((), "0 datagrams"),
        ((1,) * (DATAGRAMS_PER_TRAIN + 1), "65 datagrams"),
        ((10, 9, 10), "one size"),
        ((10, 11), "one size"),
        ((1374,) * 47, "65800 bytes"),
    ],
)
def test_a_batch_that_breaks_the_rules_is_refused(
    sending: socket.socket, sizes: tuple[int, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        SegmentedSender(sending.fileno()).send(None, HEADER, payloads_of(*sizes))


def test_a_full_send_buffer_raises_blocking_io_error() -> None:
    # Over loopback UDP never fills its send buffer; a Unix datagram socket ignores the control message and does.
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        sender = SegmentedSender(here.fileno())
        with pytest.raises(BlockingIOError):
            deque((sender.send(None, HEADER, payloads_of(1374, 1374)) for _ in range(10_000)), maxlen=0)
        there.recv(TRAIN_MAX_BYTES)
        assert sender.send(None, HEADER, payloads_of(1374, 1374)) == 2800


def test_segments_larger_than_the_path_takes_raise_an_os_error() -> None:
    with bound(socket.AF_INET6) as sending, bound(socket.AF_INET6) as receiving:
        sending.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU, 1280)
        with pytest.raises(OSError, match=r"Invalid argument|Message too long") as caught:
            SegmentedSender(sending.fileno()).send(sockaddr_of(receiving), HEADER, payloads_of(1374, 1374))
    assert caught.value.errno in {errno.EINVAL, errno.EMSGSIZE}


def test_a_descriptor_that_is_none_raises_an_os_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        SegmentedSender(-1).send(None, HEADER, payloads_of(10))


# Several batches in one call


def test_batches_of_one_call_go_to_their_own_peers_behind_their_own_headers(
    family: socket.AddressFamily, sending: socket.socket
) -> None:
    sender = SegmentedSender(sending.fileno())
    long, short = payloads_of(1374, 1374, 200), payloads_of(50)
    with bound(family) as first, bound(family) as second:
        sockaddrs = {"first": sockaddr_of(first), "second": sockaddr_of(second)}
        headers = [bytes([number]) * HEADER_SIZE for number in range(4)]
        peers = ["first", "second", "second", "first"]
        for runs in ([long, long, short, short], [short, long, long, short]):
            assert sender.send_many(list(zip(peers, headers, runs, strict=True)), sockaddrs) == 4
            for sock, name in ((first, "first"), (second, "second")):
                expected = [
                    header + bytes(payload)
                    for peer, header, run in zip(peers, headers, runs, strict=True)
                    for payload in run
                    if peer == name
                ]
                assert read(sock, len(expected)) == expected


def test_a_connected_socket_needs_no_addresses_for_several_batches(
    sending: socket.socket, receiving: socket.socket
) -> None:
    sending.connect(receiving.getsockname())
    batches = [("it", bytes([number]) * HEADER_SIZE, payloads_of(10, 10)) for number in range(TRAINS_AT_ONCE)]
    assert SegmentedSender(sending.fileno()).send_many(batches, None) == TRAINS_AT_ONCE
    assert [datagram[0] for datagram in read(receiving, 2 * TRAINS_AT_ONCE)] == [
        number for number in range(TRAINS_AT_ONCE) for _ in range(2)
    ]


def test_no_more_batches_go_in_one_call_than_may(sending: socket.socket, receiving: socket.socket) -> None:
    batches = [(None, HEADER, payloads_of(10))] * (TRAINS_AT_ONCE + 3)
    assert SegmentedSender(sending.fileno()).send_many(batches, {None: sockaddr_of(receiving)}) == TRAINS_AT_ONCE
    assert len(read(receiving, TRAINS_AT_ONCE)) == TRAINS_AT_ONCE


def test_one_batch_and_several_may_take_turns(sending: socket.socket, receiving: socket.socket) -> None:
    sender = SegmentedSender(sending.fileno())
    sockaddr, payloads = sockaddr_of(receiving), payloads_of(10, 10)
    for _ in range(3):
        sender.send(sockaddr, b"1" * HEADER_SIZE, payloads)
        sender.send_many([(None, b"2" * HEADER_SIZE, payloads), (None, b"3" * HEADER_SIZE, payloads)], {None: sockaddr})
    assert bytes(datagram[0] for datagram in read(receiving, 18)) == b"112233" * 3


def test_of_several_batches_those_go_for_which_there_is_room() -> None:
    # A full buffer as above.
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        sender = SegmentedSender(here.fileno())
        batches = [(None, HEADER, payloads_of(1374, 1374))] * TRAINS_AT_ONCE
        gone = 0
        with suppress(BlockingIOError):
            for _ in range(10_000):
                gone += sender.send_many(batches, None)
        there.setblocking(False)
        queued = 0
        with suppress(BlockingIOError):
            while there.recv(TRAIN_MAX_BYTES):
                queued += 1
        assert 0 < queued == gone < 10_000 * TRAINS_AT_ONCE


def test_several_batches_of_which_the_first_is_refused_raise_what_one_would(sending: socket.socket) -> None:
    with pytest.raises(ValueError, match="one size"):
        SegmentedSender(sending.fileno()).send_many([("", HEADER, payloads_of(10, 11))], None)
    with pytest.raises(OSError, match="Bad file descriptor"):
        SegmentedSender(-1).send_many([("", HEADER, payloads_of(10))], None)
