"""Which keys a table has: the attributes of the class that it is read into, by the names and types of a configuration.

An attribute's name is its key, with two exceptions. Times of a :class:`cts.impairment.description.Description` are ints whose
names end in ``_ns``: their keys have no such ending, and are read as durations. And a class may have keys of its own making
(:func:`write_keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

import attrs

from cts.impairment.description import Description
from cts.units import Duration

__all__ = ["NO_KEY", "Key", "keys_of", "write_keys"]


NO_KEY: Final[Mapping[str, bool]] = MappingProxyType({"is_key": False})
"""Metadata of an attribute that no key stands for."""


class Key(NamedTuple):
    """What stands behind one key of a table."""

    attribute: str
    """The name of the class's argument."""
    kind: object
    """The type that the value is read as."""
    make: Callable[[Any], object] | None = None
    """Make the argument of what was read; None: it is the argument."""
    required: bool = False


_OWN_KEYS: dict[type, dict[str, Key]] = {}


def write_keys(cls: type, **keys: Key) -> None:
    """Add keys to a class's table: other ways to write its attributes. A required one is the only way."""
    _OWN_KEYS[cls] = keys


def keys_of(cls: type) -> dict[str, Key]:
    """Return the keys of the table that an attrs class stands for."""
    fields = attrs.fields(cls)
    if any(isinstance(each.type, str) for each in fields):
        fields = attrs.fields(attrs.resolve_types(cls))
    own = _OWN_KEYS.get(cls, {})
    otherwise = {each.attribute for each in own.values() if each.required}
    keys = (_key(each, cls) for each in fields if _has_key(each) and each.alias not in otherwise)
    return dict(keys) | own


def _has_key(attribute: attrs.Attribute[Any]) -> bool:
    return attribute.init and attribute.metadata.get("is_key", True)


def _key(attribute: attrs.Attribute[Any], cls: type) -> tuple[str, Key]:
    argument, required = attribute.alias or attribute.name, attribute.default is attrs.NOTHING
    kind: object = object if attribute.type is None else attribute.type
    if issubclass(cls, Description) and attribute.name.endswith("_ns"):
        bounded = kind if get_origin(kind) is Annotated else get_args(kind)[0]  # of T | None, T
        return attribute.name.removesuffix("_ns"), Key(argument, _duration(bounded), int, required)
    return attribute.name, Key(argument, kind, None, required)


def _duration(kind: object) -> object:
    """Put Duration in the place of int, with the same checks."""
    _, *checks = get_args(kind)
    return Annotated[(Duration, *checks)]
