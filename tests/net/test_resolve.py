"""From what a user writes to addresses: real look-ups of what needs no name server, a stand-in for names."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Literal, TypeAlias, cast

import pytest
import trio
from attrs import frozen

from cts.api import Address
from cts.errors import UserError
from cts.net.addresses import ask_for_destinations, missing_families, resolve_listen, resolve_names, resolve_targets

Answer: TypeAlias = (
    tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
    | tuple[
        Literal[socket.AddressFamily.AF_INET6],
        socket.SocketKind,
        int,
        str,
        tuple[str, int, int, int] | tuple[int, bytes],
    ]
)


def v4(host: str) -> Answer:
    return socket.AddressFamily.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", (host, 4444)


def v6(host: str, scope: int = 0) -> Answer:
    return socket.AddressFamily.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", (host, 4444, 0, scope)


NAMES = {
    b"both.example": [v6("2001:db8::1"), v4("192.0.2.1")],
    b"other.example": [v4("192.0.2.2")],
    b"twice.example": [v4("192.0.2.1")],
    b"many.example": [v6("2001:db8::1"), v6("2001:db8::2"), v6("2001:db8::1"), v6("2001:db8::3"), v4("192.0.2.1")],
    b"link.example": [v6("fe80::1", scope=1)],
}


class Names(trio.abc.HostnameResolver):
    """Knows the names above and no others."""

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name is the contract's
        proto: int = 0,
        flags: int = 0,
    ) -> list[Answer]:
        await trio.lowlevel.checkpoint()
        if host not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return NAMES[host]

    async def getnameinfo(self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int) -> tuple[str, str]:
        raise NotImplementedError


def use_names() -> None:
    """Ask the names above for the rest of the test's trio run."""
    trio.socket.set_custom_hostname_resolver(Names())


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::0001", "::1")])
async def test_an_address_is_itself(host: str, address: str) -> None:
    assert await resolve_listen([(host, 4444)]) == [Address(address, 4444)]
    assert await resolve_targets([(host, 4444)]) == [(Address(address, 4444),)]


async def test_a_star_is_every_address_of_both_families() -> None:
    assert await resolve_listen([("*", 5000)]) == [Address("0.0.0.0", 5000), Address("::", 5000)]


async def test_nothing_is_nothing() -> None:
    assert await resolve_listen([]) == []
    assert await resolve_targets([]) == []


async def test_a_server_listens_on_every_address_of_a_name() -> None:
    use_names()
    found = await resolve_listen([("both.example", 4444)])
    assert found == [Address("2001:db8::1", 4444), Address("192.0.2.1", 4444)]


async def test_two_names_of_one_address_are_listened_on_once() -> None:
    use_names()
    found = await resolve_listen([("both.example", 4444), ("twice.example", 4444)])
    assert found == [Address("2001:db8::1", 4444), Address("192.0.2.1", 4444)]


async def test_a_target_s_addresses_are_tried_in_the_resolver_s_order_with_the_families_in_turn() -> None:
    use_names()
    found = await resolve_targets([("many.example", 4444)])
    assert [[each.host for each in target] for target in found] == [
        ["2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"]
    ]
    assert await resolve_targets([("both.example", 4444)]) == [
        (Address("2001:db8::1", 4444), Address("192.0.2.1", 4444))
    ]


async def test_targets_stay_in_order_and_as_many_as_were_named() -> None:
    use_names()
    found = await resolve_targets([("other.example", 4444), ("twice.example", 4444), ("other.example", 4444)])
    assert [address.host for (address,) in found] == ["192.0.2.2", "192.0.2.1", "192.0.2.2"]


async def test_a_listen_name_that_does_not_resolve_is_named_with_its_key_and_the_reason() -> None:
    use_names()
    with pytest.raises(UserError, match=r"^server\.listen: the name 'no\.example' does not resolve: Name or service"):
        await resolve_listen([("127.0.0.1", 4444), ("no.example", 4444)])


async def test_a_target_that_does_not_resolve_is_named_with_its_key_and_the_reason() -> None:
    use_names()
    with pytest.raises(UserError, match=r"^client\.target: the name 'no\.example' does not resolve: Name or service"):
        await resolve_targets([("no.example", 4444)])


async def test_a_name_that_no_name_server_could_be_asked_for_is_refused_like_one_that_does_not_resolve() -> None:
    with pytest.raises(UserError, match=r"^client\.target: the name 'a{64}\.example' does not resolve: "):
        await resolve_targets([(f"{'a' * 64}.example", 4444)])


@pytest.fixture
def interface() -> str:
    return socket.if_indextoname(1)


async def test_the_zone_of_a_link_local_address_is_kept(interface: str) -> None:
    # Without it the kernel refuses the address, and nobody is reached (RFC 4007, section 11).
    address = Address(f"fe80::1%{interface}", 4444)
    assert await resolve_listen([(f"fe80::1%{interface}", 4444)]) == [address]
    assert await resolve_targets([(f"fe80::1%{interface}", 4444)]) == [(address,)]


async def test_the_zone_that_a_name_server_knows_is_kept(interface: str) -> None:
    use_names()
    assert await resolve_targets([("link.example", 4444)]) == [(Address(f"fe80::1%{interface}", 4444),)]


async def test_a_family_that_the_system_lacks_is_left_out_of_every_address_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr("cts.net.addresses.socket.socket", without_ipv6)
    resolved = await resolve_listen([("*", 4711)])
    assert resolved == [Address("0.0.0.0", 4711)]
    assert missing_families(["*:4711"], resolved) == ["this system has no IPv6: '*' listens on the other family alone"]
    assert missing_families(["127.0.0.1:4711"], [Address("127.0.0.1", 4711)]) == []


@pytest.mark.parametrize("lacks", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
async def test_no_descriptor_left_is_not_taken_for_a_family_that_the_system_lacks(
    lacks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> socket.socket:
        raise OSError(lacks, "none left")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(OSError, match="none left"):
        await resolve_listen([("*", 5000)])


async def test_a_star_that_is_no_address_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> socket.socket:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(UserError, match=r"server\.listen: '\*': .* neither IPv4 nor IPv6"):
        await resolve_listen([("*", 5000)])


@pytest.mark.skipif(sys.platform != "linux", reason="packet information is asked for on Linux")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_kernel_without_packet_information_tells_of_no_destination(family: socket.AddressFamily) -> None:
    assert not ask_for_destinations(cast("socket.socket", _WithoutPacketInformation(family)))


@frozen
class _WithoutPacketInformation:
    family: socket.AddressFamily

    def setsockopt(self, level: int, option: int, value: int) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")


async def test_names_among_networks_are_resolved_to_all_their_addresses_once() -> None:
    use_names()
    assert await resolve_names({"server.allow": ["many.example", " both.example "], "server.deny": []}) == {
        "many.example": ("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"),
        " both.example ": ("2001:db8::1", "192.0.2.1"),
    }


async def test_a_name_among_networks_that_does_not_resolve_is_told_with_its_key() -> None:
    use_names()
    with pytest.raises(UserError, match=r"server\.deny: the name 'gone\.example' does not resolve"):
        await resolve_names({"server.deny": ["gone.example"]})
