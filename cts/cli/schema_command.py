"""``cts schema``."""

from __future__ import annotations

import click

from cts.cli.printing import print_result
from cts.schemas import SCHEMAS, schema_text

__all__ = ["schema"]


@click.command(short_help="Print the JSON Schema of --json.")
@click.argument("command", type=click.Choice(list(SCHEMAS)))
def schema(command: str) -> None:
    """Print the JSON Schema (draft 2020-12) of what COMMAND prints with --json.

    It has every key with its meaning and unit, and says what may be null. For COMMAND put "interval" to have that of the lines
    of --jsonl, the last one excepted, which is that of --json.

    \b
    Example:
      cts schema run > run.schema.json
    """
    print_result(schema_text(command).rstrip("\n"))
