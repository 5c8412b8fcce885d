"""What commands print: results on stdout, what else a person should hear on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from textwrap import wrap
from typing import TextIO, TypeVar

import click

from cts.errors import printable

__all__ = [
    "CannotPrintError",
    "as_json_option",
    "json_text",
    "print_report",
    "print_result",
    "print_text",
    "say",
    "wrapped",
]

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr."
)


T = TypeVar("T")

_NAME = re.compile(r"(\S.*?)?\s{2,}")
"""What stands before a row's text: its name, or nothing, and blanks."""
_LEAST_ROOM = 16
"""Characters of text on a line, below which a terminal may cut it as it likes."""


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
    print_result(wrapped(text, shutil.get_terminal_size((0, 0)).columns) if _is_terminal(sys.stdout) else text)


def print_report(report: T, to_json: Callable[[T], object], to_text: Callable[[T], str], *, as_json: bool) -> None:
    """Print what a command came to, for programs or for people. Raises as :func:`print_result` does."""
    if as_json:
        print_result(json_text(to_json(report)))
    else:
        print_text(to_text(report))


def wrapped(text: str, width: int) -> str:
    """Cut lines that are longer than ``width`` between words; what goes on stands below the text of its row.

    Words that are longer than there is room stay whole. Where there is hardly any room nothing is cut.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        name = _NAME.match(line)
        column = 2 if name is None else name.end()
        if len(line) <= width or width - column < _LEAST_ROOM:
            lines.append(line)
            continue
        before = "" if name is None else name.group()
        lines += wrap(
            line[len(before) :],
            width,
            initial_indent=before,
            subsequent_indent=" " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def say(line: str) -> None:
    """Tell the person who watches."""
    click.echo(printable(line), err=True)
