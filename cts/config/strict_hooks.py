"""A cattrs converter that takes TOML's values as they are: no coercion, and each refusal says what is allowed.

cattrs' own hooks coerce ("7" becomes 7, "no" becomes True), so each is replaced. ``cts.config.table_keys`` says which keys a
class has. A field's type says all:

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

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
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

from cts.config.problems import shown
from cts.config.table_keys import keys_of
from cts.impairment.description import Unfit
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

__all__ = ["CONVERTER", "Hook"]

Hook: TypeAlias = Callable[[object, object], object]
"""What cattrs calls with (value, type); raises ValueError, or cattrs' own groups of them."""

CONVERTER = Converter()


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
    """Structure every item, and tell all that is wrong with any of them."""
    made: list[tuple[int | str, object]] = []
    wrong: list[Exception] = []
    for index, (value, read, member) in items:
        try:
            made.append((index, read(value, member)))
        except (ValueError, BaseValidationError) as exc:
            exc.add_note(IterableValidationNote(f"item {index}", index, member))
            wrong.append(exc)
    if wrong:
        raise IterableValidationError("bad items", wrong, type(kind))
    return made


def _is_any_of(*origins: object) -> Callable[[object], bool]:
    return lambda kind: get_origin(kind) in origins


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


for _plain, _read in (
    (bool, _bool),
    (int, _int),
    (float, _float),
    (str, _str),
    (Path, _path),
    (Rate, _rate),
    (Size, _size),
    (Duration, _duration),
    (FrameRate, _frame_rate),
):
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
