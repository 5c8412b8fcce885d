"""docs/presets.md and docs/quick.md: what the presets and the commands say, in pages."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cts.cli import quick_commands
from cts.config.presets import presets
from tests.docs.presets_page import PAGE, page

QUICK = (Path(__file__).parents[2] / "docs" / "quick.md").read_text(encoding="utf-8")


def test_the_page_is_made_from_the_presets() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "python -m tests.docs.presets_page makes it anew"


@pytest.mark.parametrize("name", presets())
def test_every_preset_has_a_source_that_can_be_looked_up(name: str) -> None:
    assert re.search(r"\]\(https?://", presets()[name].source)


def test_every_flag_is_told_of() -> None:
    flags = {
        flag
        for command in (quick_commands.serve, quick_commands.test)
        for each in options(command)
        for flag in each.opts
    }
    assert {flag for flag in flags if f"`{flag}" not in QUICK} == {"--presets"}
    assert "--presets" in PAGE.read_text(encoding="utf-8")


def options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def test_every_link_leads_somewhere() -> None:
    for text in (QUICK, PAGE.read_text(encoding="utf-8")):
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
            assert (PAGE.parent / link).exists(), link
