"""What completes at TAB, and the lines of docs/quick.md that switch it on."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete, get_completion_class

from cts.cli.commands import cli

QUICK = (Path(__file__).parents[2] / "docs" / "quick.md").read_text(encoding="utf-8")


def completed(*words: str) -> list[str]:
    *args, incomplete = words
    return [each.value for each in ShellComplete(cli, {}, "cts", "_CTS_COMPLETE").get_completions(args, incomplete)]


def test_commands_and_options_complete() -> None:
    assert completed("ser") == ["serve"]
    assert completed("test", "192.0.2.1", "--bi") == ["--bitrate"]


@pytest.mark.parametrize("command", [("test", "192.0.2.1"), ("serve",)])
def test_presets_complete(command: tuple[str, ...]) -> None:
    assert completed(*command, "--as", "call") == ["call-720p", "call-1080p"]


def test_examples_complete() -> None:
    assert completed("init", "s") == sorted(completed("init", "s"))
    assert {"server", "stream", "sim-lte"} <= set(completed("init", "s"))


@pytest.mark.parametrize("command", ["run", "sim", "check", "replay"])
def test_files_are_left_to_the_shell(command: str) -> None:
    (item,) = ShellComplete(cli, {}, "cts", "_CTS_COMPLETE").get_completions([command], "conf")
    assert item.type == "file"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_asks_for_a_script_that_there_is(shell: str) -> None:
    assert f"_CTS_COMPLETE={shell}_source cts" in QUICK
    assert get_completion_class(shell) is not None
