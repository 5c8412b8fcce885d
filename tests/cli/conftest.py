"""``cts`` inside the test's own process, where starting another for each of many small questions would take too long."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pytest

from cts.cli import main
from tests.cli.running_cts import Finished, arguments


class CtsHere(Protocol):
    def __call__(self, *args: str | Path, sets: Iterable[str] = ()) -> Finished: ...


@pytest.fixture
def cts_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CtsHere:
    """Call the entry point as the ``cts`` script does; an exception that it lets out fails the test."""

    def run(*args: str | Path, sets: Iterable[str] = ()) -> Finished:
        monkeypatch.setattr(sys, "argv", ["cts", *arguments(args, sets)])
        capsys.readouterr()
        status: object = None
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code
        assert status is None or isinstance(status, int)
        captured = capsys.readouterr()
        return Finished(status or 0, captured.out, captured.err)

    return run
