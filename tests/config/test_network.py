import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from cts.config import Config, load_config, structure_config
from cts.config.network import LinkConfig, NetworkConfig
from cts.config.network_links import impairments
from cts.errors import ConfigError
from cts.impairment.delay import Constant, Delay, Normal, Pareto, Uniform
from cts.impairment.link import Impairment, Link
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Loss, Ranges
from cts.impairment.profiles import PROFILES, Profile
from cts.impairment.way import WAYS, Way

MS = 1_000_000
SHIPPED = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
GOOD_WIFI, LTE = PROFILES["good-wifi"], PROFILES["lte"]

Table = dict[str, object]


def links(network: Table) -> tuple[Impairment, Impairment]:
    return impairments(structure_config({"network": network}).network)


def both(network: Table) -> Impairment:
    to_client, to_server = links(network)
    assert to_client == to_server
    return to_client


# what is shipped


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_network_makes_two_links(path: Path) -> None:
    network = load_config(path).network
    for impairment in impairments(network):
        Link(impairment, Random(1)).transmit_many(0, [1400, 50])
    assert network.is_set == path.name.startswith(("sim-", "impair"))


def test_the_promised_networks_are_shipped() -> None:
    kinds = ("lossy", "wifi", "lte", "satellite", "outage", "push-bad-uplink")
    assert {"impair.toml", *(f"sim-{kind}.toml" for kind in kinds)} <= {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.name.startswith("sim-")], ids=lambda path: path.name)
def test_a_shipped_simulation_is_a_loopback_of_a_minute_at_most(path: Path) -> None:
    config = load_config(path)
    assert config.run.role == "loopback"
    assert 10 <= config.stream.stream_length / 1e9 <= 60


def test_the_keys_that_the_relays_config_shows_in_comments_are_good(tmp_path: Path) -> None:
    shown = (Path(__file__).parents[2] / "configs" / "impair.toml").read_text(encoding="utf-8").splitlines()
    live = [line[2:] if line.startswith("# ") and " = " in line.partition("#")[2][:20] else line for line in shown]
    (tmp_path / "all.toml").write_text("\n".join(live), encoding="utf-8")
    network = load_config(tmp_path / "all.toml").network
    of_both_ways = {key: getattr(network, key) for key in LinkConfig.__annotations__}
    assert {key for key, value in of_both_ways.items() if value is None} == {"keep_order", "delay_hold"}


# one key at a time


def test_without_keys_the_network_does_nothing() -> None:
    assert both({}) == both({"to_client": {}}) == Impairment()


@pytest.mark.parametrize("network", [{}, {"to_client": {}, "to_server": {}}])
def test_a_network_without_keys_is_not_set(network: Table) -> None:
    assert not structure_config({"network": network}).network.is_set
    assert not Config().network.is_set


@pytest.mark.parametrize("network", [{"loss": 0}, {"profile": "lte"}, {"outages": []}, {"to_server": {"mtu": 1500}}])
def test_a_network_with_any_key_is_set(network: Table) -> None:
    assert structure_config({"network": network}).network.is_set


