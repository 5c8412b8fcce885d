"""What ``cts run``, ``sim`` and ``replay`` share: expectations on the command line, the result as told, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from cts.cli.printing import say
from cts.cli.telling import Telling
from cts.cli.written_files import refuse_unwritable, write_file
from cts.errors import UserError

if TYPE_CHECKING:
    from cts.config import Config
    from cts.records.results import RunReport, RunResult

__all__ = ["Teller", "expecting", "prepared"]

_STOPPED = 128
"""Exit statuses from here on say which signal ended it."""

_Command = TypeVar("_Command", bound=Callable[..., object])


def expecting(command: _Command) -> _Command:
    """Add ``--expect`` and ``--junit``."""
    expect = click.option(
        "--expect",
        metavar="BOUND",
        multiple=True,
        help="What a metric is to keep, for example 'completed >= 99.9 %'. May be given several times.",
    )
    junit = click.option(
        "--junit",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write what became of the expectations as JUnit XML.",
    )
    return expect(junit(command))


def prepared(
    config: Config, source: str, telling: Telling, expect: Sequence[str], junit: Path | None
) -> tuple[Config, Teller]:
    """Return a configuration with what the command line expects beside it, and who tells of its run.

    Args:
        config: what is to be run.
        source: where it came from.
        telling: how to print.
        expect: what the command line expects.
        junit: as for :class:`Teller`.

    Raises:
        UserError: an expectation is wrong, or the file cannot be written.
    """
    from attrs import evolve

    from cts.config.expect_table import with_expectations
    from cts.config.files_read import files_of_run

    config = evolve(config, expect=with_expectations(config.expect, expect))
    return config, Teller(telling, junit, files_of_run(source, config.written, config.output.files()))


class Teller:
    """Tells of a run when it is over: prints it, writes the JUnit file, and says what to leave with.

    Args:
        telling: how to print.
        junit: the file; None for none.
        others: files that are not to be written over, each by what names it.

    Raises:
        UserError: the file cannot be written, or is one of the others.
    """

    def __init__(self, telling: Telling, junit: Path | None, others: Mapping[str, Path]) -> None:
        self._telling = telling
        self._junit = junit
        self._is_lost = False
        if junit is None:
            return
        from cts.config.files_read import refuse_same

        refuse_same("--junit", junit, others)
        refuse_unwritable("--junit", junit)

    def tell(self, result: RunResult) -> None:
        """Tell of a run."""
        self._write(result.report)
        self._telling.tell(result)

    def finish(self, report: RunReport, status: int) -> NoReturn:
        """Leave with the command's own exit status; where that is 0, with what the expectations and the file make of it."""
        from cts.expectations.judging import exit_status_of
        from cts.output.summary_json import judgements_of

        status = exit_status_of(status, (each.outcome for each in judgements_of(report)))
        sys.exit(1 if (self._is_lost or self._telling.is_lost) and status < _STOPPED else status)

    def _write(self, report: RunReport) -> None:
        if self._junit is None:
            return
        from cts.output.junit import junit_xml
        from cts.output.summary_json import judgements_of

        try:
            write_file("--junit", self._junit, junit_xml(report, judgements_of(report)))
        except UserError as mistake:
            self._is_lost = True
            say(f"cts: {mistake}")
