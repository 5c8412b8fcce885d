"""What commands print: results on stdout, what else a person should hear on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from cts.errors import printable
from cts.output.wrapping import for_reader

__all__ = [
    "CannotPrintError",
    "as_json_option",
    "json_text",
    "print_report",
    "print_result",
    "print_text",
    "say",
]

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr."
)


T = TypeVar("T")


class CannotPrintError(Exception):
    """The result cannot be printed."""


def json_text(value: object) -> str:
    """Return JSON in printable characters only; ``json.dumps`` leaves one that is not."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def print_result(text: str) -> None:
    """Print a result; CannotPrintError, with the system's reason, where that cannot be done."""
    try:
        click.echo(printable(text))
    except OSError as error:
        raise CannotPrintError(error.strerror) from error


def print_text(text: str) -> None:
    """Print a result that is for people: on a terminal lines are cut between words. Raises as :func:`print_result` does."""
    print_result(for_reader(printable(text), sys.stdout))


def print_report(report: T, to_json: Callable[[T], object], to_text: Callable[[T], str], *, as_json: bool) -> None:
    """Print what a command came to, for programs or for people. Raises as :func:`print_result` does."""
    if as_json:
        print_result(json_text(to_json(report)))
    else:
        print_text(to_text(report))


def say(line: str) -> None:
    """Tell the person who watches: on a terminal cut between words."""
    click.echo(for_reader(printable(line), sys.stderr), err=True)
