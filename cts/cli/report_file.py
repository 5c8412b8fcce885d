"""``--report``, by which a run makes its report at its end, and how the file of any report is written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import click

from cts.cli.printing import say
from cts.cli.written_files import refuse_unwritable, write_file
from cts.errors import UserError

if TYPE_CHECKING:
    from cts.config import Config

__all__ = ["refuse_report", "report_after", "report_at_end", "report_option", "write_page", "write_report"]

_OPTION = "--report"
report_option = click.option(
    _OPTION,
    "report_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what was measured as one HTML file, which opens offline.",
)


@contextmanager
def report_at_end(
    settings: Config, report_file: Path | None, source: str, *, name: str | None = None, junit: Path | None = None
) -> Iterator[Config]:
    """Have what runs within, and leaves with its status (SystemExit), make its report then; yield what it is to run.

    Args:
        settings: the configuration; where it has no events file, the events are kept for as long as they are needed.
        report_file: the option's value; None for no report.
        source: where the configuration came from.
        name: what the run is called; None for the source's name.
        junit: what ``--junit`` is to write; None for nothing.

    Raises:
        UserError: the report, or the events again, are not to be had; told before anything runs.
    """
    if report_file is None:
        yield settings
        return
    from attrs import evolve

    from cts.config.files_read import files_of_run

    events = settings.output.events_file
    if events is not None and events.exists() and not events.is_file():
        raise UserError(f"{_OPTION}: '{events}' (output.events_file) cannot be read again; allowed: a file, or none")
    with ExitStack() as stack:
        if events is None:
            folder = mkdtemp(prefix="cts-report-")
            stack.callback(rmtree, folder, ignore_errors=True)
            events = Path(folder, "events.jsonl.gz")
            settings = evolve(settings, output=evolve(settings.output, events_file=events))
        others = files_of_run(source, settings.written, settings.output.files())
        # Without a page they are all that is left of what was measured.
        keep = stack.pop_all
        with report_after(events, report_file, name or Path(source).stem, others, junit=junit, failed=keep):
            yield settings


@contextmanager
def report_after(
    events: Path,
    report_file: Path | None,
    name: str,
    others: Mapping[str, Path],
    *,
    junit: Path | None,
    failed: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Make a report of events once what runs within leaves with its status; with 1 for 0 if that cannot be made.

    Args:
        events: a run's, when it is over.
        report_file: the report; None for none.
        name: what the run is called.
        others: files that it is not to be written over, each by what names it.
        junit: as for :func:`report_at_end`.
        failed: called where the report cannot be made.

    Raises:
        UserError: the report cannot be written, or would be written over one of the others.
    """
    if report_file is None:
        yield
        return
    refuse_report(report_file, (events,), _OPTION)
    from cts.config.files_read import refuse_same

    refuse_same(_OPTION, report_file, others if junit is None else {**others, "--junit": junit})
    status: str | int | None = 0
    try:
        yield
    except SystemExit as leaving:
        status = leaving.code
    try:
        say(write_report(report_file, (events,), _OPTION, (name,))[1])
    except UserError as mistake:
        say(f"cts: {mistake}")
        _keep(events, failed)
        status = status or 1
    except BaseException:
        _keep(events, failed)
        raise
    sys.exit(status)


def _keep(events: Path, failed: Callable[[], object]) -> None:
    """Have events stay that no page was made of, and say where they are."""
    failed()
    if events.exists():
        again = f"'cts report {shlex.quote(str(events))}' makes a page of it"
        say(f"cts: {_OPTION}: what was measured is kept in {events}; {again}")


def write_report(path: Path, runs: Sequence[Path], option: str, names: Sequence[str]) -> tuple[list[str], str]:
    """Write the page of some runs' events; return what the runs lack, and what was written.

    Args:
        path: the page.
        runs: events files.
        option: what named the page, for messages.
        names: what the runs are called.

    Raises:
        UserError: events are not to be used, or the page cannot be written.
    """
    from cts.report import report_page
    from cts.runs.pictures import picture_of

    pictures = [picture_of(run, name) for run, name in zip(runs, names, strict=True)]
    told = write_page(path, report_page(pictures), option)
    missing = [f"{run}: {text}" for run, picture in zip(runs, pictures, strict=True) for text in picture.missing]
    return missing, told


def write_page(path: Path, text: str, option: str) -> str:
    """Write a page, and return what was written; ``option`` named it, for messages. UserError where it cannot be written."""
    page = text.encode()
    write_file(option, path, page)
    return f"report: {path} ({-(-len(page) // 1024):,} KiB)"


def refuse_report(path: Path, runs: Sequence[Path], option: str) -> None:
    """Refuse a file that cannot be written, or would take the place of a run, before anything is done for it."""
    from cts.config.files_read import refuse_same

    for run in runs:
        refuse_same(option, path, {"the events": run})
    refuse_unwritable(option, path)
