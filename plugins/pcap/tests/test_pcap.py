from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import pytest
import trio
from attrs import frozen
from cts_pcap import PcapFactory, PcapOptions
from cts_pcap.packets import ip_packet
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Address, DatagramBatch, IConnectedSocketFactory, Role
from cts.testing import (
    PEER,
    ConnectedSocketFactoryContract,
    FailingEndpoint,
    RecordingDefault,
    RecordingEndpoint,
    StallingEndpoint,
    request_for,
    run_on_mock_clock,
)

LOCAL = RecordingEndpoint().local


@frozen
class CapturedDatagram:
    time_ns: int
    source: Address
    destination: Address
    payload: bytes


def word_sum(data: bytes) -> int:
    """The ones' complement sum, word by word and carry by carry, as RFC 1071 tells it."""
    data += b"\0" * (len(data) % 2)
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read_datagrams(path: Path) -> list[CapturedDatagram]:
    """Take a pcap file apart without the code that wrote it, and check every length and checksum on the way."""
    content = path.read_bytes()
    assert struct.unpack_from("<IHHiIII", content) == (0xA1B23C4D, 2, 4, 0, 0, 65_535, 101)
    datagrams, at = [], 24
    while at < len(content):
        seconds, nanoseconds, kept, wire_length = struct.unpack_from("<IIII", content, at)
        assert nanoseconds < 1_000_000_000
        assert kept == wire_length
        packet = content[at + 16 : at + 16 + kept]
        datagrams.append(read_packet(seconds * 1_000_000_000 + nanoseconds, packet))
        at += 16 + kept
    assert at == len(content)
    return datagrams


def read_packet(time_ns: int, data: bytes) -> CapturedDatagram:
    if data[0] >> 4 == 4:
        assert data[0] & 15 == 5
        header, udp, hosts = data[:20], data[20:], (data[12:16], data[16:20])
        assert struct.unpack_from("!H", header, 2) == (len(data),)
        assert word_sum(header) == 0xFFFF
        assert (header[8], header[9]) == (64, 17)
    else:
        assert data[0] >> 4 == 6
        header, udp, hosts = data[:40], data[40:], (data[8:24], data[24:40])
        assert struct.unpack_from("!HBB", header, 4) == (len(udp), 17, 64)
    source_port, destination_port, length, checksum = struct.unpack_from("!HHHH", udp)
    assert length == len(udp)
    assert checksum != 0
    assert word_sum(hosts[0] + hosts[1] + struct.pack("!IHBB", len(udp), 0, 0, 17) + udp) == 0xFFFF
    source, destination = (str(ip_address(host)) for host in hosts)
    return CapturedDatagram(time_ns, Address(source, source_port), Address(destination, destination_port), udp[8:])


class TestPcapFactory(ConnectedSocketFactoryContract):
    factory_class: ClassVar[type[IConnectedSocketFactory]] = PcapFactory

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.file = tmp_path / "contract.pcap"

    def option_values(self) -> Mapping[str, object]:
        return {"file": str(self.file), "snaplen": 65_535}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stream.pcap"


def factory_for(file: Path) -> PcapFactory:
    return PcapFactory(PcapOptions(str(file)))


def test_what_a_stream_sends_is_in_the_file_with_the_time_of_its_send(file: Path) -> None:
    async def main() -> RecordingEndpoint:
        endpoint, factory, default = RecordingEndpoint(segment_limit=2), factory_for(file), RecordingDefault()
        factory.make(request_for(endpoint, role=Role.SENDER), default)
        await trio.sleep_until(12.000_000_345)
        await default.made[0].send()
        factory.close()
        return endpoint

    endpoint = run_on_mock_clock(main)
    assert len(endpoint.sent) == 6
    assert read_datagrams(file) == [
        CapturedDatagram(12_000_000_345, LOCAL, PEER, sent.datagram) for sent in endpoint.sent
    ]


def test_of_what_is_to_go_at_once_that_is_in_the_file_which_went(file: Path) -> None:
    async def main() -> RecordingEndpoint:
        endpoint = StallingEndpoint(after=4, on_stall=lambda: None, segment_limit=2)
        factory, default = factory_for(file), RecordingDefault()
        factory.make(request_for(endpoint, role=Role.SENDER), default)
        (made,) = default.made
        train = (memoryview(b"one"), memoryview(b"two"))
        assert made.request.endpoint.send_now([(PEER, b"header", train)] * 3) == 2
        factory.close()
        return endpoint

    endpoint = run_on_mock_clock(main)
    assert [sent.datagram for sent in endpoint.sent] == [b"headerone", b"headertwo"] * 2
    assert [captured.payload for captured in read_datagrams(file)] == [sent.datagram for sent in endpoint.sent]


def test_of_answers_that_go_at_once_or_not_at_all_those_are_in_the_file_which_went(file: Path) -> None:
    async def main() -> None:
        factory, default = factory_for(file), RecordingDefault()
        factory.make(request_for(FailingEndpoint(after=1)), default)
        assert default.made[0].request.endpoint.try_send(PEER, b"one")
        assert not default.made[0].request.endpoint.try_send(PEER, b"two")
        factory.close()

    run_on_mock_clock(main)
    assert read_datagrams(file) == [CapturedDatagram(0, LOCAL, PEER, b"one")]


