"""The command line: ``cts run``, ``cts check``, ``cts plugins``."""

from cts.cli.commands import main

__all__ = ["main"]
