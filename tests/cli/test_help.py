"""The help of every command: an example that can be given as it stands, within a terminal of 80 columns."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from cts.cli.commands import cli
from tests.cli.running_cts import run_here

COMMANDS = {"cts": ("--help",), **{name: (name, "--help") for name in cli.commands}}


def help_of(name: str) -> str:
    finished = run_here(*COMMANDS[name])
    assert (finished.status, finished.stderr) == (0, "")
    return finished.stdout


def examples_in(text: str) -> list[list[str]]:
    """Return the words of each line of the examples, up to where a shell would send the output elsewhere."""
    block = re.search(r"^  Examples?:\n((?:    .+\n)+)", text, re.MULTILINE)
    assert block is not None
    lines = block[1].replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_help_has_an_example_of_it(name: str) -> None:
    examples = examples_in(help_of(name))
    assert all(words[0] == "cts" for words in examples)
    assert name == "cts" or name in {words[1] for words in examples}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_understood(name: str) -> None:
    for words in examples_in(help_of(name)):
        _, command, *args = words
        if command in cli.commands:
            cli.commands[command].make_context(command, args)
        else:
            with pytest.raises(click.exceptions.Exit):
                cli.make_context("cts", [command, *args])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal_of_80_columns(name: str) -> None:
    assert max(map(len, help_of(name).splitlines())) <= 80
