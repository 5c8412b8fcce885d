"""How a command tells what its run measures on standard output: at the end alone, or also while it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from cts.cli.printing import as_json_option, json_text, print_report, say

if TYPE_CHECKING:
    from cts.output.feed import Feed
    from cts.records.results import RunResult

__all__ = ["Telling", "telling_options"]

_Command = TypeVar("_Command", bound=Callable[..., object])

_OPTIONS = (
    as_json_option,
    click.option("--jsonl", is_flag=True, help="Print a JSON object each status interval, the result as the last."),
    click.option("--csv", is_flag=True, help="Print a CSV row each status interval; the summary goes to stderr."),
)


def telling_options(command: _Command) -> _Command:
    """Add ``--json``, ``--jsonl`` and ``--csv``, whose values are those of :class:`Telling`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Telling:
    """Tells what a run measures.

    Args:
        as_json: whether the result is JSON.
        jsonl, csv: whether intervals are told while it goes on, and how.

    Attributes:
        feed: where intervals go; None for nowhere.

    Raises:
        click.UsageError: more than one of them.
        UserError: there is no standard output.
    """

    def __init__(self, *, as_json: bool, jsonl: bool = False, csv: bool = False) -> None:
        given = [name for name, wanted in (("--json", as_json), ("--jsonl", jsonl), ("--csv", csv)) if wanted]
        if len(given) > 1:
            raise click.UsageError(f"{' and '.join(given)} do not go together: stdout has room for one of them")
        self._as_json = as_json
        self.feed: Feed | None = None
        if jsonl or csv:
            from cts.output.feed import Feed

            self.feed = Feed(sys.stdout, "jsonl" if jsonl else "csv")

    def tell(self, result: RunResult) -> None:
        """Print what a run came to: behind its intervals if they are JSON, else on stderr; there also if nobody reads them."""
        from cts.output.console_stream import takes_text
        from cts.output.summary import summary_text
        from cts.output.summary_json import summary_json

        feed = self.feed
        if feed is None:
            # Who stops a run whose terminal is stopped, too, wants it to end.
            if result.signal is None or takes_text(sys.stdout):
                print_report(result.report, summary_json, summary_text, as_json=self._as_json)
            return
        told = feed.failure
        feed.end(json_text(summary_json(result.report)) if feed.form == "jsonl" else None)
        if feed.form == "csv" or feed.failure is not None:
            say(summary_text(result.report))
        if told is None and feed.failure is not None:
            say(feed.failure)

    @property
    def is_lost(self) -> bool:
        """Whether not all that was to be printed was taken."""
        return self.feed is not None and self.feed.failure is not None
