"""Which figures ``--json`` has of a run, each by its path, with its unit: read from the schema, so that none is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from attrs import frozen

from cts.schemas import schema_text

__all__ = ["FLAG", "TEXT", "JsonKey", "figure_at", "json_keys", "stream_keys"]

FLAG, TEXT = "true or false", "text"
"""Units of what is no quantity."""

_NOT_MEASURED = ("role", "direction", "provenance")


@frozen
class JsonKey:
    """A figure of a run.

    Attributes:
        path: where it is, keys with dots between them; a key may have dots itself.
        place: the path of the object that it is in, which has none in its keys; empty for the outermost.
        unit: a quantity's name in the schema, such as ``seconds``; or :data:`FLAG`, :data:`TEXT`.
        meaning: what the schema says of it.
        choices: the texts that it may be.
        has_limits: whether there is a share there with its limits of 95 %.
    """

    path: str
    place: str
    unit: str
    meaning: str
    choices: tuple[str, ...] = ()
    has_limits: bool = False


@cache
def json_keys() -> Mapping[str, JsonKey]:
    """Return every figure of a run by its path; those of single streams, which are in lists, are none of them."""
    schema = json.loads(schema_text("run"))
    return {key.path: key for key in _keys(schema, schema["$defs"], "")}


@cache
def stream_keys() -> Mapping[str, JsonKey]:
    """Return every figure of a stream of a run by its path in that stream."""
    units = json.loads(schema_text("run"))["$defs"]
    return {key.path: key for key in _keys(units["stream"], units, "")}


def _keys(table: Any, units: Any, path: str) -> Iterator[JsonKey]:
    for name, told in table.get("properties", {}).items():
        if not path and name in _NOT_MEASURED:
            continue
        kind = told.get("anyOf", [told])[0]
        reference = kind.get("$ref", "").rpartition("/")[2]
        yield from _key(units.get(reference, kind), units, (path, name), reference, told.get("description", ""))


def _key(kind: Any, units: Any, where: tuple[str, str], reference: str, meaning: str) -> Iterator[JsonKey]:
    path, place = "".join(where), where[0].rstrip(".")
    if kind.get("type") == "object":
        if reference == "limits":
            yield JsonKey(path, place, "share", meaning, has_limits=True)
        yield from _keys(kind, units, f"{path}.")
    elif kind.get("type") in ("integer", "number") and reference:
        yield JsonKey(path, place, reference, meaning)
    elif kind.get("type") == "boolean":
        yield JsonKey(path, place, FLAG, meaning)
    elif "enum" in kind:
        yield JsonKey(path, place, TEXT, meaning, tuple(kind["enum"]))


def figure_at(figures: Mapping[str, object], path: str) -> object:
    """Return what is at a path of what ``--json`` prints; None for what is not there. A key may have dots itself."""
    if path in figures:
        return figures[path]
    at = path.find(".")
    while at >= 0:
        inner = figures.get(path[:at])
        if isinstance(inner, Mapping):
            return figure_at(inner, path[at + 1 :])
        at = path.find(".", at + 1)
    return None
