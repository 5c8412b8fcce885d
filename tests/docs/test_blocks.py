"""What the how-tos give to copy, beside commands, works as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli
import trio
from trio.testing import MockClock

from cts.config import structure_config
from tests.docs.pages import PAGES, ROOT, blocks_of, name_of

FOLDER = ROOT / "docs" / "how-to"
WITH_CONFIGURATIONS = [path for path in PAGES if path.parent == FOLDER and blocks_of(path, "toml")]


@pytest.mark.parametrize("path", WITH_CONFIGURATIONS, ids=name_of)
def test_what_is_given_as_a_configuration_is_one(path: Path) -> None:
    for block in blocks_of(path, "toml"):
        structure_config(tomli.loads(block))


def test_the_tests_on_the_mock_clock_pass() -> None:
    (block,) = blocks_of(FOLDER / "mock-clock.md", "python")
    module: dict[str, Any] = {}
    exec(block, module)
    simulated, awaited = (value for name, value in module.items() if name.startswith("test_"))
    simulated()
    clock = MockClock(autojump_threshold=0)
    trio.run(awaited, clock, clock=clock)
