"""``cts report``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cts.cli.printing import print_text, say
from cts.cli.report_file import refuse_report, write_report
from cts.errors import UserError

__all__ = ["name_of", "names_of", "report"]

_FILE = click.Path(path_type=Path)
_RUNS_AT_MOST = 32


@click.command(short_help="Make an HTML report of runs.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=_FILE)
@click.option(
    "-o",
    "--output",
    "report_file",
    type=_FILE,
    metavar="FILE",
    help="The file to write.  [default: the first RUN's name, with .html]",
)
def report(runs: tuple[Path, ...], report_file: Path | None) -> None:
    """Make one HTML file of what was measured in each RUN, an events file (gzip or not).

    The file opens offline and asks nothing of anybody. Several runs have a part each, and one where they are laid over each
    other. Of a run that was killed it shows what there is, and says what is missing. Leaves with status 0 if each RUN is whole,
    1 if something is missing of one, 2 if one is not to be used.

    \b
    Example:
      cts run client.toml --set output.events_file=run.jsonl.gz
      cts report run.jsonl.gz -o run.html
    """
    if len(runs) > _RUNS_AT_MOST:
        raise UserError(f"RUN: {len(runs)} were given; allowed: {_RUNS_AT_MOST} at most")
    made = report_file or runs[0].with_name(f"{name_of(runs[0])}.html")
    refuse_report(made, runs, "-o")
    missing, told = write_report(made, runs, "-o", names_of(runs))
    for text in missing:
        say(text)
    print_text(told)
    sys.exit(1 if missing else 0)


def name_of(run: Path) -> str:
    """Return what a run is called: its file's name, without what every events file's ends with."""
    name = run.name.removesuffix(".gz")
    return name.removesuffix(".jsonl") or run.name


def names_of(runs: Sequence[Path]) -> list[str]:
    """Return names that tell the runs apart: of those in several folders that are called the same, with the folder's name."""
    names = [name_of(run) for run in runs]
    return [
        name if names.count(name) == 1 else f"{run.resolve().parent.name}/{name}"
        for name, run in zip(names, runs, strict=True)
    ]
