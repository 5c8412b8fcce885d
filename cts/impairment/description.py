"""What the classes that describe a link have in common: types that carry what is allowed, and how a refusal is told.

An attribute's type is the one place of its bounds: ``Annotated[int, Between(1)]``. Here they hold for whoever makes an
object; ``cts.config`` reads the same types, so that it can tell of every key that is wrong at once.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, TypeAlias, Union, cast, get_args, get_origin

import attrs

from cts.units import Between

__all__ = ["AtLeastOne", "Description", "Probability", "Time", "Unfit"]

AtLeastOne: TypeAlias = Annotated[int, Between(1)]
Probability: TypeAlias = Annotated[float, Between(0, 1)]
Time: TypeAlias = Annotated[int, Between(0)]
"""Nanoseconds."""


class Unfit(ValueError):
    """A description cannot be as it is told.

    Attributes:
        text: what is wrong, and what is allowed.
        key: the attribute at which it is told, by its name in a configuration.
        others: further ones that it rests on.
    """

    def __init__(self, text: str, key: str, *others: str) -> None:
        super().__init__(text)
        self.text, self.key, self.others = text, key, others

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class Description:
    """The base of attrs classes that say what a link does to datagrams.

    Times are ints of nanoseconds in attributes that end in ``_ns``. In a configuration they are durations, under the
    name without that ending. Making an object raises :class:`Unfit` where a type, or :meth:`agree`, refuses.
    """

    __slots__ = ()

    def __attrs_post_init__(self) -> None:
        """Hold every attribute to its type's checks, then all of them to each other."""
        for each in attrs.fields(attrs.resolve_types(cast("type[attrs.AttrsInstance]", type(self)))):
            try:
                _check(getattr(self, each.name), each.type)
            except ValueError as exc:
                raise Unfit(str(exc), each.name.removesuffix("_ns")) from None
        self.agree()

    def agree(self) -> None:
        """Refuse, with :class:`Unfit`, attributes that contradict each other."""


def _check(value: object, kind: object) -> None:
    """Call what a type carries as checks, for each item of a tuple too; None is taken where it is allowed."""
    origin, (inner, *more) = get_origin(kind), get_args(kind) or (None,)
    if origin is Annotated:
        _check(value, inner)
        for check in more:
            check(value)
    elif origin in (Union, UnionType) and value is not None:
        _check(value, inner)
    elif origin is tuple and get_origin(inner) is Annotated:
        for each in cast("tuple[object, ...]", value):
            _check(each, inner)
