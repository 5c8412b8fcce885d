"""``cts verify-run``: whether a run's events agree with what the network did."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

__all__ = ["verify_run_command"]


def _duration(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    from cts.units import parse_duration_ns

    try:
        duration_ns = parse_duration_ns(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error
    if duration_ns < 0:
        raise click.BadParameter(f"{text} is negative; allowed: 0 or more", context, parameter)
    return duration_ns


@click.command("verify-run", short_help="Check a run against the truth.")
@click.argument("events", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--tolerance",
    "tolerance_ns",
    metavar="DURATION",
    callback=_duration,
    help="How far times of the two logs may lie apart; what comes that near a render time is not decided."
    "  [default: 0 for a simulation, else 2ms]",
)
def verify_run_command(events: Path, truth: Path, as_json: bool, tolerance_ns: int | None) -> None:
    """Recompute every verdict of a run from the ground truth of its network, and list what differs.

    EVENTS is the events file of the receiving side, TRUTH the ground-truth log of `cts sim` or `cts impair`. Leaves with
    status 0 if they agree, 1 if they differ, 2 if a file is not to be used.
    """
    from cts.verification.report import verification_json, verification_text
    from cts.verification.verify import verify_run

    verification = verify_run(events, truth, tolerance_ns=tolerance_ns)
    click.echo(json.dumps(verification_json(verification)) if as_json else verification_text(verification))
    sys.exit(0 if verification.agrees else 1)
