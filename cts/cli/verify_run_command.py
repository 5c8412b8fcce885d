"""``cts verify-run``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cts.cli.options import read_duration_ns
from cts.cli.printing import as_json_option, print_report

__all__ = ["verify_run"]


@click.command("verify-run", short_help="Check a run against the truth.")
@click.argument("events", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@as_json_option
@click.option(
    "--tolerance",
    metavar="DURATION",
    help="How far times of the two logs may lie apart; what comes that near a render time is not decided."
    "  [default: 0 for a simulation, else 2ms]",
)
def verify_run(events: Path, truth: Path, as_json: bool, tolerance: str | None) -> None:
    """Recompute every verdict of a run from the ground truth of its network, and list what differs.

    EVENTS is the events file of the receiving side, TRUTH the ground-truth log of `cts sim` or `cts impair`. Leaves with
    status 0 if they agree, 1 if they differ, 2 if a file is not to be used.

    \b
    Example:
      cts sim sim-lossy.toml --set output.events_file=run.jsonl \\
          --set output.truth_file=truth.jsonl
      cts verify-run run.jsonl truth.jsonl
    """
    from cts.verification.report import verification_json, verification_text
    from cts.verification.verify import verify_run as verify

    verification = verify(events, truth, tolerance_ns=read_duration_ns("--tolerance", tolerance))
    print_report(verification, verification_json, verification_text, as_json=as_json)
    sys.exit(0 if verification.agrees else 1)
