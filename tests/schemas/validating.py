"""Holds what ``--json`` prints against the schema that is shipped for it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from cts.schemas import schema_text


@cache
def schema_of(command: str) -> Any:
    return json.loads(schema_text(command))


@cache
def _validator(command: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(command))


def is_valid(command: str, value: object) -> bool:
    """Tell whether the schema has nothing against it."""
    return _validator(command).is_valid(value)


def complaint(command: str, value: object) -> str | None:
    """Return the most telling thing that the schema has against what ``cts COMMAND --json`` printed; None for nothing."""
    # Only what is wrong is worth the search for the best way to say it.
    if is_valid(command, value):
        return None
    found = best_match(_validator(command).iter_errors(value))
    assert found is not None
    return f"{found.json_path}: {found.message}"


def read_output(command: str, text: str) -> Any:
    """Return what ``cts COMMAND --json`` printed, which has to be JSON to the letter, as a whole, and what its schema says."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    value = json.loads(text, parse_constant=refuse)
    wrong = complaint(command, value)
    assert wrong is None, wrong
    return value
