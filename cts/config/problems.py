"""What is wrong with a configuration, and how keys and values are written in messages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TypeAlias

from attrs import frozen

__all__ = ["TOLD_AT_MOST", "KeyPath", "Problem", "dotted", "few", "problem_at", "shown", "told", "touch", "without"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""A key as its parts, array positions as ints: ``("server", "listen", 0)``."""

TOLD_AT_MOST = 100
"""Problems that are told; each costs some work, and nobody reads so many."""


@frozen
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        path: the key that it is reported at.
        text: the value, what is wrong with it, what is allowed.
        others: further keys that it rests on; it is not worth telling where one of them is wrong in itself.
    """

    path: KeyPath
    text: str
    others: tuple[KeyPath, ...] = ()

    @property
    def keys(self) -> tuple[KeyPath, ...]:
        """Return every key that it rests on."""
        return (self.path, *self.others)

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.text}" if self.path else self.text


def problem_at(key: str, text: str, *others: str) -> Problem:
    """Make a rule's problem at a dotted key; ``others`` are the further keys that the rule looked at."""
    return Problem(tuple(key.split(".")), text, tuple(tuple(each.split(".")) for each in others))


def told(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems, those beyond ``TOLD_AT_MOST`` as one that says so; of these one alone is looked for."""
    first = list(islice(problems, TOLD_AT_MOST + 1))
    if len(first) > TOLD_AT_MOST:
        first[-1] = Problem((), f"more is wrong than these {TOLD_AT_MOST}; is it a configuration?")
    return first


def touch(key: KeyPath, other: KeyPath) -> bool:
    """Tell whether two keys are the same, or one is in the other's table."""
    shared = min(len(key), len(other))
    return key[:shared] == other[:shared]


def without(table: Mapping[str, object], path: KeyPath) -> Mapping[str, object]:
    """Copy a table, leaving out what is at a key; an array with a bad item goes as a whole, as does the table itself at ()."""
    if not path:
        return {}
    head = str(path[0])
    inner = table.get(head)
    if len(path) > 1 and isinstance(inner, Mapping):
        return {**table, head: without(inner, path[1:])}
    return {key: value for key, value in table.items() if key != head}


def dotted(path: KeyPath) -> str:
    """Write a key as a user does: ``server.listen[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch("[A-Za-z0-9_-]+", part) else shown(part))
    return text


def shown(value: object) -> str:
    """Write a value for a message: as in TOML, on one line, of bounded length."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > 200:
        return "a very large number"
    text = repr(value[:100] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def few(texts: Collection[str]) -> str:
    """Write a list of any length on one line: the first of it, and how many more there are."""
    first = list(islice(texts, 10))
    return ", ".join(first) + (f" and {len(texts) - len(first):,} more" if len(texts) > len(first) else "")
