"""A cattrs converter that takes TOML's values as they are: no coercion, and each refusal says what is allowed.

cattrs' own hooks coerce ("7" becomes 7, "no" becomes True), so each is replaced. ``cts.config.plain_values`` reads what is
neither table nor array, ``cts.config.table_keys`` says which keys a class has. A field's type says all:

* ``Rate``, ``Size``, ``Duration``: a number, or text with a unit. ``FrameRate``: a number, or text.
* ``Annotated[T, check, ...]``: each check is called with the structured value and raises ValueError to refuse it
  (:class:`cts.units.Between`, or any function). Bounds stand here rather than in attrs validators, which run only
  when every field of their class was good, so that all problems show in one round.
* ``T | None``: TOML has no null; None can only be the default.
* ``Number | Table``: a table is structured into the attrs class, anything else as the number. Of several attrs
  classes the table's key ``model`` picks one, by the class's name in lower case with hyphens.
* ``tuple[str, ...]``, ``list[Path]``: an array, or a single text.
* ``Literal``, enumerations: one of the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeAlias, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)

from cts.config.plain_values import READERS
from cts.config.problems import TOLD_AT_MOST, shown
from cts.config.table_keys import keys_of
from cts.impairment.description import Unfit

__all__ = ["CONVERTER", "Hook"]

Hook: TypeAlias = Callable[[object, object], object]
"""What cattrs calls with (value, type); raises ValueError, or cattrs' own groups of them."""

CONVERTER = Converter()


def _strict(plain: type, read: Callable[[object], object]) -> Hook:
    """Make a plain type's hook; cattrs calls it for subclasses too, of which enumerations have values of their own."""

    def hook(value: object, kind: object) -> object:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _enum_hook(kind)(value, kind)
        if kind is not plain:
            raise TypeError(f"no way is known to read {kind}")
        return read(value)

    return hook


def _enum_hook(kind: type[Enum]) -> Hook:
    return _choice_hook({member.value: member for member in kind})


def _choice_hook(choices: Mapping[object, object]) -> Hook:
    allowed = " or ".join(shown(choice) for choice in choices)
    words = [choice for choice in choices if isinstance(choice, str)]

    def hook(value: object, _: object) -> object:
        for choice, meaning in choices.items():
            if type(choice) is type(value) and choice == value:
                return meaning
        near = get_close_matches(value[:100].lower(), words, n=1) if isinstance(value, str) else ()
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{shown(value)} is unknown; allowed: {allowed}{hint}")

    return hook


def _annotated_hook(kind: object) -> Hook:
    base, *notes = get_args(kind)
    inner = CONVERTER.get_structure_hook(base)
    checks = [note for note in notes if callable(note)]

    def hook(value: object, _: object) -> object:
        structured: object = inner(value, base)
        for check in checks:
            check(structured)
        return structured

    return hook


def _table_hook(cls: type) -> Hook:
    keys = keys_of(cls)
    hooks = {key: CONVERTER.get_structure_hook(each.kind) for key, each in keys.items()}

    def hook(value: object, _: object) -> object:
        if not isinstance(value, Mapping):
            raise ValueError(f"{shown(value)} is not a table; allowed: {_keys_text(cls)}")  # noqa: TRY004
        made: dict[str, object] = {}
        wrong: list[Exception] = []
        for key, (attribute, kind, make, required) in keys.items():
            try:
                if key in value:
                    read = hooks[key](value[key], kind)
                    if attribute in made:
                        text = f"another way to write {attribute}, which is given too; allowed: one of them"
                        raise Unfit(text, key, attribute)
                    made[attribute] = read if make is None else make(read)
                elif required:
                    raise ValueError("required key is missing")
            except Exception as exc:
                exc.add_note(AttributeValidationNote(f"key {key}", key, kind))
                wrong.append(exc)
        if unknown := set(value) - set(keys):
            wrong.append(ForbiddenExtraKeysError("", cls, unknown))
        if not wrong:
            try:
                return cls(**made)
            except Exception as exc:
                wrong.append(exc)
        raise ClassValidationError("bad table", wrong, cls)

    return hook


def _keys_text(cls: type) -> str:
    return f"a table with keys of: {', '.join(keys_of(cls))}"


