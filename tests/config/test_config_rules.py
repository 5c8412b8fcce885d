import os
from pathlib import Path

import pytest

from cts.config import load_config, structure_config
from cts.errors import ConfigError


def problems_of(raw: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_config(raw)
    return caught.value.problems


def the_problem_of(raw: dict[str, object]) -> str:
    (problem,) = problems_of(raw)
    return problem


def test_a_listener_may_ask_for_any_port_and_every_address() -> None:
    assert structure_config({"server": {"listen": ["*:0", "[::]:0"]}}).server.listen == ("*:0", "[::]:0")


@pytest.mark.parametrize("target", ["*:4444", "0.0.0.0:4444", "[::]:4444", "127.0.0.1:0"])
def test_a_target_is_one_address_and_port(target: str) -> None:
    assert the_problem_of({"client": {"target": [target]}}).startswith(f"client.target[0]: '{target}' ")


PCAP: dict[str, object] = {"factory": "pcap"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            {"run": {"processes": 2}, "connected_socket": PCAP},
            "connected_socket.factory: 'pcap' would be made in each of 2 processes; allowed: 'default', or run.processes = 1",
        ),
        (
            {"run": {"cpu_affinity": [100_000, 100_001]}},
            "run.cpu_affinity: no processor 100000, 100001 here; allowed: ",
        ),
        ({"run": {"role": "client"}}, "client.target: empty, and run.role is 'client'; allowed: at least one address"),
        ({"server": {"listen": []}}, "server.listen: empty, and run.role is 'loopback'; allowed: at least one address"),
        (
            {"run": {"role": "server"}, "server": {"listen": []}},
            "server.listen: empty, and run.role is 'server'; allowed: at least one address",
        ),
        ({"client": {"connections": 4097}}, "client.connections: 4097 streams at once, and server.connection_limit is"),
        (
            {"client": {"connections": 2, "iterations": 2}, "server": {"server_exit_limit": 3}},
            "server.server_exit_limit: 3 streams and the server leaves, and the client wants 4 streams",
        ),
        (
            {"client": {"iterations": 0}, "server": {"server_exit_limit": 3}},
            "server.server_exit_limit: 3 streams and the server leaves, and the client wants streams without end",
        ),
        ({"server": {"listen": ["a:1", "b:1", "a:1"]}}, "server.listen[2]: 'a:1' is listed twice"),
        ({"server": {"listen": ["127.0.0.1", "*:4444"]}}, "server.listen[0]: '127.0.0.1' is part of '*:4444'"),
        (
            {"output": {"status_file": "x.csv", "events_file": "./y/../x.csv"}, "stream": {}},
            "output.events_file: 'y/../x.csv' is output.status_file too",
        ),
        ({"output": {"error_file": "e.CSV"}}, "output.error_file: 'e.CSV' ends in .csv, but holds lines of text"),
        ({"output": {"events_file": "e.csv"}}, "output.events_file: 'e.csv' ends in .csv, but holds JSON lines"),
        ({"stream": {"bits_per_second": 8_000_001}}, "stream.bits_per_second: "),
        ({"stream": {"buffer_depth": "1ms"}}, "stream.buffer_depth: "),
    ],
)
def test_an_impossible_combination_is_refused(raw: dict[str, object], text: str) -> None:
    assert any(problem.startswith(text) for problem in problems_of(raw))


@pytest.mark.parametrize(
    "raw",
    [
        {"run": {"role": "server"}, "client": {"connections": 5000}},
        {"run": {"role": "client"}, "client": {"target": "a"}, "server": {"listen": []}},
        {"run": {"role": "server"}, "stream": {"direction": "pull"}, "output": {"jitter_file": "j.csv"}},
        {"server": {"listen": ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"]}},
        {"server": {"listen": ["*:1", "127.0.0.1:2"]}},
        {"client": {"connections": 3}, "server": {"server_exit_limit": 3}},
        {"client": {"target": "127.0.0.1:5555"}},  # by way of a relay
        {"output": {"status_file": "/dev/null", "jitter_file": "/dev/null"}},
    ],
)
def test_a_possible_combination_is_taken(raw: dict[str, object]) -> None:
    structure_config(raw)


def test_a_combination_that_rests_on_a_wrong_key_is_not_told() -> None:
    raw: dict[str, object] = {
        "run": {"role": "klient"},
        "server": {"listen": []},
        "stream": {"frame_rate": 0, "bits_per_second": 9},
    }
    assert [problem.partition(": ")[0] for problem in problems_of(raw)] == ["run.role", "stream.frame_rate"]


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "run.csv")
    raw: dict[str, object] = {
        "output": {"status_file": str(tmp_path / "run.csv"), "jitter_file": str(tmp_path / "link")}
    }
    assert "is output.status_file too" in the_problem_of(raw)


def test_a_log_never_overwrites_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.touch()
    with pytest.raises(ConfigError) as caught:
        load_config(path, [f"output.status_file={path}"])
    (problem,) = caught.value.problems
    assert problem.startswith(f"output.status_file: '{path}'"[:40])
    assert "is the configuration itself" in problem


def test_a_factory_of_a_plugin_goes_with_one_process() -> None:
    assert structure_config({"connected_socket": PCAP}).connected_socket.factory == "pcap"
    assert structure_config({"run": {"processes": 2}}).run.processes == 2


def test_processors_that_are_there_are_taken() -> None:
    here = sorted(os.sched_getaffinity(0))
    assert structure_config({"run": {"cpu_affinity": here}}).run.cpu_affinity == tuple(here)


def test_processors_are_refused_where_nothing_can_be_bound_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    problem = the_problem_of({"run": {"cpu_affinity": [0]}})
    assert problem == "run.cpu_affinity: this system does not bind processes to processors; leave it out"


def test_of_rules_that_are_broken_over_and_over_as_many_are_told_as_anybody_reads() -> None:
    problems = problems_of({"network": {"outages": [{"from": 1, "to": 0}] * 1000}})
    assert len(problems) == 101
    assert problems[-1] == "more is wrong than these 100; is it a configuration?"
