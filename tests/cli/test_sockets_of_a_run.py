"""``client.bind``, buffers and interfaces, by the real command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running_cts import FREE_PORT, QUIET, SHORT, STREAM, Running, run_here

WIFI = STREAM.with_name("sim-wifi.toml")
PORTS = range(23_100, 23_140)
"""Below the ports that systems give to whoever asks for none."""
BIND = f"client.bind=127.0.0.9:{PORTS[0]}-{PORTS[-1]}"


@pytest.mark.parametrize("processes", [1, 2])
def test_each_of_many_connections_has_a_port_of_the_range_also_over_many_processes(processes: int) -> None:
    sets = (
        *SHORT,
        *FREE_PORT,
        *QUIET,
        BIND,
        "client.connections=8",
        f"run.processes={processes}",
        "stream.direction=push",
    )
    with Running("run", STREAM, "--json", sets=sets) as run:
        finished = run.finish()
    report = finished.report
    ends = [stream["remote"] for stream in report["streams"]]
    assert (finished.status, report["connections"]["successful"]) == (0, 8)
    assert len(set(ends)) == 8
    assert set(ends) <= {f"127.0.0.9:{port}" for port in PORTS}


def test_a_run_says_what_buffers_its_sockets_have_and_so_does_its_json() -> None:
    sizes = ("run.receive_buffer=64 KiB", "run.send_buffer=32 KiB")
    finished = run_here("run", STREAM, "--json", sets=(*SHORT, *FREE_PORT, *sizes, "output.console=lines"))
    assert "buffers: 64 KiB to receive, 32 KiB to send\n" in finished.stderr
    assert finished.report["buffers"] == {
        "receive": {"asked": 65_536, "given": 65_536},
        "send": {"asked": 32_768, "given": 32_768},
    }


def test_a_simulation_says_which_keys_are_without_effect_and_has_no_buffers() -> None:
    sets = ("stream.stream_length=1s", "stream.dscp=EF", "run.ttl=3", "output.console=lines")
    finished = run_here("sim", WIFI, "--json", sets=sets)
    assert (
        "note: without effect in a simulation, which has neither sockets nor processes: run.ttl, stream.dscp\n"
        in finished.stderr
    )
    assert finished.report["buffers"] is None


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("run.interface=nowhere0", "run.interface: there is no interface 'nowhere0' here; allowed: "),
        ("client.bind=192.0.2.1", "client.bind: 192.0.2.1 is no address of this host"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_what_this_host_does_not_have_is_one_message(override: str, text: str, processes: int) -> None:
    message = run_here("run", STREAM, sets=(*FREE_PORT, override, f"run.processes={processes}")).message
    assert message.startswith(f"cts: {text}")
    assert message.count("\n") == 1


def test_a_relay_has_sockets_as_its_file_says(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[run]\nreceive_buffer = "64 KiB"\n[network]\n')
    arguments = ("--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", config, "--time-limit", "10ms")
    finished = run_here("impair", *arguments, "--json")
    assert "buffers: 64 KiB to receive, " in finished.stderr
    assert json.loads(finished.stdout)["buffers"]["receive"] == {"asked": 65_536, "given": 65_536}


def test_a_relay_whose_place_towards_the_server_is_not_here_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[client]\nbind = "192.0.2.1"\n[network]\n')
    refused = run_here("impair", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", config).message
    assert refused == "cts: client.bind: 192.0.2.1 is no address of this host\n"
