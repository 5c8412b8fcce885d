"""Networks of peers: what is one, what is not and was meant to be, and words that are easily mistaken for names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.config import structure_config
from cts.config.peer_networks import parse_network
from cts.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::7", "2001:db8::7/128"),
        ("::ffff:192.0.2.0/120", "::ffff:c000:200/120"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("host.example", None),
        ("server1", None),
        ("local", None),
    ],
)
def test_a_network_an_address_and_a_name_are_taken(text: str, network: str | None) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4444", "2001:db8::1"),
        ("192.0.2.7:4444", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%eth0/64", "fe80::/64"),
    ],
)
def test_what_is_nearly_a_network_is_refused_with_what_it_may_have_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="allowed: a network") as caught:
        parse_network(text)
    assert str(caught.value).endswith(f"; did you mean '{meant}'?")


@pytest.mark.parametrize("text", ["", "*", "300.0.0.1", "1.2.3", "192.0.2.0/33", "::g", "bad name", "a/b", "x" * 300])
def test_what_is_none_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r'allowed: a network "192\.0\.2\.0/24"'):
        parse_network(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = ""
    try:
        parse_network(text)
    except ValueError as error:
        refused = str(error)
    assert not refused or "; allowed: " in refused


def problems(server: dict[str, object]) -> list[str]:
    try:
        structure_config({"server": server})
    except ConfigError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    "value", ["local", "all", "none", ["local", "192.0.2.0/24"], "192.0.2.0/24", "host.example", []]
)
def test_original_clients_are_a_word_or_networks(value: object) -> None:
    assert problems({"original_clients": value}) == []


@pytest.mark.parametrize("value", [["all"], ["none"], "lokal", ["192.0.2.1", "Local"], "al"])
def test_a_name_that_is_nearly_one_of_the_words_is_taken_for_a_mistake(value: object) -> None:
    (problem,) = problems({"original_clients": value})
    assert problem.startswith("server.original_clients[")
    assert "did you mean the text '" in problem


def test_every_wrong_network_and_limit_is_told_by_its_key() -> None:
    wrong = problems({"allow": ["192.0.2.1", "1.2.3"], "deny": "::g", "limits": {"streams_per_address": 0, "rate": 1}})
    assert [each.partition(":")[0] for each in wrong] == [
        "server.allow[1]",
        "server.deny[0]",
        "server.limits.streams_per_address",
        "server.limits.rate",
    ]