@pytest.mark.parametrize(
    ("network", "link"),
    [
        ({"latency": "20ms"}, Impairment(delay=Constant(20 * MS))),
        ({"latency": 0.5}, Impairment(delay=Constant(500 * MS))),
        ({"latency": "20ms", "jitter": "2ms"}, Impairment(delay=Normal(20 * MS, 2 * MS))),
        ({"latency": "20ms", "jitter": 0}, Impairment(delay=Constant(20 * MS))),
        ({"keep_order": False}, Impairment(keep_order=False)),
        ({"latency": "1s", "delay_hold": "5ms"}, Impairment(delay=Constant(1000 * MS), delay_hold_ns=5 * MS)),
        ({"loss": 0.01}, Impairment(loss=Bernoulli(0.01))),
        ({"loss": 1}, Impairment(loss=Bernoulli(1.0))),
        ({"duplicate": 0.001}, Impairment(duplicate=0.001)),
        ({"reorder": 0.001}, Impairment(reorder=0.001)),
        ({"reorder": 0.1, "reorder_delay": "9ms"}, Impairment(reorder=0.1, reorder_delay_ns=9 * MS)),
        ({"corrupt": 0.0001}, Impairment(corrupt=0.0001)),
        ({"bandwidth": "50 Mbit/s"}, Impairment(bandwidth_bits_per_second=50_000_000)),
        ({"bandwidth": "unlimited"}, Impairment()),
        ({"bandwidth": "1M", "queue": "256 KiB"}, Impairment(bandwidth_bits_per_second=10**6, queue_bytes=1 << 18)),
        ({"mtu": 1500}, Impairment(mtu_bytes=1500)),
        ({"mtu": 68}, Impairment(mtu_bytes=68)),
        (
            {"outages": [{"from": "10s", "to": "12s"}, {"from": 0, "to": 1}, {"from": 1, "to": 2}]},
            Impairment(outages=((10_000 * MS, 12_000 * MS), (0, 1000 * MS), (1000 * MS, 2000 * MS))),
        ),
    ],
)
def test_a_key_is_a_field_of_both_links(network: Table, link: Impairment) -> None:
    assert both(network) == link


@pytest.mark.parametrize(
    ("table", "delay"),
    [
        ({"model": "uniform", "low": "1ms", "high": "2ms"}, Uniform(MS, 2 * MS)),
        ({"model": "normal", "mean": "20ms", "sigma": "2ms"}, Normal(20 * MS, 2 * MS)),
        ({"model": "pareto", "minimum": "20ms", "shape": 3}, Pareto(20 * MS, 3.0)),
        (
            {"model": "pareto", "minimum": 0, "shape": 1.5, "scale": "5ms", "cap": "1s"},
            Pareto(0, 1.5, scale_ns=5 * MS, cap_ns=1000 * MS),
        ),
    ],
)
def test_a_latency_may_be_a_distribution(table: Table, delay: Delay) -> None:
    assert both({"latency": table}) == Impairment(delay=delay)


@pytest.mark.parametrize(
    ("table", "loss"),
    [
        ({"model": "bernoulli", "p": 0.5}, Bernoulli(0.5)),
        ({"model": "gilbert-elliott", "p": 0.004, "r": 0.3}, GilbertElliott(0.004, 0.3, 1.0, 0.0)),
        (
            {"model": "gilbert-elliott", "p": 0.004, "r": 1, "loss_bad": 0.5, "loss_good": 0.125},
            GilbertElliott(0.004, 1.0, 0.5, 0.125),
        ),
        ({"model": "gilbert-elliott", "p": 0.1, "r": 1, "h": 0.75, "k": 0.5}, GilbertElliott(0.1, 1.0, 0.25, 0.5)),
        ({"model": "gilbert-elliott", "p": 0.1, "r": 1, "loss_bad": 0, "k": 1}, GilbertElliott(0.1, 1.0, 0.0, 0.0)),
        ({"model": "every-nth", "n": 7}, EveryNth(7)),
        ({"model": "ranges", "ranges": [[5, 9], [3, 3]]}, Ranges(((5, 9), (3, 3)))),
    ],
)
def test_a_loss_may_be_a_process(table: Table, loss: Loss) -> None:
    assert both({"loss": table}) == Impairment(loss=loss)


def test_links_hold_plain_numbers_since_arithmetic_on_others_is_slower() -> None:
    link = both(
        {"latency": "1s", "bandwidth": "1M", "queue": "1k", "mtu": "1k", "outages": [{"from": "1s", "to": "2s"}]}
    )
    assert isinstance(link.delay, Constant)
    numbers = (link.delay.delay_ns, link.bandwidth_bits_per_second, link.queue_bytes, link.mtu_bytes, *link.outages[0])
    assert {type(each) for each in numbers} == {int}


