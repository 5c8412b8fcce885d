"""``cts plugins``."""

from __future__ import annotations

import click

from cts.cli.printing import print_text

__all__ = ["plugins"]


@click.command(short_help="List senders and factories.")
def plugins() -> None:
    """List every sender strategy and connected-socket factory, broken ones with the reason.

    \b
    Example:
      cts plugins
    """
    from cts.plugin.registry import find_plugins
    from cts.plugin.status import describe_plugins

    print_text(describe_plugins(find_plugins()))
