"""Networks against the standard library's, and IPv4 addresses that come mapped into IPv6."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.engine.ip_networks import LOCAL_NETWORKS, Networks, number_of, prefix_of

addresses = st.ip_addresses()
networks = st.builds(
    lambda address, length: ip_network(f"{address}/{length % (address.max_prefixlen + 1)}", strict=False),
    addresses,
    st.integers(0, 128),
)


def is_mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


@given(st.lists(networks, max_size=5), addresses)
def test_an_address_is_in_networks_as_the_standard_library_has_it(
    within: list[IPv4Network | IPv6Network], address: IPv4Address | IPv6Address
) -> None:
    if any(is_mapped(each.network_address) for each in within) or is_mapped(address):
        return
    expected = any(address in each for each in within)
    assert (number_of(str(address)) in Networks(map(str, within))) == expected


@given(networks, st.integers(0, 2**128 - 1))
def test_what_is_in_a_network_is_found_there(network: IPv4Network | IPv6Network, chance: int) -> None:
    address = network[chance % network.num_addresses]
    if not is_mapped(address):
        assert number_of(str(address)) in Networks([str(network)])


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_mapped_into_ipv6_is_that_address(address: IPv4Address) -> None:
    assert number_of(f"::ffff:{address}") == number_of(str(address))
    assert number_of(f"::ffff:{address}") in Networks([str(address)])
    assert number_of(str(address)) in Networks([f"::ffff:{address}/128"])


def test_all_of_a_family_is_none_of_the_other() -> None:
    assert number_of("192.0.2.1") not in Networks(["::/0"])
    assert number_of("2001:db8::1") not in Networks(["0.0.0.0/0"])
    assert number_of("::ffff:192.0.2.1") in Networks(["0.0.0.0/0"])


def test_a_zone_is_left_out() -> None:
    assert number_of("fe80::1%eth0") == number_of("fe80::1")
    assert number_of("fe80::1%7") in Networks(["fe80::1%eth0"])


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.8.8.8", True),
        ("10.1.2.3", True),
        ("172.15.255.255", False),
        ("172.16.0.0", True),
        ("172.32.0.0", False),
        ("192.168.7.7", True),
        ("169.254.1.1", True),
        ("fd12:3456::1", True),
        ("fe80::1%eth0", True),
        ("192.0.2.1", False),
        ("100.64.0.1", False),
        ("8.8.8.8", False),
        ("2001:db8::1", False),
        ("::ffff:8.8.8.8", False),
        ("::2", False),
    ],
)
def test_local_is_loopback_private_and_link_local(host: str, local: bool) -> None:
    assert (number_of(host) in Networks(LOCAL_NETWORKS)) is local


@pytest.mark.parametrize("host", ["host.example", "", "1.2.3", "::g", "1.2.3.4%eth0"])
def test_what_is_no_numeric_address_is_refused(host: str) -> None:
    with pytest.raises(OSError, match="illegal IP address"):
        number_of(host)


@given(addresses, addresses, st.integers(1, 32), st.integers(1, 128))
def test_two_addresses_have_the_same_prefix_when_they_are_in_the_same_network(
    one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address, ipv4: int, ipv6: int
) -> None:
    if is_mapped(one) or is_mapped(other):
        return
    prefixes = [prefix_of(number_of(str(each)), ipv4, ipv6) for each in (one, other)]
    length = ipv4 if one.version == 4 else ipv6
    same = other.version == one.version and ip_address(other) in ip_network(f"{one}/{length}", strict=False)
    assert (prefixes[0] == prefixes[1]) is same
