import pytest

from cts.config import structure_config
from cts.config.network_links import impairments
from cts.errors import ConfigError

Table = dict[str, object]


def problems_of(network: object, **tables: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_config({"network": network, **tables})
    return caught.value.problems


def the_problem_of(network: Table) -> str:
    (problem,) = problems_of(network)
    return problem


def keys_of(problems: list[str]) -> list[str]:
    return [problem.partition(": ")[0] for problem in problems]


# what is refused


@pytest.mark.parametrize("key", ["loss", "duplicate", "reorder", "corrupt"])
@pytest.mark.parametrize("value", [-0.1, 1.1, 2])
def test_what_is_no_probability_is_refused(key: str, value: float) -> None:
    assert the_problem_of({key: value}).startswith(f"network.{key}: {float(value)} is out of range; allowed: 0 to 1")


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (
            {"profile": "ltee"},
            "network.profile: no network profile is called 'ltee' (did you mean 'lte'?); allowed: good",
        ),
        ({"to_client": {"profile": 5}}, "network.to_client.profile: 5 is not text"),
        ({"latency": "soon"}, "network.latency: 'soon' is not a duration"),
        (
            {"latency": {"model": "gauss"}},
            "network.latency: a table with model 'gauss'; allowed: a table with model = ",
        ),
        ({"latency": -1}, "network.latency: -1 is not a duration"),
        ({"bandwidth": 0}, "network.bandwidth: 0 bit/s is out of range; allowed: more than 0"),
        ({"bandwidth": "unlimted"}, "network.bandwidth: 'unlimted' is not a rate"),
        ({"mtu": 67}, "network.mtu: 67 B is out of range; allowed: at least 68 B"),
        ({"reorder": 0.1, "reorder_delay": 0}, "network.reorder_delay: 0 s is out of range; allowed: more than 0"),
        ({"keep_order": "no"}, "network.keep_order: 'no' is not a switch"),
        ({"los": 0.1}, "network.los: unknown key; did you mean 'loss'?"),
        ({"to_clients": {}}, "network.to_clients: unknown key; did you mean 'to_client'?"),
        ({"outages": {"from": 1, "to": 2}}, "network.outages: a table is not an array"),
        (
            {"outages": ["10s"]},
            "network.outages[0]: '10s' is not a table; allowed: a table with keys of: from, to",
        ),
        ({"outages": [{"from": "10s"}]}, "network.outages[0].to: required key is missing"),
        ({"outages": [{"from": 1, "to": "x"}]}, "network.outages[0].to: 'x' is not a duration"),
        (
            {"outages": [{"from": 1, "to": 2, "on": 3}]},
            "network.outages[0].on: unknown key; allowed: from, to",
        ),
        ({"loss": {"model": "every-nth", "n": 0}}, "network.loss.n: 0 is out of range; allowed: at least 1"),
        ({"loss": {"model": "every-nth"}}, "network.loss.n: required key is missing"),
        ({"loss": {"model": "gilbert-elliott", "p": 0.1, "r": 0}}, "network.loss.r: 0: a bad state that never ends"),
        (
            {"loss": {"model": "gilbert-elliott", "p": 2, "r": 1}},
            "network.loss.p: 2.0 is out of range; allowed: 0 to 1",
        ),
        (
            {"latency": {"model": "pareto", "minimum": 1, "shape": 0}},
            "network.latency.shape: 0.0 is out of range; allowed",
        ),
    ],
)
def test_a_wrong_value_is_refused_at_its_key(network: Table, text: str) -> None:
    assert the_problem_of(network).startswith(text)


