"""From a configuration to who is let in, and what is said of it when a run begins."""

from __future__ import annotations

import pytest

from cts.config import Config, structure_config
from cts.engine.ip_networks import LOCAL_NETWORKS
from cts.runs.admission_settings import admission_notes, admission_settings, names_to_resolve


def config_of(role: str = "server", direction: str = "pull", **server: object) -> Config:
    client = {"target": "192.0.2.1:4444"} if role == "client" else {}
    tables = {"run": {"role": role}, "stream": {"direction": direction}, "server": server, "client": client}
    return structure_config(tables)


def test_networks_go_on_as_they_are_and_names_as_their_addresses() -> None:
    config = config_of(
        allow=["192.0.2.0/24", "host.example"], deny=["192.0.2.7"], original_clients=["local", "a.example"]
    )
    known = {"host.example": ("198.51.100.1", "2001:db8::1"), "a.example": ("198.51.100.2",)}
    settings = admission_settings(config, known=known)
    assert settings.allow == ("192.0.2.0/24", "198.51.100.1", "2001:db8::1")
    assert settings.deny == ("192.0.2.7/32",)
    assert settings.original_clients == (*LOCAL_NETWORKS, "198.51.100.2")


def test_the_words_for_original_clients_are_networks_none_and_everybody() -> None:
    found = [admission_settings(config_of(original_clients=word)).original_clients for word in ("local", "none", "all")]
    assert found == [LOCAL_NETWORKS, (), None]


def test_nobody_is_kept_out_by_an_empty_list_and_a_name_without_addresses_lets_nobody_in() -> None:
    assert admission_settings(config_of()).allow is None
    assert admission_settings(config_of(allow="host.example")).allow == ()


def test_names_are_looked_up_by_key_and_only_for_a_server() -> None:
    server: dict[str, object] = {"allow": ["host.example", "192.0.2.1", "local"], "original_clients": "b.example"}
    asking = {"target": "192.0.2.1:4444"}
    assert names_to_resolve(structure_config({"run": {"role": "server"}, "server": server})) == {
        "server.allow": ("host.example",),
        "server.original_clients": ("b.example",),
    }
    assert names_to_resolve(structure_config({"run": {"role": "client"}, "server": server, "client": asking})) == {}


def test_the_limits_are_the_configuration_s() -> None:
    limits = {"streams_per_address": 7, "ipv4_prefix": 16, "bits_per_second": "1G", "starts_per_second": 9}
    settings = admission_settings(config_of(limits=limits))
    assert (settings.starts_per_second, settings.limits.streams_per_address) == (9, 7)
    assert (settings.limits.ipv4_prefix, settings.limits.bits_per_second) == (16, 10**9)
    assert settings.limits.bits_per_second_per_address is None


def test_where_both_sides_are_of_one_run_its_own_addresses_are_let_in() -> None:
    config = structure_config({"client": {"bind": "192.0.2.9"}, "server": {"listen": "192.0.2.1:0"}})
    own = admission_settings(config, own_hosts=["192.0.2.1", "0.0.0.0"]).own
    assert own == ("127.0.0.0/8", "::1", "192.0.2.1", "192.0.2.9")
    assert admission_settings(config_of(), own_hosts=["192.0.2.1"]).own == ()


@pytest.mark.parametrize(
    ("listen", "clients", "direction", "said"),
    [
        ("127.0.0.1:0", "all", "pull", None),
        ("localhost:0", "local", "pull", None),
        ("*:0", "local", "pull", "loopback, private and link-local addresses alone"),
        ("127.0.0.1:0", "none", "pull", "START is answered to nobody"),
        ("*:0", "all", "pull", "a forged one has 8 Mbit/s for 5 s sent"),
        ("host.example:0", "all", "push", "a forged one has 39 bytes for its 5 sent"),
        ("*:0", ["203.0.113.0/24", "local"], "pull", "START is answered to 203.0.113.0/24, local "),
    ],
)
def test_a_server_that_others_can_reach_says_whose_start_it_answers(
    listen: str, clients: object, direction: str, said: str | None
) -> None:
    notes = admission_notes(config_of(direction=direction, listen=listen, original_clients=clients))
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


def test_a_client_says_nothing_of_it() -> None:
    assert admission_notes(config_of("client", listen="*:0")) == []