def _union_hook(kind: object) -> Hook:
    members = get_args(kind)
    tables = [each for each in members if isinstance(each, type) and attrs.has(each)]
    others = [each for each in members if each is not NoneType and each not in tables]
    inner = [(CONVERTER.get_structure_hook(each), each) for each in others]
    table = _one_of_tables(tables)
    wants_table = f", or {_keys_text(tables[0])}" if len(tables) == 1 else f", or {_models(tables)}" if tables else ""

    def hook(value: object, _: object) -> object:
        if tables and (isinstance(value, Mapping) or not others):
            return table(value, kind)
        if len(inner) == 1 and not tables:
            return inner[0][0](value, others[0])
        reasons = []
        for read, member in inner:
            try:
                return read(value, member)
            except ValueError as exc:
                reasons.append(str(exc))
        raise ValueError("; or ".join(reasons) + wants_table)

    return hook


def _one_of_tables(tables: list[type]) -> Hook:
    """Make the hook that structures a table into one of several classes, by its key ``model``."""
    if len(tables) == 1:
        return CONVERTER.get_structure_hook(tables[0])
    by_model = {_model(each): (CONVERTER.get_structure_hook(each), each) for each in tables}

    def hook(value: object, _: object) -> object:
        model = value.get("model") if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(model, str) or model not in by_model:
            raise ValueError(f"{shown(value)} with model {shown(model)}; allowed: {_models(tables)}")
        read, cls = by_model[model]
        return read({key: each for key, each in value.items() if key != "model"}, cls)

    return hook


def _model(cls: type) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


def _models(tables: list[type]) -> str:
    return f"a table with model = {' or '.join(repr(_model(each)) for each in tables)}"


def _array_hook(kind: object) -> Hook:
    """Make the hook of ``tuple[T, ...]``, ``tuple[A, B]`` and ``list[T]``."""
    origin, members = get_origin(kind), [each for each in get_args(kind) if each is not ...]
    fixed = origin is tuple and ... not in get_args(kind)
    inner = [CONVERTER.get_structure_hook(each) for each in members]
    first = members[0] if members else object
    of_text = not fixed and (get_args(first)[0] if get_origin(first) is Annotated else first) in (str, Path)

    def hook(value: object, _: object) -> object:
        items = [value] if of_text and isinstance(value, str) else value
        if not isinstance(items, list):
            raise ValueError(f"{shown(value)} is not an array; allowed: an array, such as [...]")  # noqa: TRY004
        if fixed and len(items) != len(members):
            raise ValueError(f"an array of {len(items)}; allowed: an array of exactly {len(members)}")
        pairs = zip(items, inner, members, strict=True) if fixed else ((each, inner[0], first) for each in items)
        made = [each for _, each in _each(enumerate(pairs), kind)]
        return tuple(made) if origin is tuple else made

    return hook


def _mapping_hook(kind: object) -> Hook:
    """Make the hook of ``dict[str, T]``."""
    member = get_args(kind)[1]
    inner = CONVERTER.get_structure_hook(member)

    def hook(value: object, _: object) -> object:
        if not isinstance(value, Mapping):
            raise ValueError(f"{shown(value)} is not a table; allowed: a table of keys and values")  # noqa: TRY004
        return dict(_each(((key, (each, inner, member)) for key, each in value.items()), kind))

    return hook


def _each(
    items: Iterable[tuple[int | str, tuple[object, Hook, object]]],
    kind: object,
) -> list[tuple[int | str, object]]:
    """Structure every item, and tell all that is wrong with any of them; none is looked at after more than can be told."""
    made: list[tuple[int | str, object]] = []
    wrong: list[Exception] = []
    for index, (value, read, member) in items:
        try:
            made.append((index, read(value, member)))
        except (ValueError, BaseValidationError) as exc:
            exc.add_note(IterableValidationNote(f"item {index}", index, member))
            wrong.append(exc)
            if len(wrong) > TOLD_AT_MOST:
                break
    if wrong:
        raise IterableValidationError("bad items", wrong, type(kind))
    return made


def _is_any_of(*origins: object) -> Callable[[object], bool]:
    return lambda kind: get_origin(kind) in origins


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


for _plain, _read in READERS.items():
    CONVERTER.register_structure_hook(_plain, _strict(_plain, _read))
CONVERTER.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
for _applies, _factory in (
    (_is_any_of(Literal), lambda kind: _choice_hook({choice: choice for choice in get_args(kind)})),
    (_is_any_of(tuple, list), _array_hook),
    (_is_any_of(dict), _mapping_hook),
    (_is_any_of(Union, UnionType), _union_hook),
    (_is_any_of(Annotated), _annotated_hook),
):
    CONVERTER.register_structure_hook_factory(_applies, _factory)
CONVERTER.register_structure_hook_factory(_is_enum, _enum_hook)
CONVERTER.register_structure_hook_factory(attrs.has, _table_hook)
