"""``cts replay``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cts.cli.printing import as_json_option, print_report, say

__all__ = ["replay"]

_FILE = click.Path(path_type=Path)


@click.command(short_help="Recompute a run from its events.")
@click.argument("events", type=_FILE)
@as_json_option
@click.option("--status", type=_FILE, metavar="FILE", help="Write the status log again.")
@click.option("--connection", type=_FILE, metavar="FILE", help="Write the connection log again.")
@click.option(
    "--jitter",
    type=_FILE,
    metavar="FILE",
    help="Write the jitter log again, a file for each stream where there were several.",
)
@click.option("--errors", type=_FILE, metavar="FILE", help="Write the error log again.")
def replay(
    events: Path,
    as_json: bool,
    status: Path | None,
    connection: Path | None,
    jitter: Path | None,
    errors: Path | None,
) -> None:
    """Recompute from EVENTS, a run's events file, what the run reported, and print it.

    Prints byte for byte what the run did, and likewise with --json, and writes the same logs. EVENTS may be gzip. Leaves with
    status 0 if EVENTS is whole, whatever the run came to; 1 if something is missing, as where the run was killed: then stderr
    says what, and the rest is printed; 2 if EVENTS is not to be used.

    \b
    Example:
      cts run client.toml --set output.events_file=run.jsonl.gz
      cts replay run.jsonl.gz --json --jitter jitter.csv
    """
    from cts.output.summary import summary_json, summary_text
    from cts.runs.replay import replay as replay_run

    given = {"status": status, "connection": connection, "jitter": jitter, "errors": errors}
    replayed = replay_run(events, {name: path for name, path in given.items() if path is not None})
    for text in (*replayed.notes, *(f"{events}: {text}" for text in replayed.missing)):
        say(text)
    print_report(replayed.report, summary_json, summary_text, as_json=as_json)
    sys.exit(replayed.exit_status)
