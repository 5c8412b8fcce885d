"""What two large values differ in first, in one line.

pytest explains how two values differ that attrs compares, and where it is asked for every detail, as in most CI, it sets their
whole texts side by side: for the thousands of datagrams of a simulation that takes hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

__all__ = ["ComparedInOrder", "first_difference"]

_MOST_SHOWN = 200


class ComparedInOrder:
    """Base of attrs classes (``eq=False``) whose values are equal where all fields are, but for fields with ``eq=False``."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _parts(self) == _parts(other)

    __hash__ = None  # type: ignore[assignment]


def first_difference(one: object, other: object, name: str = "") -> str | None:
    """Return where the two differ first, and in what; None if they do not.

    Args:
        one: a value made of attrs classes, sequences, mappings and what has no parts.
        other: what it is compared with.
        name: what to call it, as in ``run`` for ``run.streams[0].frames[7].received: 9 != 12``.
    """
    if one == other:
        return None
    if type(one) is type(other):
        others = _parts(other)
        for part, value in _parts(one).items():
            if part in others and (difference := first_difference(value, others[part], name + part)):
                return difference
    return f"{name}: {_shown(one)} != {_shown(other)}"


def _parts(value: object) -> dict[str, object]:
    """Return what the value is made of, each with what is written behind the value's name to have it."""
    kind = type(value)
    if attrs.has(kind):
        return {f".{each.name}": getattr(value, each.name) for each in attrs.fields(kind) if each.eq}
    if isinstance(value, Mapping):
        return {f"[{key!r}]": each for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return {f"[{index}]": each for index, each in enumerate(value)}
    return {}


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"{len(value)} items"
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
