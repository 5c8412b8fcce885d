"""Holds what ``--json`` prints against the schema that is shipped for it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from cts.schemas import SCHEMAS, schema_text


@cache
def schema_of(command: str) -> Any:
    return json.loads(schema_text(command))


def _without_references(schema: Any, root: Any) -> Any:
    """Return a schema with what each ``$ref`` refers to in its place: to look them up takes half the time of a validation."""
    if isinstance(schema, list):
        return [_without_references(each, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" not in schema:
        return {key: _without_references(each, root) for key, each in schema.items() if key != "$defs"}
    assert schema.keys() <= {"$ref", "description"}
    referred = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        referred = referred[step]
    return _without_references(referred, root)


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = schema_of(name)
    return Draft202012Validator(_without_references(schema, schema))


def is_valid(command: str, value: object) -> bool:
    """Tell whether the schema has nothing against it."""
    return _validator(SCHEMAS[command]).is_valid(value)


def complaint(command: str, value: object) -> str | None:
    """Return the most telling thing that the schema has against what ``cts COMMAND --json`` printed; None for nothing."""
    # Only what is wrong is worth the search for the best way to say it.
    if is_valid(command, value):
        return None
    found = best_match(_validator(SCHEMAS[command]).iter_errors(value))
    assert found is not None
    return f"{found.json_path}: {found.message}"


_SAID: set[tuple[str, str]] = set()
"""What has been found to be what its schema says: replays print the same again."""


def read_output(command: str, text: str) -> Any:
    """Return what ``cts COMMAND --json`` printed, which has to be JSON to the letter, as a whole, and what its schema says."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    value = json.loads(text, parse_constant=refuse)
    said = (SCHEMAS[command], text)
    if said not in _SAID:
        wrong = complaint(command, value)
        assert wrong is None, wrong
        _SAID.add(said)
    return value
