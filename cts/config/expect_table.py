"""``[expect]``: bounds that a run's metrics are to keep, each by the metric's name or its key of ``--json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cattrs.errors import BaseValidationError, IterableValidationError, IterableValidationNote

from cts.config.problems import TOLD_AT_MOST, shown
from cts.config.strict_hooks import CONVERTER
from cts.errors import UserError, tell_together

if TYPE_CHECKING:
    from cts.expectations.expectation import Expectation

__all__ = ["EXPECTED_AT_MOST", "Expectations", "with_expectations"]

EXPECTED_AT_MOST = 100
"""The events tell of them in one line."""
_DEEPEST = 8
"""Tables within tables: keys of ``--json`` have fewer parts."""


class Expectations(tuple["Expectation", ...]):
    """What is expected, in the order in which it was written."""

    __slots__ = ()


def with_expectations(expected: Sequence[Expectation], texts: Sequence[str]) -> Expectations:
    """Add what ``--expect`` says, each as ``completed >= 99.9 %``; what is there already is not doubled.

    Raises UserError with everything that is wrong.
    """
    from cts.expectations.expectation import parse_expectation

    made, wrong = list(expected), []
    for text in texts:
        try:
            made.append(parse_expectation(text))
        except ValueError as error:
            wrong.append(UserError(f"--expect {shown(text)}: {error}"))
    tell_together(wrong)
    if len(made) > EXPECTED_AT_MOST:
        raise UserError(f"--expect: {len(made):,} expectations in all; allowed: at most {EXPECTED_AT_MOST}")
    return Expectations(dict.fromkeys(made))


def _structure(value: object, _: object) -> Expectations:
    if not isinstance(value, Mapping):
        raise ValueError(f"{shown(value)} is not a table; allowed: a table of metrics and bounds")  # noqa: TRY004
    made = Expectations(_read(value, "", []))
    if len(made) > EXPECTED_AT_MOST:
        raise ValueError(f"{len(made):,} expectations; allowed: at most {EXPECTED_AT_MOST}")
    return made


def _read(table: Mapping[str, object], prefix: str, told: list[Exception]) -> Iterator[Expectation]:
    """Yield what a table expects, and what the tables in it do, whose keys are parts of one key of ``--json``.

    Args:
        table: it.
        prefix: what is before its keys.
        told: takes all that is wrong; none is looked at after more than can be told.
    """
    wrong: list[Exception] = []
    for key, value in table.items():
        if len(told) > TOLD_AT_MOST:
            break
        try:
            if isinstance(value, Mapping) and prefix.count(".") < _DEEPEST:
                yield from list(_read(value, f"{prefix}{key}.", told))
            else:
                yield from _bounds(f"{prefix}{key}", value)
        except (ValueError, BaseValidationError) as error:
            error.add_note(IterableValidationNote(f"key {key}", key, object))
            wrong.append(error)
            told.append(error)
    if wrong:
        raise IterableValidationError("bad expectations", wrong, Expectations)


def _bounds(metric: str, value: object) -> Sequence[Expectation]:
    from cts.expectations.expectation import expectation_of

    return [expectation_of(metric, each) for each in (value if isinstance(value, list) else [value])]


CONVERTER.register_structure_hook(Expectations, _structure)
