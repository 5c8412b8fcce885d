"""``cts run``, and how every command that runs streams over the network carries that out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cts.cli.expecting import expecting, prepared
from cts.cli.options import config_argument, overrides_option
from cts.cli.report_file import report_at_end, report_option
from cts.cli.telling import Telling, telling_options

if TYPE_CHECKING:
    from cts.config import Config

__all__ = ["carry_out", "run"]


@click.command(short_help="Run the streams that CONFIG describes.")
@config_argument
@overrides_option()
@expecting
@telling_options
@report_option
def run(
    config: Path,
    overrides: tuple[str, ...],
    expect: tuple[str, ...],
    junit: Path | None,
    report_file: Path | None,
    **told: bool,
) -> None:
    """Run the streams that CONFIG describes, and print what was measured.

    \b
    Example:
      cts run configs/stream.toml
      cts run configs/client.toml --set client.target=192.0.2.1:4444 --json
      cts run configs/stream.toml --jsonl > run.jsonl
      cts run configs/stream.toml --expect 'completed >= 99.9 %' --junit j.xml
    """
    from cts.config import load_config

    carry_out(
        load_config(config, overrides),
        str(config),
        Telling(**told),
        overrides,
        expect=expect,
        junit=junit,
        report_file=report_file,
    )


def carry_out(
    settings: Config,
    source: str,
    telling: Telling,
    overrides: Sequence[str] = (),
    *,
    expect: Sequence[str] = (),
    junit: Path | None = None,
    report_file: Path | None = None,
    name: str | None = None,
) -> NoReturn:
    """Run a configuration, print what was measured, and leave with the exit status that it has earned.

    Args:
        settings: what to run.
        source: where it came from, for messages.
        telling: how to print.
        overrides: the texts of ``--set`` that are in it, for messages.
        expect: what is expected beside what the configuration does.
        junit: where to write what became of that; None for nowhere.
        report_file: where to write a report; None for nowhere.
        name: what the run is called there; None for the source's name.
    """
    from cts.runs.real_run import run as run_config

    with report_at_end(settings, report_file, source, name=name, junit=junit) as settings:
        settings, teller = prepared(settings, source, telling, expect, junit)
        result = run_config(
            settings, source, console=sys.stderr, give_up=teller.tell, overrides=overrides, feed=telling.feed
        )
        teller.tell(result)
        teller.finish(result.report, result.exit_status)
