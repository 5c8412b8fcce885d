"""An address is the same in every form that a socket may want it in."""

from __future__ import annotations

import socket
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address
from cts.net.addresses import address_of, pack_sockaddr, sockaddr_of, unpack_sockaddr

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the layouts and the name of the loopback are Linux's")


@given(host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), port=st.integers(0, 65535))
def test_a_packed_address_unpacks_to_itself(host: IPv4Address | IPv6Address, port: int) -> None:
    unpacked = unpack_sockaddr(pack_sockaddr(Address(str(host), port)))
    assert (ip_address(unpacked.host), unpacked.port) == (host, port)


def test_a_zone_is_an_interface_s_name_or_the_number_of_one_without_a_name() -> None:
    loopback = socket.if_nametoindex("lo")
    for written, read in (("lo", "lo"), (str(loopback), "lo"), ("999999", "999999")):
        address = Address(f"fe80::1%{written}", 4444)
        assert unpack_sockaddr(pack_sockaddr(address)) == Address(f"fe80::1%{read}", 4444)
        assert address_of(sockaddr_of(address)) == Address(f"fe80::1%{read}", 4444)


def test_the_zone_of_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="no interface"):
        sockaddr_of(Address("fe80::1%nowhere", 1))


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1%lo", "127.0.0.256", "::1::"])
def test_what_is_no_numeric_address_cannot_be_packed(host: str) -> None:
    with pytest.raises(ValueError, match="not a numeric address"):
        pack_sockaddr(Address(host, 1))


@pytest.mark.parametrize("port", [-1, 65536])
def test_what_is_no_port_cannot_be_packed(port: int) -> None:
    with pytest.raises(ValueError, match="not a numeric address and port"):
        pack_sockaddr(Address("127.0.0.1", port))


V4, V6 = (pack_sockaddr(Address(host, 1)) for host in ("127.0.0.1", "::1"))


@pytest.mark.parametrize("sockaddr", [b"", b"\2", bytes(16), V6[:16], V4 + b"\0"])
def test_what_is_no_socket_address_cannot_be_unpacked(sockaddr: bytes) -> None:
    with pytest.raises(ValueError, match="not an IPv4 or IPv6 socket address"):
        unpack_sockaddr(sockaddr)
