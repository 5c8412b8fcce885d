"""Every key of a configuration with what the code says of it, as docs/configuration.md has to say it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs

from cts.config.endpoint_text import parse_target
from cts.config.expect_table import Expectations
from cts.config.network import LinkConfig
from cts.config.peer_networks import LimitsConfig
from cts.config.table_keys import Key, keys_of
from cts.config.tables import Config
from cts.units import (
    Between,
    Duration,
    FrameRate,
    Rate,
    Size,
    format_duration,
    format_rate,
    format_size,
)

__all__ = ["Row", "option_rows", "rows"]

_UNITS: dict[object, str] = {
    Duration: "time",
    Rate: "bit/s",
    Size: "bytes",
    FrameRate: "frames per second",
    float: "probability",
}
_ANY: dict[object, str] = {
    Duration: "0 s or more",
    Rate: "0 bit/s or more",
    Size: "0 B or more",
    FrameRate: "more than 0",
    int: "a whole number",
    float: "a number",
    bool: "`true`, `false`",
    str: "text",
    Path: "a file name",
}


@attrs.frozen
class Row:
    """One line of the page, but for its meaning."""

    key: str
    unit: str
    default: str
    allowed: str


def rows() -> Iterator[Row]:
    """Yield every key; those of one way of the network are those of both."""
    for table, key in keys_of(Config).items():
        cls = key.kind
        assert isinstance(cls, type)
        if cls is Expectations:
            yield Row(f"{table}.METRIC", "that of the metric", "none", "a comparison and a bound, or a list of such")
            continue
        yield from _rows(table, cls)


def _rows(table: str, cls: type) -> Iterator[Row]:
    for name, each in keys_of(cls).items():
        if each.kind is LimitsConfig:
            yield from _rows(f"{table}.{name}", LimitsConfig)
        elif each.kind is not LinkConfig:
            yield Row(f"{table}.{name}", _unit(each.kind), _default(cls, each), _allowed(each.kind))


def option_rows(prefix: str, options: type) -> Iterator[tuple[str, str]]:
    """Yield the key and the default of each option of a plugin."""
    for each in attrs.fields(options):
        yield f"{prefix}.options.{each.name}", "required" if each.default is attrs.NOTHING else _toml(each.default)


def _unit(kind: object) -> str:
    base, _ = _taken_apart(kind)
    return " or ".join(dict.fromkeys(_UNITS[each] for each in base if each in _UNITS)) or "—"


def _default(cls: type, key: Key) -> str:
    attribute = next(each for each in attrs.fields(cls) if (each.alias or each.name) == key.attribute)
    default: Any = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return _toml(default)


def _toml(value: object) -> str:
    match value:
        case None:
            return "none"
        case Duration():
            return f'`"{format_duration(value)}"`'
        case Rate():
            return f'`"{format_rate(value)}"`'
        case Size():
            return f'`"{format_size(value)}"`'
        case FrameRate():
            return f"`{value.plain}`"
        case Enum():
            return f'`"{value.value}"`'
        case str():
            return f'`"{value}"`'
        case dict():
            return "`{}`"
        case tuple():
            return f"`[{', '.join(_toml(each).strip('`') for each in value)}]`"
        case _:
            return f"`{value}`"


def _taken_apart(kind: object) -> tuple[list[object], list[object]]:
    """Return the plain types that a value may have and the checks that it goes through."""
    kind = getattr(kind, "__value__", kind)
    if get_origin(kind) is Annotated:
        base, *checks = get_args(kind)
        bases, more = _taken_apart(base)
        return bases, checks + more
    if get_origin(kind) in (Union, UnionType):
        parts = [_taken_apart(each) for each in get_args(kind) if each is not NoneType]
        return [base for bases, _ in parts for base in bases], [check for _, checks in parts for check in checks]
    return [kind], []


def _allowed(kind: object) -> str:
    if get_origin(kind) is tuple:
        return f"a list, each {_allowed(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return "what `cts plugins` lists for the plugin"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(dict.fromkeys(_allowed(each) for each in get_args(kind) if each is not NoneType))
    bases, checks = _taken_apart(kind)
    base: Any = bases[0]
    if get_origin(base) is Literal:
        return ", ".join(f'`"{each}"`' for each in get_args(base))
    if isinstance(base, type) and issubclass(base, Enum):
        return ", ".join(f'`"{each.value}"`' for each in base)
    if isinstance(base, type) and attrs.has(base):
        return "a table, see [impairments](impairments.md)"
    for check in checks:
        wrong = base(base(check.low) - 1) if isinstance(check, Between) else ""
        try:
            check(wrong)  # type: ignore[operator]
        except ValueError as error:
            text = str(error).rpartition("allowed: ")[2].rpartition("there are ")[2]
            # Nobody is sent to every address.
            return text.partition(' and "*')[0] if check is parse_target else text
    return _ANY[base]