TABLE: Table = {"model": "uniform", "low": 0, "high": 1}


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"queue": "64 KiB"}, "network.queue: 64 KiB, and no bandwidth is given, so that nothing ever waits"),
        ({"queue": 0}, "network.queue: 0 B, and no bandwidth is given"),
        ({"profile": "transatlantic", "queue": 5000}, "network.queue: 5000 B, and no bandwidth is given"),
        ({"to_client": {"queue": 5000, "loss": 0}}, "network.to_client.queue: 5000 B, and no bandwidth"),
        (
            {"to_client": {"queue": 5000}, "to_server": {"bandwidth": "1M"}},
            "network.to_client.queue: 5000 B, and no band",
        ),
        ({"reorder_delay": "9ms"}, "network.reorder_delay: 9 ms, and no reorder probability is given"),
        ({"profile": "lte", "reorder_delay": "9ms"}, "network.reorder_delay: 9 ms, and no reorder probability"),
        ({"jitter": "2ms"}, "network.jitter: 2 ms, and no latency is given that could vary"),
        ({"delay_hold": "2ms"}, "network.delay_hold: 2 ms, and no latency is given to hold"),
        (
            {"latency": TABLE, "delay_hold": "2ms", "keep_order": False},
            "network.delay_hold: 2 ms, and keep_order is false: nothing holds",
        ),
        (
            {"latency": TABLE, "jitter": "2ms"},
            "network.jitter: 2 ms with a latency that is a table; allowed: jitter with",
        ),
        (
            {"latency": TABLE, "to_client": {"jitter": 0}},
            "network.to_client.jitter: 0 s with a latency that is a table",
        ),
        (
            {"to_server": {"latency": TABLE, "jitter": 1}},
            "network.to_server.jitter: 1 s with a latency that is a table",
        ),
        ({"profile": "good-wifi", "jitter": 0}, "network.jitter: 0 s with the latency of a profile that has no jitter"),
        (
            {"profile": "lte", "to_client": {"profile": "good-wifi", "jitter": "1ms"}},
            "network.to_client.jitter: 1 ms with the latency of a profile",
        ),
        (
            {"outages": [{"from": 1, "to": 1}]},
            "network.outages[0]: from 1 s to 1 s, which is empty; allowed: to later than",
        ),
        ({"outages": [{"from": 2, "to": 1}]}, "network.outages[0]: from 2 s to 1 s, which is backwards"),
        (
            {"outages": [{"from": 5, "to": 9}, {"from": 1, "to": 2}, {"from": 8, "to": 10}]},
            "network.outages[2]: begins at 8 s, within network.outages[0], which ends at 9 s",
        ),
        (
            {"to_server": {"outages": [{"from": 1, "to": 9}, {"from": 2, "to": 3}]}},
            "network.to_server.outages[1]: begins at 2 s, within network.to_server.outages[0]",
        ),
        (
            {"latency": {"model": "uniform", "low": "2ms", "high": "1ms"}},
            "network.latency.high: 1 ms, and low is 2 ms; allowed: low or more",
        ),
        (
            {"latency": {"model": "pareto", "minimum": 0, "shape": 2}},
            "network.latency.minimum: 0 s, and scale, which is",
        ),
        (
            {"latency": {"model": "pareto", "minimum": "11s", "shape": 2}},
            "network.latency.cap: 10 s, and minimum is 11 s; allowed: minimum or more",
        ),
        (
            {"loss": {"model": "gilbert-elliott", "p": 0.1, "r": 1, "h": 0, "loss_bad": 1}},
            "network.loss.h: another way to write loss_bad, which is given too; allowed: one of them",
        ),
        (
            {"to_client": {"loss": {"model": "gilbert-elliott", "p": 0.1, "r": 1, "k": 1, "loss_good": 0}}},
            "network.to_client.loss.k: another way to write loss_good, which is given too",
        ),
        (
            {"loss": {"model": "ranges", "ranges": [[1, 2], [9, 5]]}},
            "network.loss.ranges[1]: from 9 to 5, which is backwards",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused_once(network: Table, text: str) -> None:
    assert the_problem_of(network).startswith(text)


@pytest.mark.parametrize(
    "network",
    [
        {"queue": 5000, "to_server": {"bandwidth": "1M"}},  # for both ways, and does something in one
        {"queue": 5000, "to_server": {"profile": "lte"}},
        {"queue": 5000, "bandwidth": "unlimited"},  # as --set may switch it off
        {"reorder": 0, "reorder_delay": "9ms"},
        {"profile": "transatlantic", "reorder_delay": "9ms"},
        {"latency": 0, "jitter": "2ms"},
        {"jitter": "2ms", "to_client": {"latency": "20ms"}},
        {"jitter": 0},
        {"jitter": 0, "latency": TABLE},
        {"profile": "good-wifi", "latency": "20ms", "jitter": "2ms"},
        {"profile": "good-wifi", "delay_hold": 0, "keep_order": False},
        {"profile": "good-wifi", "jitter": "1ms", "to_client": {"latency": 1}, "to_server": {"latency": TABLE}},
        {"latency": "1s", "delay_hold": "2ms", "to_client": {"keep_order": False}},
        {"outages": [{"from": 2, "to": 3}, {"from": 1, "to": 2}]},
    ],
)
def test_keys_that_go_together_are_taken(network: Table) -> None:
    impairments(structure_config({"network": network}).network)


def test_everything_that_is_wrong_is_told_at_once_with_what_is_wrong_elsewhere() -> None:
    problems = problems_of(
        {
            "profile": "lte2",
            "loss": 2,
            "corrupt": "x",
            "reorder_delay": "9ms",
            "outages": [{"from": 2, "to": 1}, {"from": 3, "to": 3}],
            "to_client": {"latency": {"model": "uniform", "low": 2, "high": 1}, "mtu": 1, "jitter": "1ms"},
            "to_server": 5,
        },
        stream={"frame_rate": 0},
        run={"role": "client"},
    )
    assert sorted(keys_of(problems)) == [
        "client.target",
        "network.corrupt",
        "network.loss",
        "network.outages[0]",
        "network.outages[1]",
        "network.profile",
        "network.to_client.latency.high",
        "network.to_client.mtu",
        "network.to_server",
        "stream.frame_rate",
    ]  # jitter and reorder_delay rest on the profile, which is wrong


@pytest.mark.parametrize("table", ["", "to_client"])
def test_a_table_that_lacks_a_key_hides_nothing_else(table: str) -> None:
    keys: Table = {
        "latency": {"model": "normal", "mean": "x", "sigma": 0},
        "loss": {"model": "ranges", "ranges": [[0, 1]]},
        "queue": 5000,
    }
    problems = problems_of({table: keys} if table else keys, output={"truth_file": "a.csv"})
    where = f"network.{table}." if table else "network."
    assert sorted(keys_of(problems)) == sorted(
        [f"{where}latency.mean", f"{where}loss.ranges[0][0]", f"{where}queue", "output.truth_file"]
    )


def test_a_key_whose_other_half_is_wrong_is_not_told() -> None:
    assert keys_of(problems_of({"queue": 5000, "bandwidth": "fast"})) == ["network.bandwidth"]
    assert keys_of(problems_of({"queue": 5000, "to_client": {"bandwidth": 0}})) == ["network.to_client.bandwidth"]
    assert keys_of(problems_of({"jitter": "1ms", "latency": {"model": "gauss"}})) == ["network.latency"]


def test_a_network_that_is_no_table_is_refused() -> None:
    (problem,) = problems_of("lte")
    assert problem.startswith("network: 'lte' is not a table; allowed: a table with keys of: profile, latency, ")


# the ground truth's file


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"truth_file": "t.csv"}, "output.truth_file: 't.csv' ends in .csv, but holds JSON lines"),
        ({"truth_file": "x", "events_file": "x"}, "output.truth_file: 'x' is output.events_file too"),
    ],
)
def test_a_truth_file_that_cannot_be_is_refused(output: Table, text: str) -> None:
    (problem,) = problems_of({}, output=output)
    assert problem.startswith(text)
