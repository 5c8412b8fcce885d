"""``cts sim``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cts.cli.expecting import expecting, prepared
from cts.cli.options import config_argument, overrides_option, seed_option
from cts.cli.printing import say
from cts.cli.report_file import report_at_end, report_option
from cts.cli.telling import Telling, telling_options

__all__ = ["sim"]


@click.command(short_help="Run CONFIG in virtual time.")
@config_argument
@overrides_option()
@seed_option
@expecting
@telling_options
@report_option
def sim(
    config: Path,
    overrides: tuple[str, ...],
    seed: int | None,
    expect: tuple[str, ...],
    junit: Path | None,
    report_file: Path | None,
    **told: bool,
) -> None:
    """Run CONFIG in virtual time on the network that its [network] table describes.

    The engine, server and clients are those of a real run; the result is a function of CONFIG and the seed alone.

    \b
    Example:
      cts sim configs/sim-lossy.toml --seed 7 --json
      cts sim configs/stream.toml --set network.profile=lte
    """
    from cts.config import load_config
    from cts.runs.session_settings import simulated_seed
    from cts.runs.simulated_run import run_simulation

    telling = Telling(**told)
    with report_at_end(load_config(config, overrides), report_file, str(config), junit=junit) as settings:
        settings, teller = prepared(settings, str(config), telling, expect, junit)
        result = run_simulation(
            settings,
            str(config),
            seed=simulated_seed(settings, seed),
            console=sys.stderr,
            say=say,
            give_up=teller.tell,
            overrides=overrides,
            feed=telling.feed,
        )
        teller.tell(result)
        teller.finish(result.report, result.exit_status)
