"""Reads a TOML file, and lays ``--set KEY=VALUE`` over what it holds; knows no key of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import tomli

from cts.config.problems import KeyPath, dotted, shown, touch
from cts.errors import ConfigError, system_reason

__all__ = [
    "MAX_FILE_SIZE",
    "apply_overrides",
    "as_json",
    "origin_text",
    "origins_of",
    "parse_toml",
    "read_toml",
    "set_key",
]

MAX_FILE_SIZE = 1 << 20
"""Bytes of configuration that are read; a larger file is taken for something else."""
SYNTAX = "KEY=VALUE, for example --set stream.frame_rate=60"


def read_toml(path: Path) -> dict[str, object]:
    """Read a file of TOML, in UTF-8 with or without a byte-order mark.

    Raises ConfigError, as :func:`parse_toml` does.
    """
    source = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        raise ConfigError(source, ["no such file"]) from None
    except IsADirectoryError:
        raise ConfigError(source, ["is a directory; a TOML file is wanted"]) from None
    except PermissionError:
        raise ConfigError(source, ["no permission to read it"]) from None
    except OSError as exc:
        raise ConfigError(source, [f"cannot be read: {system_reason(exc)}"]) from exc
    except ValueError as exc:  # a NUL in the path
        raise ConfigError(source, [f"cannot be read: {exc}"]) from exc
    if len(data) > MAX_FILE_SIZE:
        raise ConfigError(source, [f"larger than {MAX_FILE_SIZE} bytes; is it a configuration?"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(source, [f"line {line}: not UTF-8 (byte 0x{data[exc.start]:02x})"]) from None
    return parse_toml(text, source)


def parse_toml(text: str, source: str) -> dict[str, object]:
    """Read a text of TOML that came from ``source``.

    Raises ConfigError, with line and column where there is one.
    """
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as exc:
        lines = text.split("\n")
        found = lines[exc.lineno - 1].strip() if exc.lineno <= len(lines) else ""
        near = f", in {shown(found)}" if found else ""
        raise ConfigError(source, [f"line {exc.lineno}, column {exc.colno}: not TOML: {exc.msg}{near}"]) from None
    except RecursionError:
        raise ConfigError(source, ["not readable: arrays or tables are nested too deeply"]) from None
    except ValueError as exc:  # the interpreter's limit on the digits of an integer
        raise ConfigError(source, [f"not readable: {exc}"]) from None


def apply_overrides(
    raw: Mapping[str, object], overrides: Sequence[str]
) -> tuple[dict[str, object], dict[KeyPath, str], list[str]]:
    """Lay ``KEY=VALUE`` texts over a table; the last one for a key holds.

    A value is read as TOML, and as plain text where it is not TOML. Returns the new table, the text that each key was
    set by, and what is wrong with texts that set nothing.
    """
    table: dict[str, object] = dict(raw)
    origins: dict[KeyPath, str] = {}
    wrong: list[str] = []
    for override in overrides:
        key, equals, value = override.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(re.fullmatch("[A-Za-z0-9_-]+", part) for part in path):
            wrong.append(f"--set {_plain(override)}: not understood; allowed: {SYNTAX}")
            continue
        blocked = set_key(table, path, _value(value))
        if blocked:
            wrong.append(f"--set {_plain(override)}: {dotted(blocked)} is not a table")
        else:
            origins[path] = _plain(override)
    return table, origins, wrong


def as_json(raw: object, deepest: int = 50) -> Any:
    """Return what TOML holds as JSON can, keys in order, which means nothing; dates, and numbers that are none, as text.

    Args:
        raw: it.
        deepest: how many tables and arrays within each other are told; a plugin's options may have more.
    """
    if isinstance(raw, Mapping | list | tuple) and not deepest:
        return shown(raw)
    if isinstance(raw, Mapping):
        return {
            str(key): as_json(value, deepest - 1) for key, value in sorted(raw.items(), key=lambda item: str(item[0]))
        }
    if isinstance(raw, list | tuple):
        return [as_json(value, deepest - 1) for value in raw]
    if isinstance(raw, bool | str) or (isinstance(raw, float) and isfinite(raw)):
        return raw
    return raw if isinstance(raw, int) and raw.bit_length() < 64 else shown(raw)


def origins_of(overrides: Sequence[str]) -> dict[KeyPath, str]:
    """Return the text that each key was set by, of overrides that have been applied."""
    return apply_overrides({}, overrides)[1]


def origin_text(keys: Iterable[KeyPath], origins: Mapping[KeyPath, str]) -> str:
    """Return what ends a problem's text: the overrides that what it rests on came from."""
    rests_on = tuple(keys)
    given = [text for path, text in origins.items() if any(touch(path, key) for key in rests_on)]
    return "".join(f" (from --set {text})" for text in given)


def _plain(override: str) -> str:
    """Write an override as it was given, unless it is long or holds what a terminal would act on."""
    return override if len(override) <= 100 and override.isprintable() else shown(override)


def _value(text: str) -> object:
    """Read what stands behind the equals sign; text that would set more than one key is plain text."""
    try:
        read = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text.strip()
    return read["value"] if list(read) == ["value"] else text.strip()


def set_key(table: dict[str, object], path: KeyPath, value: object) -> KeyPath:
    """Set a key, copying the tables on its way. Returns the key in the way that is no table; () when it was set."""
    *tables, last = map(str, path)
    for depth, part in enumerate(tables, start=1):
        inner = table.get(part, {})
        if not isinstance(inner, Mapping):
            return path[:depth]
        copy = dict(inner)
        table[part] = copy
        table = copy
    table[last] = value
    return ()