def test_links_count_the_headers_of_the_address_family() -> None:
    assert [each.overhead_bytes for each in impairments(NetworkConfig())] == [28, 28]
    assert [each.overhead_bytes for each in impairments(NetworkConfig(), ipv6=True)] == [48, 48]


# profiles, and keys on top


@pytest.mark.parametrize(("name", "profile"), PROFILES.items(), ids=PROFILES)
def test_a_profile_by_name_is_that_profile(name: str, profile: Profile) -> None:
    assert links({"profile": name}) == (profile.to_client, profile.to_server)


@pytest.mark.parametrize("way", WAYS)
def test_a_way_may_have_a_profile_of_its_own(way: Way) -> None:
    network: Table = {"profile": "adsl", way: {"profile": "lte"}}
    adsl = PROFILES["adsl"]
    expected = (LTE.to_client, adsl.to_server) if way == "to_client" else (adsl.to_client, LTE.to_server)
    assert links(network) == expected


@pytest.mark.parametrize(
    ("keys", "change"),
    [
        ({"latency": "50ms"}, lambda link: evolve(link, delay=Normal(50 * MS, 4 * MS))),
        ({"jitter": "9ms"}, lambda link: evolve(link, delay=Normal(22 * MS, 9 * MS))),
        ({"jitter": 0}, lambda link: evolve(link, delay=Constant(22 * MS))),
        (
            {"latency": {"model": "uniform", "low": 0, "high": 1}},
            lambda link: evolve(link, delay=Uniform(0, 1000 * MS)),
        ),
        ({"loss": 0}, lambda link: evolve(link, loss=Bernoulli(0.0))),
        ({"reorder": 0.5}, lambda link: evolve(link, reorder=0.5)),
        ({"bandwidth": "1 Mbit/s"}, lambda link: evolve(link, bandwidth_bits_per_second=1_000_000)),
        ({"queue": 5000}, lambda link: evolve(link, queue_bytes=5000)),
        ({"bandwidth": "unlimited"}, lambda link: evolve(link, bandwidth_bits_per_second=None, queue_bytes=None)),
        ({"mtu": 1280}, lambda link: evolve(link, mtu_bytes=1280)),
    ],
)
@pytest.mark.parametrize("place", ["for both", "for one"])
def test_a_key_overrides_its_part_of_the_profile(
    keys: Table, change: Callable[[Impairment], Impairment], place: str
) -> None:
    network: Table = {"profile": "lte", **keys} if place == "for both" else {"profile": "lte", "to_client": keys}
    to_client, to_server = links(network)
    assert to_client == change(LTE.to_client)
    assert (to_server == LTE.to_server) is (place == "for one")


def test_a_key_of_both_ways_holds_over_the_profile_of_one() -> None:
    to_client, _ = links({"loss": 0.5, "to_client": {"profile": "lte"}})
    assert to_client == evolve(LTE.to_client, loss=Bernoulli(0.5))


def test_a_latency_takes_the_place_of_a_profiles_distribution() -> None:
    assert both({"profile": "good-wifi", "latency": "3ms"}) == evolve(GOOD_WIFI.to_client, delay=Constant(3 * MS))


@pytest.mark.parametrize("way", WAYS)
def test_a_way_overrides_key_by_key(way: Way) -> None:
    common: Table = {"latency": "20ms", "jitter": "2ms", "loss": 0.01, "bandwidth": "9M", "queue": 9000, "corrupt": 0.1}
    own: Table = {"jitter": "5ms", "loss": {"model": "every-nth", "n": 3}, "bandwidth": "1M", "corrupt": 0}
    both_ways = dict(zip(WAYS, links({**common, way: own}), strict=True))
    unchanged = both(common)
    assert both_ways.pop(way) == evolve(
        unchanged, delay=Normal(20 * MS, 5 * MS), loss=EveryNth(3), bandwidth_bits_per_second=10**6, corrupt=0.0
    )
    assert list(both_ways.values()) == [unchanged]


