"""What one plain value of TOML is read as: no coercion ("7" is no 7, "no" no switch), and each refusal says what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cts.config.problems import shown
from cts.units import (
    DURATION_SYNTAX,
    FRAME_RATE_SYNTAX,
    MAX_QUANTITY,
    RATE_SYNTAX,
    SECOND,
    SIZE_SYNTAX,
    Duration,
    FrameRate,
    Rate,
    Size,
    parse_duration_ns,
    parse_frame_rate,
    parse_rate,
    parse_size,
)

__all__ = ["READERS"]


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{shown(value)} is not a switch; allowed: true or false, without quotes")


def _int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > MAX_QUANTITY:
            raise ValueError(f"{shown(value)} is too large; allowed: a whole number of at most {MAX_QUANTITY}")
        return value
    raise ValueError(f"{shown(value)} is not a whole number; allowed: a whole number without quotes, such as 30")


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is not a number; allowed: a number without quotes, such as 0.01")  # noqa: TRY004
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not finite; allowed: a number such as 0.01")
    return number


def _str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f'{shown(value)} is not text; allowed: text in quotes, such as "name"')


def _path(value: object) -> Path:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return Path(value)
    raise ValueError(f'{shown(value)} is not a file name; allowed: text in quotes, such as "run.csv"')


def _rate(value: object) -> Rate:
    return Rate(parse_rate(value) if isinstance(value, str) else _whole(value, "rate", RATE_SYNTAX))


def _size(value: object) -> Size:
    return Size(parse_size(value) if isinstance(value, str) else _whole(value, "size", SIZE_SYNTAX))


def _whole(value: object, kind: str, syntax: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_QUANTITY:
        return value
    raise ValueError(f"{shown(value)} is not a {kind}; allowed: {syntax}")


def _duration(value: object) -> Duration:
    if isinstance(value, str):
        return parse_duration_ns(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_QUANTITY // SECOND:
        return Duration(round(Decimal(repr(value)) * SECOND))
    raise ValueError(f"{shown(value)} is not a duration; allowed: {DURATION_SYNTAX}")


def _frame_rate(value: object) -> FrameRate:
    if isinstance(value, str):
        return parse_frame_rate(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_QUANTITY:
        return parse_frame_rate(repr(value))
    raise ValueError(f"{shown(value)} is not a frame rate; allowed: {FRAME_RATE_SYNTAX}")


READERS: Final[Mapping[type, Callable[[object], object]]] = MappingProxyType(
    {
        bool: _bool,
        int: _int,
        float: _float,
        str: _str,
        Path: _path,
        Rate: _rate,
        Size: _size,
        Duration: _duration,
        FrameRate: _frame_rate,
    }
)
"""By type, what reads a value of it; raises ValueError."""
