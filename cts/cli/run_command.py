"""``cts run``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cts.cli.options import config_argument, overrides_option
from cts.cli.printing import as_json_option, result_teller

__all__ = ["run"]


@click.command(short_help="Run the streams that CONFIG describes.")
@config_argument
@overrides_option()
@as_json_option
def run(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run the streams that CONFIG describes, and print what was measured."""
    from cts.config import load_config
    from cts.runs.real_run import run as run_config

    tell = result_teller(as_json)
    settings = load_config(config, overrides)
    result = run_config(settings, str(config), console=sys.stderr, give_up=tell, overrides=overrides)
    tell(result)
    sys.exit(result.exit_status)
