"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
# How long an example takes is the machine's affair. Few of each keep the suite short, which runs often; many are for
# `--hypothesis-profile=thorough`.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", UNTIMED, max_examples=20)
settings.register_profile("thorough", UNTIMED, max_examples=500)
settings.load_profile("short")


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest, its workers, and the many processes that tests start, share what they compile, with the next run, too.

    Where Python is to leave no bytecode beside the sources, it goes to pytest's cache; without one, to a folder that is gone
    when the tests are. To compile everything anew takes each worker 10 s.
    """
    if not sys.dont_write_bytecode or hasattr(config, "workerinput"):
        return
    cache, environment = getattr(config, "cache", None), pytest.MonkeyPatch()
    config.add_cleanup(environment.undo)
    if cache is None:
        temporary = TemporaryDirectory(prefix="cts-bytecode-")
        config.add_cleanup(temporary.cleanup)
        folder = temporary.name
    else:
        folder = str(cache.mkdir("bytecode"))
    environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    environment.setenv("PYTHONPYCACHEPREFIX", folder)
    environment.setattr(sys, "dont_write_bytecode", False)
    environment.setattr(sys, "pycache_prefix", folder)


@pytest.fixture(scope="session", autouse=True)
def _hears_hangups() -> Iterator[None]:
    """Let what tests start hear a hangup, also under ``nohup``: it is inherited that one is ignored, a handler is not."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
        yield
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    else:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, by each worker all of them: nearly all that is made stays."""
    gc.disable()
    try:
        _compile_a_share(session.config)
        return (yield)
    finally:
        gc.enable()


def _compile_a_share(config: pytest.Config) -> None:
    """Have each worker first import other tests than the rest do: each alone would make bytecode of all, in the same order.

    Whatever is wrong with a module, pytest will say when it comes to it.
    """
    worker: dict[str, object] = getattr(config, "workerinput", {})
    if sys.dont_write_bytecode or str(ROOT) not in map(os.path.abspath, sys.path) or not worker:
        return
    number, count = int(str(worker["workerid"]).removeprefix("gw")), int(str(worker["workercount"]))
    wanted = {file for each in config.args for file in Path(each).absolute().rglob("test_*.py")}
    for file in sorted(file for file in wanted if file.is_relative_to(ROOT / "tests"))[number::count]:
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Leave what was collected, thousands of tests, out of every later garbage collection: it stays to the end.

    And collect more seldom than a program does that lives long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
