"""What commands print: results on stdout, what else a person should hear on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cts.errors import printable

if TYPE_CHECKING:
    from cts.records.results import RunResult

__all__ = ["CannotPrintError", "as_json_option", "json_text", "print_result", "result_teller", "say"]

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr."
)


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


def say(line: str) -> None:
    """Tell the person who watches."""
    click.echo(printable(line), err=True)


def result_teller(as_json: bool) -> Callable[[RunResult], None]:
    """Return what prints the summary of a run."""
    from cts.output.console_stream import takes_text
    from cts.output.summary import summary_json, summary_text

    def tell(result: RunResult) -> None:
        # Who stops a run whose terminal is stopped, too, wants it to end.
        if result.signal is None or takes_text(sys.stdout):
            print_result(json_text(summary_json(result.report)) if as_json else summary_text(result.report))

    return tell
