"""JSON Schemas (draft 2020-12) of all that ``--json`` prints: a file for each object, and which command prints it."""

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
    "bench": "bench",
}
"""The schema of what a command prints, by the command's name."""


def schema_text(command: str) -> str:
    """Return the schema of what ``cts COMMAND --json`` prints, as the text of a JSON file; KeyError if it prints none."""
    return (files("cts.schemas") / f"{SCHEMAS[command]}.json").read_text(encoding="utf-8")
