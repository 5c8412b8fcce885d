"""Writes what a configuration holds as TOML, a comment beside each key; ``toml_source`` reads it back as it was."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from cts.config.problems import shown

__all__ = ["toml_text"]

_COMMENT_COLUMN = 34


def toml_text(tables: Mapping[str, Mapping[str, object]], comments: Mapping[str, str]) -> str:
    """Return tables as the text of a file.

    Args:
        tables: by their names, keys and values such as TOML has; a table within one of them becomes an inline table.
        comments: by a table's name, or by its name, a point and a key, what stands behind it.

    Raises:
        ValueError: a text cannot be written in UTF-8, which a TOML file has.
    """
    blocks = []
    for name, table in tables.items():
        lines = [(name, f"[{_key(name)}]")]
        lines += [(f"{name}.{key}", f"{_key(key)} = {_value(value)}") for key, value in table.items()]
        blocks.append("\n".join(_with_comment(line, comments.get(path)) for path, line in lines))
    return "\n\n".join(blocks)


def _with_comment(line: str, comment: str | None) -> str:
    return line if comment is None else f"{line:<{_COMMENT_COLUMN - 1}} # {comment}"


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else _text(key)


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case int() | float():
            return repr(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case Mapping():
            return f"{{{', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(text)} is not UTF-8, which a TOML file has to be") from None
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
