"""``cts --version``, alone and with what a report of a bug needs."""

from __future__ import annotations

import platform

import pytest
import trio

from cts import __version__
from tests.cli.running_cts import run_here


def test_the_version_is_a_line() -> None:
    assert run_here("--version").stdout == f"cts, version {__version__}\n"


@pytest.mark.parametrize("args", [("--version", "-v"), ("-v", "--version"), ("--verbose", "--version")])
def test_more_of_it_says_what_a_report_of_a_bug_needs(args: tuple[str, ...]) -> None:
    finished = run_here(*args)
    first, *rows = finished.stdout.splitlines()
    facts = dict(row.split(maxsplit=1) for row in rows)
    assert (finished.status, first) == (0, f"cts, version {__version__}")
    assert facts["python"].endswith(platform.python_version())
    assert platform.release() in facts["kernel"]
    assert facts["offload"].startswith(("UDP_", "none"))
    assert f"trio {trio.__version__}" in facts["libraries"]
    assert facts.keys() >= {"system", "processor", "buffers", "clock", "plugins"}


def test_more_of_nothing_is_refused() -> None:
    assert "-v goes with --version" in run_here("-v", "plugins").message
