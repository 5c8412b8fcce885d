"""``cts init``: a commented configuration to begin from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from cts.cli.printing import print_text
from cts.cli.written_files import refuse_unwritable, write_file
from cts.errors import UserError

__all__ = ["init"]


class _ExampleName(click.types.StringParamType):
    """The name of an example; which there are is looked up only when one is wanted."""

    name = "example"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the examples that begin so."""
        from cts.config.examples import example_names, example_summary

        return [
            CompletionItem(name, help=example_summary(name)) for name in example_names() if name.startswith(incomplete)
        ]


def _list_examples(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from cts.config.examples import example_names, example_summary

        print_text("\n".join(f"{name:<20} {example_summary(name)}" for name in example_names()))
        ctx.exit()


@click.command(short_help="Write a commented CONFIG.")
@click.argument("role", metavar="[ROLE]", default="loopback", type=_ExampleName())
@click.option("-o", "file", type=click.Path(path_type=Path), metavar="FILE", help="Where to.  [default: ROLE.toml]")
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_examples,
    help="List what ROLE may be beside loopback.",
)
def init(role: str, file: Path | None, force: bool) -> None:
    """Write a commented configuration to begin from: for a server, a client, loopback (both in one process), or an example.

    \b
    Example:
      cts init server
      cts init sim-lossy -o bad-network.toml
    """
    from cts.config.examples import example_text

    file = Path(f"{role}.toml") if file is None else file
    try:
        text = example_text(role, shlex.quote(str(file)) if str(file).isprintable() else "FILE")
    except ValueError as error:
        raise UserError(f"ROLE: {error}") from None
    refuse_unwritable("-o", file)
    if os.path.lexists(file) and not force:
        raise UserError(f"{file}: exists; allowed: another name (-o FILE), or --force to overwrite it")
    write_file("-o", file, text.encode())
    print_text(f"wrote {file}")
