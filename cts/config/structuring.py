"""Structures what a TOML file holds into attrs classes, and tells every problem at once.

``cts.config.strict_hooks`` decides on each value; here the tree of errors that cattrs raises becomes a flat list of
problems, each at its dotted key, with the key that was meant where an unknown one looks like a slip.
attrs validators and ``__attrs_post_init__`` may raise too; their text is reported at the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeVar

import attrs
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)

from cts.config.other_words import OTHER_WORDS
from cts.config.problems import TOLD_AT_MOST, KeyPath, Problem, dotted, few, shown, told, without
from cts.config.strict_hooks import CONVERTER
from cts.config.table_keys import keys_of
from cts.config.toml_source import origin_text
from cts.errors import ConfigError, PluginError
from cts.impairment.description import Unfit

__all__ = ["structure", "structure_options"]

T = TypeVar("T")


def structure(raw: Mapping[str, object], cls: type[T]) -> tuple[T | None, list[Problem]]:
    """Structure a table into an attrs class.

    Returns the object and what is wrong. Where something is, the object is made of the keys that are good, so that
    checks across keys can still be run on it, or is None where that cannot be.
    """
    hook = CONVERTER.get_structure_hook(cls)
    try:
        return hook(raw, cls), []
    except BaseValidationError as exc:
        problems = told(_problems(exc, (), cls))
    if len(problems) > TOLD_AT_MOST:
        return None, problems
    good: Mapping[str, object] = raw
    for problem in problems:
        good = without(good, problem.path)
    try:
        return hook(good, cls), problems
    except BaseValidationError:
        return None, problems


def structure_options(
    cls: type[T] | None,
    options: Mapping[str, object],
    where: str,
    source: str = "configuration",
    origins: Mapping[KeyPath, str] = MappingProxyType({}),
) -> T | None:
    """Structure a plugin's options into the attrs class that it declares; ``where`` is their dotted key.

    ``origins`` is the text of ``--set`` that each key came from, if it came from any.

    Raises ConfigError for wrong options and for options to a plugin that takes none; PluginError when ``cls`` is no
    attrs class or has a field whose type nothing in TOML can become.
    """
    prefix: KeyPath = tuple(where.split("."))
    if cls is None:
        if options:
            keys = few([shown(key) for key in options])
            problem = Problem(prefix, f"{keys} given, but what is chosen here takes no options")
            raise _refused(source, [problem], origins)
        return None
    options_class: type = cls
    if not attrs.has(options_class):
        raise PluginError(f"{source}: {where}: options class {cls.__qualname__} is not an attrs class")
    try:
        CONVERTER.get_structure_hook(cls)
    except Exception as exc:
        raise PluginError(
            f"{source}: {where}: options class {cls.__qualname__} has a field that cannot be read from TOML: {exc}"
        ) from exc
    structured, problems = structure(options, cls)
    if structured is None or problems:
        raise _refused(source, [attrs.evolve(each, path=prefix + each.path) for each in problems], origins)
    return structured


def _refused(source: str, problems: Iterable[Problem], origins: Mapping[KeyPath, str]) -> ConfigError:
    return ConfigError(source, [str(each) + origin_text(each.keys, origins) for each in problems])


def _problems(exc: BaseValidationError, path: KeyPath, root: type) -> Iterable[Problem]:
    """Walk cattrs' tree of errors; its own ``transform_error`` drops the text of a ValueError."""
    for inner in exc.exceptions:
        at = path + _place(inner)
        if isinstance(inner, BaseValidationError):
            yield from _problems(inner, at, root)
        elif isinstance(inner, ForbiddenExtraKeysError):
            for key in sorted(inner.extra_fields):
                yield Problem((*at, key), _unknown_key(key, inner.cl, at, root))
        elif isinstance(inner, Unfit):
            yield Problem(at, inner.text, tuple((*path, each) for each in inner.others))
        else:
            yield Problem(at, str(inner.args[0]) if inner.args else type(inner).__name__)


def _place(exc: BaseException) -> KeyPath:
    """Return the key or index, below its parent, that cattrs noted on an error; none for an error of the whole table."""
    if isinstance(exc, Unfit):
        return (exc.key,)
    for note in getattr(exc, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _unknown_key(key: str, cls: type, path: KeyPath, root: type) -> str:
    """Name the key that was meant: a near one of this table, or the same one of another table."""
    names, written = list(keys_of(cls)), key[:100].replace("-", "_").lower()
    slip = get_close_matches(written, names, n=1, cutoff=0.8)
    word = OTHER_WORDS.get((str(path[0]) if path else "", written))
    if word is not None and not slip and tuple(word.split(".")) in _find_key(word.rpartition(".")[2], root, ()):
        return f"unknown key; did you mean {word}?"
    elsewhere = [dotted(found) for found in _find_key(key, root, ()) if found[:-1] != path]
    likely = (
        [repr(each) for each in slip] or elsewhere or [repr(each) for each in get_close_matches(written, names, n=1)]
    )
    if likely:
        return f"unknown key; did you mean {' or '.join(likely)}?"
    return f"unknown key; allowed: {', '.join(names) or 'none'}"


def _find_key(key: str, cls: type, path: KeyPath) -> Iterable[KeyPath]:
    for name, each in keys_of(cls).items():
        if name == key:
            yield (*path, name)
        if isinstance(each.kind, type) and attrs.has(each.kind):
            yield from _find_key(key, each.kind, (*path, name))
