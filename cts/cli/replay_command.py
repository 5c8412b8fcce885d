"""``cts replay``."""

from __future__ import annotations

from pathlib import Path

import click

from cts.cli.expecting import Teller, expecting
from cts.cli.printing import as_json_option, say
from cts.cli.report_command import name_of
from cts.cli.report_file import report_after, report_option
from cts.cli.telling import Telling

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
@expecting
@report_option
def replay(
    events: Path,
    as_json: bool,
    status: Path | None,
    connection: Path | None,
    jitter: Path | None,
    errors: Path | None,
    expect: tuple[str, ...],
    junit: Path | None,
    report_file: Path | None,
) -> None:
    """Recompute from EVENTS, a run's events file, what the run reported, and print it.

    Prints byte for byte what the run did, and likewise with --json, and writes the same logs. EVENTS may be gzip. Leaves with
    status 0 if EVENTS is whole, whatever the run came to; 1 if something is missing, as where the run was killed: then stderr
    says what, and the rest is printed; 2 if EVENTS is not to be used; 3 or 4 if what was expected of the run, or is with
    --expect, was missed or is undecided.

    \b
    Example:
      cts run client.toml --set output.events_file=run.jsonl.gz
      cts replay run.jsonl.gz --json --jitter jitter.csv
    """
    from cts.records.results import RunResult
    from cts.runs.replay import replay as replay_run

    given = {"status": status, "connection": connection, "jitter": jitter, "errors": errors}
    logs = {name: path for name, path in given.items() if path is not None}
    others = {"EVENTS": events, **{f"--{name}": path for name, path in logs.items()}}
    with report_after(events, report_file, name_of(events), others, junit=junit):
        teller = Teller(Telling(as_json=as_json), junit, others)
        replayed = replay_run(events, logs, expect)
        for text in (*replayed.notes, *(f"{events}: {text}" for text in replayed.missing)):
            say(text)
        teller.tell(RunResult(replayed.report, None))
        teller.finish(replayed.report, replayed.exit_status)
