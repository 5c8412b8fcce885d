"""Media by name, as ``cts test --as NAME`` takes them: what each says of ``[stream]``, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import tomli
from attrs import frozen

from cts.config.problems import shown

__all__ = ["Preset", "preset", "presets"]


@frozen
class Preset:
    """A medium.

    Attributes:
        summary: what it is, in few words.
        stream: its keys of ``[stream]``, as TOML has them.
        source: where the numbers come from, in Markdown.
    """

    summary: str
    stream: Mapping[str, object]
    source: str


@cache
def presets() -> Mapping[str, Preset]:
    """Return every preset by its name, in the order of the file that comes with cts."""
    tables = tomli.loads((files("cts.config") / "presets.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: Preset(**table) for name, table in tables.items()})


def preset(name: str) -> Preset:
    """Return the preset of that name; ValueError, whose text says what is allowed, where there is none."""
    known = presets()
    if name in known:
        return known[name]
    near = get_close_matches(name[:100].lower(), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{shown(name)} is no preset; allowed: {', '.join(known)}{hint}")
