"""``cts check``."""

from __future__ import annotations

from pathlib import Path

import click

from cts.cli.options import overrides_option
from cts.cli.printing import print_text
from cts.errors import UserError, tell_together

__all__ = ["check"]


@click.command(short_help="Validate CONFIGs, show what follows.")
@click.argument("configs", metavar="CONFIG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@overrides_option()
def check(configs: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Validate each CONFIG and show what follows from it; opens no socket and writes no file.

    \b
    Example:
      cts check configs/server.toml configs/client.toml
      cts check configs/stream.toml --set stream.frame_rate=60
    """
    from cts.config import load_config
    from cts.plugin.choice import choose_plugins
    from cts.runs.key_files import KeySources, keys_text, shared_keys
    from cts.runs.plan_text import describe_plan
    from cts.runs.session_settings import plan_of

    shown: list[str] = []
    mistakes: list[UserError] = []
    for config in configs:
        try:
            settings = load_config(config, overrides)
            plan = describe_plan(settings, plan_of(settings), choose_plugins(settings, str(config), overrides))
            plan = "\n".join([plan, *keys_text(shared_keys(KeySources.of(settings)))])
        except UserError as mistake:
            mistakes.append(mistake)
        else:
            shown.append(plan if len(configs) == 1 else f"{config}:\n{plan}")
    if shown:
        print_text("\n\n".join(shown))
    tell_together(mistakes)
