"""The command line: ``cts run``, ``sim``, ``impair``, ``verify-run``, ``bench``, ``check``, ``plugins``."""

import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Entry point; Ctrl-C is no bug even while the rest is being imported."""
    try:
        from cts.cli.commands import main as run_command
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run_command()
