import re
from collections.abc import Callable
from ipaddress import IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.config.endpoint_text import parse_endpoint, parse_target


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:5555", ("127.0.0.1", 5555)),
        ("127.0.0.1", ("127.0.0.1", 4444)),
        ("[::1]:5555", ("::1", 5555)),
        ("[::1]", ("::1", 4444)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("*:0", ("*", 0)),
        ("*", ("*", 4444)),
        ("media.example.org:65535", ("media.example.org", 65_535)),
        ("bücher.example", ("bücher.example", 4444)),
        ("my_host-1.", ("my_host-1.", 4444)),
    ],
)
def test_an_address_splits_into_host_and_port(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":4444",
            "a:",
            "a:b",
            "a:65536",
            "a:-1",
            "a:1:2",
            "a:\uff14",
            "[::1",
            "::1]",
            "[::1]4444",
            "[]:1",
            "[a]:1",
            "[::1]:x",
        ),
        *(
            "127.0.0.256",
            "127.1",
            "1234",
            "a..b",
            "a b",
            "a/b",
            "udp://a:1",
            "a\0b",
            "a" * 64,
            "a." * 200,
            "[::1%a b]",
            "[::1]:1:1",
        ),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fd77::1", ["[fd77::1]:4444"]),
        # What ends in digits can be an address, or one with a port.
        ("fd77::1:4444", ["[fd77::1]:4444", "[fd77::1:4444]:4444"]),
        ("fd77::1:5", ["[fd77::1:5]:4444", "[fd77::1]:5"]),
        ("fd77::1:abcd", ["[fd77::1:abcd]:4444"]),
        ("2001:db8:0:0:0:0:0:1:5000", ["[2001:db8:0:0:0:0:0:1]:5000"]),
        (":::5000", ["[::]:5000"]),
        ("fe80::1%eth1:5000", ["[fe80::1%eth1]:5000"]),
        ("fe80::1", ["[fe80::1%eth0]:4444"]),
        ("[::1]5000", ["[::1]:5000"]),
        ("[::1", ["[::1]:4444"]),
        ("::1]:5000", ["[::1]:5000"]),
        ("[192.0.2.1]:5000", ["192.0.2.1:5000"]),
        ("[media.example.org]:5000", ["media.example.org:5000"]),
        ("udp://192.0.2.1:5000/", ["192.0.2.1:5000"]),
        ("http://127.0.0.1", ["127.0.0.1"]),
    ],
)
@pytest.mark.parametrize("parse", [parse_endpoint, parse_target])
def test_an_address_of_a_wrong_shape_is_shown_as_it_can_have_been_meant(
    parse: Callable[[str], object], text: str, meant: list[str]
) -> None:
    with pytest.raises(ValueError, match="did you mean") as caught:
        parse(text)
    assert str(caught.value).endswith(f"did you mean {', or '.join(map(repr, meant))}?")


@given(st.ip_addresses(v=6), st.integers(0, 65_535), st.booleans())
@settings(deadline=None)
def test_what_is_shown_for_an_ipv6_address_without_brackets_can_be_read(
    address: IPv6Address, port: int, with_port: bool
) -> None:
    with pytest.raises(ValueError, match="allowed: ") as caught:
        parse_endpoint(f"{address}:{port}" if with_port else str(address))
    shown = re.findall(r"'(\[[^']*\]:[0-9]+)'", str(caught.value))
    assert shown
    parsed = [parse_endpoint(each) for each in shown]
    wanted = f"{address}%eth0" if address.is_link_local else str(address)
    assert (wanted, port if with_port else 4444) in parsed


def test_a_hint_about_every_address_is_for_listeners_alone() -> None:
    with pytest.raises(ValueError, match=r'"\*:5000" to listen on every address'):
        parse_endpoint(":5000")
    with pytest.raises(ValueError, match=r"did you mean '\*:5000'\?"):
        parse_endpoint("5000")
    for text in (":5000", "5000"):
        with pytest.raises(ValueError, match="allowed: ") as caught:
            parse_target(text)
        assert "*" not in str(caught.value)


@given(st.text() | st.text("[]:%.*0123456789abcdef"))
@settings(deadline=None)
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        host, port = parse_endpoint(text)
    except ValueError:
        return
    assert host
    assert 0 <= port <= 65_535


@pytest.mark.parametrize("zone", ["%eth0", "%25eth0"])
def test_a_link_local_address_names_its_interface_as_it_is_or_as_in_a_url(zone: str) -> None:
    assert parse_endpoint(f"[fe80::1{zone}]:4711") == ("fe80::1%eth0", 4711)


def test_an_interface_may_be_a_number_also_one_that_looks_like_an_escape() -> None:
    assert parse_endpoint("[fe80::1%25]:4711") == ("fe80::1%25", 4711)


def test_a_link_local_address_without_its_interface_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match=r"does not say on which interface; allowed: .*fe80::1%eth0\]:4711"):
        parse_endpoint("[fe80::1]:4711")


@pytest.mark.parametrize("text", ["http://127.0.0.1", "udp://a:1", "http://127.0.0.1:80/page"])
def test_a_url_is_called_one(text: str) -> None:
    with pytest.raises(ValueError, match="is a URL; allowed: "):
        parse_target(text)