def test_a_ways_outages_take_the_place_of_all_of_the_others() -> None:
    to_client, to_server = links({"outages": [{"from": 1, "to": 2}], "to_client": {"outages": []}})
    assert to_client.outages == ()
    assert to_server.outages == ((1000 * MS, 2000 * MS),)


def test_a_ways_latency_table_takes_the_place_of_latency_and_jitter() -> None:
    table: Table = {"model": "pareto", "minimum": "20ms", "shape": 3}
    to_client, to_server = links({"latency": "20ms", "jitter": "2ms", "to_client": {"latency": table}})
    assert to_client.delay == Pareto(20 * MS, 3.0)
    assert to_server.delay == Normal(20 * MS, 2 * MS)


def test_a_set_reaches_into_the_network(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[network]\nprofile = "lte"\n', encoding="utf-8")
    overrides = ["network.to_client.loss=0.5", "network.latency={model = 'uniform', low = 0, high = 1}"]
    to_client, to_server = impairments(load_config(path, overrides).network)
    assert (to_client.loss, to_server.loss) == (Bernoulli(0.5), LTE.to_server.loss)
    assert to_client.delay == to_server.delay == Uniform(0, 1000 * MS)
    with pytest.raises(ConfigError, match=r"network\.queue: 5 B, and no bandwidth .* \(from --set network\.queue=5\)"):
        load_config(path, ["network.profile=transatlantic", "network.queue=5"])


def test_what_contradicts_another_key_of_its_table_names_the_set_that_either_came_from(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[network]\nlatency = {model = "uniform", low = "1ms", high = "2ms"}\n', encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"network\.latency\.high: 2 ms, and low is 3 ms; .* \(from --set .*low=3ms\)"
    ):
        load_config(path, ["network.latency.low=3ms"])


def test_the_truth_may_be_written_beside_the_other_logs() -> None:
    output = structure_config({"output": {"truth_file": "t.jsonl", "events_file": "e.jsonl"}}).output
    assert output.files() == {"events_file": Path("e.jsonl"), "truth_file": Path("t.jsonl")}


# what the documentation shows

DOCUMENT = (Path(__file__).parents[2] / "docs" / "impairments.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", DOCUMENT, re.MULTILINE)
MODELS = re.findall(r"`(\{model = .+?\})`", DOCUMENT)


def test_the_documentation_has_a_row_for_every_key() -> None:
    assert [key for key, _ in ROWS] == list(LinkConfig.__annotations__)


@pytest.mark.parametrize(("key", "example"), ROWS)
def test_the_example_of_a_documented_key_is_good(key: str, example: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[network]\nlatency = "1s"\nreorder = 0.1\nbandwidth = "1M"\n', encoding="utf-8")
    assert getattr(load_config(path, [f"network.{key}={example}"]).network, key) is not None


@pytest.mark.parametrize("example", MODELS)
def test_a_documented_model_is_good(example: str, tmp_path: Path) -> None:
    (tmp_path / "delays.txt").write_text("21.3ms\n0.0213\n", encoding="utf-8")
    path = tmp_path / "run.toml"
    key = "loss" if re.search("bernoulli|gilbert|nth|ranges", example) else "latency"
    path.write_text(f"[network]\n{key} = {example}\n", encoding="utf-8")
    assert load_config(path).network.is_set


def test_every_model_is_documented() -> None:
    documented = {example.split('"')[1] for example in MODELS}
    assert documented == {"uniform", "normal", "pareto", "trace", "bernoulli", "gilbert-elliott", "every-nth", "ranges"}


def test_the_documented_tables_override_each_other_as_they_say(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(DOCUMENT.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    to_client, to_server = impairments(load_config(path).network)
    loss = Bernoulli(0.01)
    assert to_client == evolve(LTE.to_client, loss=loss, bandwidth_bits_per_second=10_000_000, queue_bytes=1 << 18)
    assert to_server == evolve(LTE.to_server, loss=loss, delay=Pareto(25 * MS, 2.5))
