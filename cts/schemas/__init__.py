"""JSON Schemas (draft 2020-12) of all that ``--json`` and ``--jsonl`` print: a file for each object, and who prints it."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

__all__ = ["SCHEMAS", "schema_text"]

SCHEMAS: Final = {
    "run": "run",
    "sim": "run",
    "replay": "run",
    "serve": "run",
    "test": "run",
    "impair": "impair",
    "verify-run": "verify-run",
    "compare": "compare",
    "bench": "bench",
    "interval": "interval",
}
"""The schema of what a command prints with ``--json``, by the command's name; ``interval``: of the lines of ``--jsonl``."""


def schema_text(command: str) -> str:
    """Return a schema by its name in :data:`SCHEMAS`, as the text of a JSON file; KeyError if there is none."""
    return (files("cts.schemas") / f"{SCHEMAS[command]}.json").read_text(encoding="utf-8")
