"""What each command loads: the light ones nothing heavy, a run nothing that it does not show."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.running_cts import FREE_PORT, STREAM, VERY_SHORT, arguments

LIST_MODULES = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from cts.cli import main
main()
"""
HEAVY = frozenset({"trio", "attr", "attrs", "cattrs", "rich", "tomli", "numpy", "ssl", "asyncio"})
INVOCATIONS = {
    "help": ["--help"],
    "run": arguments(["run", STREAM], (*VERY_SHORT, *FREE_PORT, "output.console=lines")),
    "live run": arguments(["run", STREAM], (*VERY_SHORT, *FREE_PORT, "output.console=live")),
    "check": ["check", str(STREAM)],
}


def modules_of(args: list[str]) -> frozenset[str]:
    finished = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *args], capture_output=True, text=True, timeout=60, check=False
    )
    return frozenset(finished.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def loaded() -> dict[str, frozenset[str]]:
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(INVOCATIONS, pool.map(modules_of, INVOCATIONS.values()), strict=True))


def test_help_loads_nothing_heavy(loaded: dict[str, frozenset[str]]) -> None:
    assert loaded["help"] & HEAVY == frozenset()
    assert "click" in loaded["help"]


@pytest.mark.parametrize("invocation", ["run", "check"])
def test_rich_is_not_loaded_where_nothing_is_drawn(loaded: dict[str, frozenset[str]], invocation: str) -> None:
    assert {"rich", "cts.output.live"} & loaded[invocation] == set()


def test_rich_is_loaded_for_the_live_view(loaded: dict[str, frozenset[str]]) -> None:
    assert {"rich", "cts.output.live"} <= loaded["live run"]


@pytest.mark.parametrize("invocation", ["run", "live run", "check"])
def test_numpy_and_what_belongs_to_tests_is_never_loaded(loaded: dict[str, frozenset[str]], invocation: str) -> None:
    assert {"numpy", "pytest", "hypothesis", "cts.testing"} & loaded[invocation] == set()


def test_a_real_run_loads_no_simulation(loaded: dict[str, frozenset[str]]) -> None:
    assert {"cts.runs.simulated_run", "cts.net.simulated", "cts.clock.virtual_time"} & loaded["run"] == set()


def test_a_run_loads_no_plugin_that_it_does_not_use(loaded: dict[str, frozenset[str]]) -> None:
    assert {"cts_spread", "cts_burst", "cts_pcap"} & loaded["run"] == set()


def test_a_check_loads_no_sockets(loaded: dict[str, frozenset[str]]) -> None:
    assert {"cts.runs.real_run", "cts.net.udp", "cts.net.readers"} & loaded["check"] == set()