def test_what_an_active_socket_reads_is_in_the_file_datagram_by_datagram(file: Path) -> None:
    async def main() -> int:
        endpoint, factory = RecordingEndpoint(), factory_for(file)
        socket = factory.make(request_for(endpoint), RecordingDefault())
        async with trio.open_nursery() as nursery:
            await nursery.start(socket.run)
            received_ns = endpoint.deliver(b"aaaabbbbcc", segment_size=4).received_ns
            nursery.cancel_scope.cancel()
        factory.close()
        return received_ns

    received_ns = run_on_mock_clock(main)
    assert read_datagrams(file) == [
        CapturedDatagram(received_ns, PEER, LOCAL, data) for data in (b"aaaa", b"bbbb", b"cc")
    ]


def test_what_a_passive_socket_is_handed_is_in_the_file_with_its_receive_time(file: Path) -> None:
    async def main() -> None:
        factory = factory_for(file)
        socket = factory.make(request_for(RecordingEndpoint(), active=False), RecordingDefault())
        await trio.sleep_until(9)
        socket.on_data_received(DatagramBatch(memoryview(b"onetwo"), 3, 5_000_000_001))
        factory.close()

    run_on_mock_clock(main)
    assert read_datagrams(file) == [CapturedDatagram(5_000_000_001, PEER, LOCAL, data) for data in (b"one", b"two")]


@pytest.mark.parametrize("active", [True, False])
def test_what_the_network_says_of_the_peer_reaches_the_socket_behind(file: Path, active: bool) -> None:
    async def main() -> list[int]:
        endpoint, factory, default = RecordingEndpoint(), factory_for(file), RecordingDefault()
        socket = factory.make(request_for(endpoint, active=active), default)
        async with trio.open_nursery() as nursery:
            await nursery.start(socket.run)
            if active:
                endpoint.bring_back(times=3)
            else:
                socket.on_unreachable(3)
            nursery.cancel_scope.cancel()
        factory.close()
        return default.made[0].unreachable

    assert run_on_mock_clock(main) == [3]


def test_what_the_network_refused_is_not_in_the_file(file: Path) -> None:
    async def main() -> None:
        factory, default = factory_for(file), RecordingDefault()
        factory.make(request_for(FailingEndpoint(after=1)), default)
        with pytest.raises(OSError, match="unreachable"):
            await default.made[0].send()
        factory.close()

    run_on_mock_clock(main)
    assert len(read_datagrams(file)) == 1


def test_streams_share_the_file(file: Path) -> None:
    peers = [Address("198.51.100.1", 1), Address("198.51.100.2", 2)]

    async def main() -> None:
        factory = factory_for(file)
        for peer in peers:
            socket = factory.make(request_for(RecordingEndpoint(), active=False, peer=peer), RecordingDefault())
            socket.on_data_received(DatagramBatch(b"hello", 5, 0))
        factory.close()

    run_on_mock_clock(main)
    assert [datagram.source for datagram in read_datagrams(file)] == peers


@pytest.mark.parametrize("hosts", [("192.0.2.1", "198.51.100.9"), ("2001:db8::1", "fe80::9")])
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_every_length_and_checksum_is_right(hosts: tuple[str, str], data: st.DataObject) -> None:
    ports = st.integers(0, 65_535)
    source, destination = (Address(host, data.draw(ports)) for host in hosts)
    payload = data.draw(
        st.one_of(st.binary(max_size=100), st.binary(min_size=2, max_size=2).map(lambda two: two * 3001))
    )
    packet = ip_packet(source, destination, payload)
    assert read_packet(0, packet) == CapturedDatagram(0, source, destination, payload)


def test_the_longest_payload_fills_an_ipv4_packet() -> None:
    payload = b"\xff" * 65_507
    packet = ip_packet(Address("192.0.2.1", 1), Address("192.0.2.2", 2), payload)
    assert len(packet) == 65_535
    assert read_packet(0, packet).payload == payload


def test_a_udp_checksum_of_zero_is_written_in_its_other_form() -> None:
    source, destination = Address("192.0.2.1", 1), Address("192.0.2.2", 2)
    empty = ip_packet(source, destination, b"\0\0")
    (checksum,) = struct.unpack_from("!H", empty, 26)
    packet = ip_packet(source, destination, struct.pack("!H", checksum))
    assert struct.unpack_from("!H", packet, 26) == (0xFFFF,)
    assert read_packet(0, packet).payload == struct.pack("!H", checksum)


def test_a_scope_is_left_out_and_an_ipv4_peer_of_an_ipv6_socket_is_mapped() -> None:
    packet = ip_packet(Address("fe80::1%eth0", 1), Address("192.0.2.2", 2), b"x")
    read = read_packet(0, packet)
    assert (read.source, read.destination) == (Address("fe80::1", 1), Address("::ffff:c000:202", 2))


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere"):
        PcapFactory(PcapOptions(str(tmp_path / "nowhere" / "stream.pcap")))


@pytest.mark.parametrize("snaplen", [0, -1, 262_145])
def test_a_snaplen_out_of_range_is_refused(snaplen: int) -> None:
    with pytest.raises(ValueError, match="snaplen must be 1 to 262144 bytes"):
        PcapOptions("x.pcap", snaplen)


def test_an_empty_file_name_is_refused() -> None:
    with pytest.raises(ValueError, match="file must be the path of the file to write"):
        PcapOptions("")
