"""What all tests share."""

from __future__ import annotations

import gc
import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the many processes that tests start compile ``cts`` once, even where Python is to leave no bytecode behind."""
    if sys.dont_write_bytecode:
        environment = pytest.MonkeyPatch()
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))


def pytest_collection_finish() -> None:
    """Leave what was collected, thousands of tests, out of every later garbage collection: it stays to the end."""
    gc.collect()
    gc.freeze()
