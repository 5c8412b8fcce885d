"""What a run sets on its sockets, asked of the kernel."""

from __future__ import annotations

import errno
import random
import socket
from contextlib import ExitStack, closing
from typing import Any

import pytest

from cts.api import Address
from cts.clock.system_pacer import SystemPacer
from cts.errors import UserError
from cts.net.libc import SO_RCVBUFFORCE, SO_SNDBUFFORCE
from cts.net.socket_options import NOTHING_SET, SocketOptions, bind_client, buffers_of, configure, reached_from, try_out
from cts.net.udp_network import UdpNetwork
from cts.net.udp_socket import open_udp_socket

V4, V6 = Address("127.0.0.1", 0), Address("::1", 0)
OCTET = {V4: (socket.IPPROTO_IP, socket.IP_TOS), V6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}
HOPS = {V4: (socket.IPPROTO_IP, socket.IP_TTL), V6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}
needs_linux = pytest.mark.skipif(not hasattr(socket, "SO_BINDTODEVICE"), reason="SO_BINDTODEVICE is Linux's")


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("connected", [False, True])
def test_a_socket_has_the_codepoint_and_the_hop_limit_whichever_its_family(address: Address, connected: bool) -> None:
    options = SocketOptions(dscp=46, ttl=7)
    remote = Address(address.host, 9)
    opened = (
        open_udp_socket(remote=remote, options=options)
        if connected
        else open_udp_socket(local=address, options=options)
    )
    with opened as sock:
        assert sock.getsockopt(*OCTET[address]) == 46 << 2
        assert sock.getsockopt(*HOPS[address]) == 7


def below_the_ephemeral() -> int:
    """Return the first of ten ports that systems give to nobody who asks for none."""
    return random.randrange(20_000, 32_000)


class Unprivileged(socket.socket):
    """A socket of somebody who may not go beyond the system's limits, which are lower here."""

    LIMIT = 65_536

    def setsockopt(self, level: int, option: int, value: Any, *rest: Any) -> None:
        if option in (SO_RCVBUFFORCE, SO_SNDBUFFORCE):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        if option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            assert isinstance(value, int)
            value = min(value, self.LIMIT)
        super().setsockopt(level, option, value)


def test_who_asks_for_more_than_the_limit_without_privilege_gets_the_limit_and_is_told() -> None:
    options = SocketOptions(receive_buffer=1 << 20)
    with Unprivileged(type=socket.SOCK_DGRAM) as sock:
        configure(sock, options)
        buffers = buffers_of(sock, options)
    assert (buffers.receive.asked, buffers.receive.given, buffers.receive.by_name) == (1 << 20, 65_536, True)
    assert buffers.receive.short
    assert (buffers.send.asked, buffers.send.by_name) == (4 << 20, False)


def test_what_is_asked_for_and_given_is_told_in_the_same_measure() -> None:
    room = try_out(SocketOptions(receive_buffer=100_000, send_buffer=50_000))
    assert (room.receive.given, room.send.given) == (100_000, 50_000)
    assert not room.receive.short


def test_a_client_takes_the_ports_of_its_range_in_turn_and_passes_over_those_in_use() -> None:
    first = below_the_ephemeral()
    options = SocketOptions(client_host="127.0.0.7", client_ports=(first, first + 2))
    with ExitStack() as opened:
        taken = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        taken.bind(("127.0.0.7", first + 1))
        ports = [
            opened.enter_context(
                open_udp_socket(remote=Address("127.0.0.1", 9), options=options, turn=turn)
            ).getsockname()
            for turn in (1, 2)
        ]
        assert ports == [("127.0.0.7", first + 2), ("127.0.0.7", first)]
        with pytest.raises(OSError, match=f"client.bind: all 3 ports from {first} to {first + 2} are in use") as caught:
            open_udp_socket(remote=Address("127.0.0.1", 9), options=options)
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_network_s_connections_take_a_port_each_and_its_listeners_none_of_them() -> None:
    first = below_the_ephemeral()
    network = UdpNetwork(SystemPacer(), sockets=SocketOptions(client_ports=(first, first + 9)))
    with closing(await network.listen(V4)) as listener, ExitStack() as opened:
        ends = [opened.enter_context(closing(await network.connect(listener.local))) for _ in range(4)]
        ports = {end.local.port for end in ends}
    assert len(ports) == 4
    assert ports <= set(range(first, first + 10))


def test_an_address_that_is_not_here_is_told_by_its_key() -> None:
    with pytest.raises(UserError, match=r"^client.bind: 192.0.2.1 is no address of this host$"):
        try_out(SocketOptions(client_host="192.0.2.1"), client=True)


def test_an_address_of_another_family_is_told_by_its_key() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(OSError, match=r"client.bind: ::1 is not of"):
        bind_client(sock, SocketOptions(client_host="::1"))


def test_addresses_that_cannot_be_reached_from_where_a_client_is_bound_are_not_tried() -> None:
    four, six = Address("192.0.2.1", 5), Address("2001:db8::1", 5)
    options = SocketOptions(client_host="::1")
    assert reached_from(options, [(four, six)]) == [(six,)]
    assert reached_from(NOTHING_SET, [(four, six)]) == [(four, six)]
    with pytest.raises(UserError, match=r"client.target: no address of this one is of the family of ::1: 192.0.2.1:5"):
        reached_from(options, [(four,)])


@needs_linux
def test_an_interface_that_is_not_here_is_told_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"^run.interface: there is no interface 'nowhere0' here; allowed: .*\blo\b"):
        try_out(SocketOptions(interface="nowhere0"))


@needs_linux
def test_a_missing_permission_names_the_interface_and_what_is_needed() -> None:
    class Refused(socket.socket):
        def setsockopt(self, level: int, option: int, value: Any, *rest: Any) -> None:
            if option == socket.SO_BINDTODEVICE:
                raise PermissionError(errno.EPERM, "Operation not permitted")
            super().setsockopt(level, option, value)

    with (
        Refused(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(OSError, match=r"run.interface: no permission to bind sockets to 'lo'; allowed with CAP_NET_RAW"),
    ):
        configure(sock, SocketOptions(interface="lo"))
