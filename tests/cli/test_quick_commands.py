"""``cts serve`` and ``cts test``: a test over real sockets without a file, and what they say and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from cts.config.presets import presets
from tests.cli.running_cts import QUIET, Running, free_port, run_here

SHORT = ("--time", "500ms", "--buffer", "500ms")
FRAMES = 15


def test_a_server_serves_one_test_after_the_other_until_ctrl_c(tmp_path: Path) -> None:
    address, events = f"127.0.0.1:{free_port()}", tmp_path / "run.jsonl"
    with Running(
        "serve", address, *SHORT, "--json", sets=["output.console=lines", "output.status_update=50ms"]
    ) as server:
        server.wait_for_row()
        pull = run_here("test", address, *SHORT, "--json", "-o", events, "--streams", "2", sets=QUIET)
        again = run_here("test", address, *SHORT, sets=QUIET)
        server.interrupt()
        served = server.finish()
    assert (pull.status, again.status) == (0, 0), (pull, again)
    assert pull.report["role"] == "client"
    assert pull.report["metrics"]["frames"]["due"] == 2 * FRAMES
    assert run_here("replay", events, "--json").stdout == pull.stdout
    assert served.status == 130
    assert served.report["connections"]["successful"] == 3


def test_the_printed_configuration_is_one_that_run_and_check_take(tmp_path: Path) -> None:
    for args in (("test", "::1", "--as", "stream-4k"), ("serve", "--as", "stream-4k")):
        printed = run_here(*args, "--print-config")
        assert (printed.status, printed.stderr) == (0, "")
        file = tmp_path / f"{args[0]}.toml"
        file.write_text(printed.stdout, encoding="utf-8")
        shown = run_here("check", file)
        assert (shown.status, shown.stderr) == (0, "")
        assert "25 Mbit/s at 60 frames per second" in shown.stdout


def test_the_presets_are_listed_without_a_host() -> None:
    finished = run_here("test", "--presets")
    assert finished.status == 0
    assert [line.split()[0] for line in finished.stdout.splitlines()] == list(presets())
    assert "call-720p       1.2 Mbit/s   30 frames/s  100 ms buffer  pull  a picture" in finished.stdout


def test_push_and_pull_say_who_sends() -> None:
    assert 'direction = "push"' in run_here("test", "a.example", "--push", "--print-config").stdout
    assert 'direction = "pull"' in run_here("test", "a.example", "--as", "live-4k", "--pull", "--print-config").stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("test",), "Missing argument 'HOST[:PORT]...'"),
        (("test", "a:b:c"), "cts: HOST: 'a:b:c' has more than one colon outside brackets; allowed: "),
        (("test", "192.0.2.1", "--bitrate", "25 mbps"), "cts: --bitrate: '25 mbps' is not a rate; allowed: "),
        (("test", "192.0.2.1", "--as", "vopi"), "cts: --as: 'vopi' is no preset; allowed: "),
        (("test", "192.0.2.1", "--streams", "two"), "Invalid value for '--streams': 'two' is not a valid integer"),
        (("test", "192.0.2.1", "--btrate", "25M"), "No such option '--btrate'. Did you mean '--bitrate'?"),
        (("test", "192.0.2.1", "--listen", "4"), "Error: No such option '--listen'.\n"),
        (("serve", "--streams", "3"), "Error: No such option '--streams'.\n"),
        (("test", "nowhere.invalid"), "cts: HOST: the name 'nowhere.invalid' does not resolve: "),
        (("test", "192.0.2.1", "--push", "--pull"), "--push and --pull do not go together"),
        (("serve", "--pull", "--push"), "--push and --pull do not go together"),
        (("serve", "5000"), "cts: ADDRESS: '5000' is a number alone; allowed: "),
        (("serve", "203.0.113.1"), "203.0.113.1:4444"),
        (("test", "192.0.2.1", "-o", "no/such/folder/x.jsonl"), "no/such/folder/x.jsonl"),
        (
            ("test", "192.0.2.1", "--set", "network.loss=0.1"),
            "cts: command line: network: a real run takes its network",
        ),
    ],
)
def test_what_cannot_be_is_one_message_and_status_2(args: tuple[str, ...], told: str) -> None:
    message = run_here(*args).message
    assert told in message
    assert len([line for line in message.splitlines() if line.startswith(("cts:", "Error:"))]) == 1
