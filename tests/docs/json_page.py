"""Makes docs/json.md out of the shipped schemas: ``python -m tests.docs.json_page`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cts.schemas import SCHEMAS, schema_text

PAGE = Path(__file__).parents[2] / "docs" / "json.md"

_INTRODUCTION = """\
# What `--json` prints

<!-- Made from cts/schemas/*.json by `python -m tests.docs.json_page`: change it there. -->

One JSON object, on one line of stdout; all else goes to stderr. `schema` is the version of the object, and rises when a key
changes its meaning or goes; new keys do not raise it. What is not known, or does not apply, is `null`.

`cts schema COMMAND` prints the JSON Schema (draft 2020-12) that this page is made from. It has every key, and so refuses those
that a later version adds: take the schema of the `cts` that printed the object. `cts schema interval` is that of the lines of
`--jsonl`. `cts check`, `cts init`, `cts plugins`
and `cts schema` have no `--json`.
"""


def page() -> str:
    """Return the whole page."""
    parts, told = [_INTRODUCTION], set[str]()
    for name in dict.fromkeys(SCHEMAS.values()):
        schema = json.loads(schema_text(name))
        parts.append("\n".join([f"## {_heading(schema['title'])}", "", schema["description"], "", *_table(schema)]))
        for inner, each in schema["$defs"].items():
            if each["type"] == "object" and inner not in told:
                told.add(inner)
                parts.append("\n".join([f"### {inner}", "", each["description"], "", *_table(each)]))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _heading(title: str) -> str:
    return ", ".join(f"`{command}`" for command in title.split(", "))


def _table(each: Any) -> Iterator[str]:
    """Yield the lines on an object's keys; those that are another object's just as well are only named."""
    if isinstance(each["additionalProperties"], dict):
        yield f"The value of each key: {_kind(each['additionalProperties'])}."
        return
    borrowed: dict[str, list[str]] = {}
    rows = []
    for key, value in each["properties"].items():
        path = value.get("$ref", "").split("/")
        if "properties" in path:
            borrowed.setdefault(path[2], []).append(f"`{key}`")
        else:
            rows.append(f"| `{key}` | {_kind(value)} | {value['description']} |")
    for name, keys in borrowed.items():
        yield from (f"As in [{name}](#{name}): {', '.join(keys)}.", "")
    yield from ("| key | value | meaning |", "| --- | --- | --- |", *rows)


def _kind(value: Any) -> str:
    """Return what a value may be: a unit, a link to an object, or words."""
    if "anyOf" in value:
        return f"{_kind(value['anyOf'][0])} or `null`"
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return name.replace("_", " ") if name in _units() else f"[{name}](#{name})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return _either([f"`{each}`" for each in value["enum"]])
    if value["type"] == "array":
        return f"list of {_kind(value['items'])}"
    words = {"string": "text", "boolean": "`true` or `false`", "null": "`null`"}
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return _either([words.get(kind, str(kind)) for kind in kinds])


def _either(kinds: list[str]) -> str:
    *most, last = kinds
    return f"{', '.join(most)} or {last}" if most else last


def _units() -> set[str]:
    """Return the names that stand for quantities."""
    schemas = (json.loads(schema_text(name)) for name in SCHEMAS)
    return {name for schema in schemas for name, each in schema["$defs"].items() if each["type"] != "object"}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
