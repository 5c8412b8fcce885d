"""The keys that say how sockets are opened: what they take, and what of them does not go together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.config import structure_config
from cts.config.client_bind import ClientBind, parse_bind
from cts.config.dscp import DSCP_NAMES, dscp_name, parse_dscp
from cts.errors import ConfigError


def problems_of(**tables: Mapping[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_config(tables)
    return caught.value.problems


@pytest.mark.parametrize(
    ("value", "codepoint"),
    [
        ("EF", 46),
        ("ef", 46),
        ("AF11", 10),
        ("AF43", 38),
        ("CS5", 40),
        ("CS0", 0),
        ("LE", 1),
        ("voice_admit", 44),
        ("46", 46),
        (0, 0),
        (63, 63),
    ],
)
def test_a_codepoint_is_a_number_or_a_name_of_the_registry(value: int | str, codepoint: int) -> None:
    assert parse_dscp(value) == codepoint


@given(st.integers(0, 63))
def test_what_is_shown_of_a_codepoint_begins_with_its_number_and_names_it(codepoint: int) -> None:
    number, _, name = dscp_name(codepoint).partition(" ")
    assert int(number) == codepoint
    assert not name or DSCP_NAMES[name.strip("()")] == codepoint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (64, "as a TOS octet, 64 is the codepoint 16"),
        (184, "as a TOS octet, 184 is the codepoint 46"),
        (-1, '"LE", "DF"'),
        (185, '"LE", "DF"'),
        ("AF14", "did you mean 'AF43'?"),
        ("EFF", "did you mean 'EF'?"),
        ("", "is no codepoint"),
    ],
)
def test_what_is_no_codepoint_is_refused_with_what_is_allowed(value: object, hint: str) -> None:
    (problem,) = problems_of(stream={"dscp": value})
    assert problem.startswith("stream.dscp: ")
    assert hint in problem


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("192.0.2.7", ClientBind("192.0.2.7", None)),
        ("192.0.2.7:5000", ClientBind("192.0.2.7", (5000, 5000))),
        ("[fd00::7]:5000-5099", ClientBind("fd00::7", (5000, 5099))),
        ("[fe80::7%eth0]", ClientBind("fe80::7%eth0", None)),
        ("5000-5099", ClientBind(None, (5000, 5099))),
        (5000, ClientBind(None, (5000, 5000))),
        ("*:5000", ClientBind(None, (5000, 5000))),
        ("0.0.0.0", ClientBind(None, None)),
    ],
)
def test_a_place_to_bind_is_an_address_or_ports_or_both(text: int | str, bind: ClientBind) -> None:
    assert parse_bind(text) == bind


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fd00::7:5000", "did you mean '[fd00::7]:5000', or '[fd00::7:5000]'?"),
        ("name:5000", "has no numeric address"),
        ("[fe80::7]:5000", "does not say on which interface"),
        ("224.0.0.1", "is the address of a group"),
        ("5099-5000", "has its last port before its first"),
        ("192.0.2.7:0", "not one of 1 to 65535"),
        ("192.0.2.7:70000", "not one of 1 to 65535"),
        ("192.0.2.7:", "is no address and ports"),
        ("", "has no numeric address"),
    ],
)
def test_what_is_no_place_to_bind_is_refused_with_what_is_allowed(text: str, why: str) -> None:
    (problem,) = problems_of(client={"bind": text})
    assert problem.startswith("client.bind: ")
    assert why in problem
    assert '"192.0.2.7:5000"' in problem


@given(st.text() | st.text("[]:-*0123456789abcdef.%"))
def test_any_text_is_a_place_to_bind_or_a_value_error(text: str) -> None:
    try:
        _, ports = parse_bind(text)
    except ValueError:
        return
    assert ports is None or 1 <= ports[0] <= ports[1] <= 65_535


def test_more_connections_at_once_than_ports_are_refused_with_a_range_that_is_enough() -> None:
    (problem,) = problems_of(client={"bind": "5000", "connections": 3})
    assert problem == (
        "client.bind: port 5000 is one, and client.connections is 3: each at once takes a port; "
        'allowed: "5000-5002", or no port'
    )
    assert structure_config({"client": {"bind": "5000-5002", "connections": 3}}).client.bind == "5000-5002"


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"client": {"bind": "[::1]"}}, "::1 is IPv6, and server.listen has 127.0.0.1"),
        ({"client": {"bind": "127.0.0.1", "target": ["[::1]:5"]}}, "127.0.0.1 is IPv4, and client.target has ::1"),
        (
            {"client": {"bind": "127.0.0.1"}, "server": {"listen": "*:5"}},
            "127.0.0.1 is IPv4, and server.listen is every address of both families",
        ),
    ],
)
def test_an_address_of_another_family_than_the_other_end_s_is_refused(
    tables: dict[str, dict[str, object]], text: str
) -> None:
    (problem,) = problems_of(**tables)
    assert problem.startswith(f"client.bind: {text}; allowed: ")


def test_a_server_is_not_held_to_what_its_file_says_of_a_client() -> None:
    config = structure_config({"run": {"role": "server"}, "client": {"bind": "5000", "connections": 3}})
    assert config.run.role == "server"


@pytest.mark.parametrize("value", ["", "a b", "a/b", "sixteen_letters_", "a:b"])
def test_what_can_be_no_interface_is_refused(value: str) -> None:
    (problem,) = problems_of(run={"interface": value})
    assert "is no interface's name; allowed: one that `ip link` lists" in problem


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("ttl", 0, "1 to 255"),
        ("ttl", 256, "1 to 255"),
        ("receive_buffer", 0, "1 B to 1073741824 B"),
        ("send_buffer", "2 GiB", "1 B to 1073741824 B"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_them(key: str, value: object, allowed: str) -> None:
    (problem,) = problems_of(run={key: value})
    assert problem.endswith(f"is out of range; allowed: {allowed}")


@pytest.mark.parametrize(
    ("table", "word", "key"),
    [
        ("run", "hop_limit", "run.ttl"),
        ("run", "tos", "stream.dscp"),
        ("stream", "fps", "stream.frame_rate"),
        ("stream", "duration", "stream.stream_length"),
        ("stream", "bitrate", "stream.bits_per_second"),
        ("server", "bind", "server.listen"),
        ("client", "source_port", "client.bind"),
        ("network", "delay", "network.latency"),
        ("network", "bit-rate", "network.bandwidth"),
    ],
)
def test_another_tool_s_word_for_a_key_leads_to_it(table: str, word: str, key: str) -> None:
    assert problems_of(**{table: {word: 1}}) == [f"{table}.{word}: unknown key; did you mean {key}?"]


@pytest.mark.parametrize(
    ("bind", "listen", "wrong"),
    [
        ("4444", "127.0.0.1:4444", True),
        ("127.0.0.1:4440-4449", "*:4444", True),
        ("127.0.0.1:4444", "127.0.0.1:4444", True),
        ("127.0.0.2:4444", "127.0.0.1:4444", False),
        ("127.0.0.1:4445", "127.0.0.1:4444", False),
        ("127.0.0.1", "127.0.0.1:4444", False),
    ],
)
def test_a_client_may_not_be_bound_to_the_port_of_its_own_run_s_server(bind: str, listen: str, wrong: bool) -> None:
    raw = {"client": {"bind": bind, "target": ["127.0.0.1:4444"]}, "server": {"listen": [listen]}}
    if not wrong:
        assert structure_config(raw).client.bind == bind
        return
    with pytest.raises(ConfigError, match=r"client.bind: port 4444 is the one that this run's server listens on"):
        structure_config(raw)
