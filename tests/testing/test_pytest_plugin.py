"""The fixtures that pytest finds by itself where cts is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_a_run_is_shown_where_its_test_fails_with_what_the_plugin_raised(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from cts.testing import OneByOneSender

        class Fails(OneByOneSender):
            async def send_frame(self, frame, endpoint, peer, pacer):
                raise LookupError("no frames today")

        def test_it(cts_simulate):
            assert cts_simulate({"stream": {"stream_length": "200ms"}}, sender=Fails, seed=12).exit_status == 0

        async def test_it_in_trio(cts_simulate_in_trio, autojump_clock):
            run = await cts_simulate_in_trio({"stream": {"stream_length": "200ms"}}, seed=12)
            assert run.exit_status == 0
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "trio_mode=true")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["simulated with seed 12", "loopback*pull*", "*raise LookupError(*", "LookupError: no frames today"]
    )


def test_it_costs_those_who_do_not_use_it_next_to_nothing() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import cts.pytest_plugin;"
        " print(*sorted(set(sys.modules) - before))"
    )
    imported = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert imported.split() == ["cts", "cts.pytest_plugin"]
