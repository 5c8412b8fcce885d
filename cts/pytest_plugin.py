"""Fixtures for tests of plugins, which pytest finds by itself where cts is installed.

Imports nothing until a test asks for a fixture: every pytest run of whoever has cts installed imports this module.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import pytest

if TYPE_CHECKING:
    from cts.testing import SimulatedRun

__all__ = ["cts_simulate", "cts_simulate_in_trio", "pytest_assertrepr_compare"]

P = ParamSpec("P")


@pytest.fixture
def cts_simulate() -> Callable[..., SimulatedRun]:
    """:func:`cts.testing.simulate`, which prints what became of each run: pytest shows that where the test fails."""
    from cts.testing import simulate

    return _telling(simulate)


@pytest.fixture
def cts_simulate_in_trio() -> Callable[..., Awaitable[SimulatedRun]]:
    """:func:`cts.testing.simulate_in_trio`, printing as ``cts_simulate`` does; ask for ``autojump_clock`` beside it."""
    from cts.testing import simulate_in_trio

    @wraps(simulate_in_trio)
    async def run(*args: object, **options: object) -> SimulatedRun:
        return _told(await simulate_in_trio(*args, **options))  # type: ignore[arg-type]

    return run


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say what two simulated runs, or streams, that ought to be equal differ in first."""
    found = sys.modules.get("cts.testing.difference")
    if op != "==" or found is None or not isinstance(left, found.ComparedInOrder) or type(left) is not type(right):
        return None
    kind = type(left).__name__
    return [f"two {kind} that differ", f"first in {found.first_difference(left, right, kind)}"]


def _telling(simulate: Callable[P, SimulatedRun]) -> Callable[P, SimulatedRun]:
    @wraps(simulate)
    def run(*args: P.args, **options: P.kwargs) -> SimulatedRun:
        return _told(simulate(*args, **options))

    return run


def _told(run: SimulatedRun) -> SimulatedRun:
    from traceback import format_exception

    print(f"simulated with seed {run.seed}", run.summary, sep="\n")
    for error in run.errors:
        print(*format_exception(error), sep="", end="")
    return run
