"""``cts compare``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cts.cli.printing import as_json_option, print_report, say
from cts.cli.report_command import names_of
from cts.cli.report_file import refuse_report, write_page
from cts.errors import UserError

__all__ = ["compare"]

_VERSUS = "vs"
_RUNS_AT_MOST = 32


@click.command(short_help="Say whether a network got better.")
@click.argument("runs", metavar="A B", nargs=-1, required=True)
@as_json_option
@click.option("--seed", type=int, default=1, show_default=True, help="Resamples are drawn by it.")
@click.option(
    "-o",
    "--output",
    "report_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write an HTML file, too, in which both are laid over each other.",
)
def compare(runs: tuple[str, ...], as_json: bool, seed: int, report_file: Path | None) -> None:
    """Say of each metric whether B is better than A, worse, or no different that can be told from chance.

    A and B are events files (gzip or not); for several on a side put `vs` between the sides. The same runs and seed give
    the same output. Leaves with status 0 if each run is whole, 1 if something is missing of one, 2 if one is not to be used.

    \b
    Example:
      cts compare monday.jsonl.gz tuesday.jsonl.gz
      cts compare old/1.jsonl old/2.jsonl vs new/1.jsonl new/2.jsonl -o both.html
    """
    from cts.comparison.compare import compare as compared
    from cts.comparison.comparison_text import comparison_json, comparison_text
    from cts.comparison.page_section import comparison_page
    from cts.runs.compared_runs import read_run, refuse_mixed

    sides = _sides(runs)
    files = [*sides[0], *sides[1]]
    if report_file is not None:
        refuse_report(report_file, files, "-o")
    names = iter(names_of(files))
    read = [[read_run(each, next(names), pictured=report_file is not None) for each in side] for side in sides]
    a, b = ([each.run for each in side] for side in read)
    refuse_mixed("A", a)
    refuse_mixed("B", b)
    for path, run in zip(files, (*a, *b), strict=True):
        for text in run.missing:
            say(f"{path}: {text}")
    comparison = compared(a, b, seed)
    if report_file is not None:
        pictures = [each.picture for side in read for each in side if each.picture is not None]
        say(write_page(report_file, comparison_page(comparison, pictures), "-o"))
    print_report(comparison, comparison_json, comparison_text, as_json=as_json)
    sys.exit(1 if any(run.missing for run in (*a, *b)) else 0)


def _sides(runs: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the files of each side."""
    allowed = f"allowed: two, or several with '{_VERSUS}' between the sides"
    if len(runs) > _RUNS_AT_MOST + 1:
        raise UserError(f"A B: {len(runs)} were given; allowed: {_RUNS_AT_MOST} at most")
    if _VERSUS not in runs:
        if len(runs) != 2:
            raise UserError(f"A B: {len(runs)} given; {allowed}")
        return [Path(runs[0])], [Path(runs[1])]
    at = runs.index(_VERSUS)
    a, b = runs[:at], runs[at + 1 :]
    if not a or not b or _VERSUS in b:
        raise UserError(f"A B: '{_VERSUS}' must have runs on both sides, and be there once; {allowed}")
    return [Path(each) for each in a], [Path(each) for each in b]
