"""A bound on a metric, as a user writes it: ``completed >= 99.9 %``, ``pdv_p99 <= 5 ms``, ``trusted = true``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import frozen

from cts.expectations.definitions import Metric, metric_named, unknown_metric
from cts.expectations.json_keys import FLAG, TEXT
from cts.units import SECOND, parse_duration_ns, parse_rate, parse_size, refuse_time_without_unit

__all__ = ["Expectation", "Value", "expectation_of", "parse_expectation"]

Value: TypeAlias = float | bool | str

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {"<=": le, ">=": ge, "<": lt, ">": gt, "=": eq}
)
_ALLOWED = "<=, <, >=, > or = and a bound"
_BOUND = re.compile(r"\s*(<=|>=|==|=|<|>)\s*([^\s<>=].*)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_LONGEST = 200
_BETTER_IF_MORE = ("completed", "played", "rate", "score")
_TIMES = ("seconds", "signed_seconds")
_WRITTEN: Final[Mapping[str, str]] = MappingProxyType(
    {**dict.fromkeys(_TIMES, "s"), "bits_per_second": "bit/s", "bytes": "B", "ppm": "ppm"}
)
"""By a metric's unit, that of a bound that is a number alone."""
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "share": '"99.9 %" or 0.999',
        "percent": "99.9",
        "score": "80",
        "count": "0",
        "datagrams": "0",
        "bytes": '"1 MiB"',
        "bits_per_second": '"8 Mbit/s"',
        "seconds": '"5 ms"',
        "signed_seconds": '"-5 ms"',
        "square_seconds": "0.001",
        "ppm": '"20 ppm"',
    }
)


@frozen
class Expectation:
    """What is expected of a metric.

    Attributes:
        metric: its name, as it was written.
        comparison: ``<=``, ``>=``, ``<``, ``>`` or ``=``.
        bound: in the metric's unit.
        bound_text: as it was written, with its unit where that was left out.
    """

    metric: str
    comparison: str
    bound: Value
    bound_text: str

    def allows(self, value: Value) -> bool:
        """Tell whether a value is as expected."""
        return _COMPARISONS[self.comparison](value, self.bound)

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.bound_text}"


def parse_expectation(text: str, *, recorded: bool = False) -> Expectation:
    """Read a metric, a comparison and a bound; a name alone is expected to be true.

    Args:
        text: what was written.
        recorded: whether it is of the events of a run, those of before included for which a time without a unit was seconds.

    Raises:
        ValueError: it is not understood; says what is allowed.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{_shown(text)} is too long; allowed: {_LONGEST} characters")
    at = next((place for place, character in enumerate(text) if character in "<>="), len(text))
    return expectation_of(text[:at].strip(), text[at:] or True, recorded=recorded)


def expectation_of(name: str, wanted: object, *, recorded: bool = False) -> Expectation:
    """Return what is expected of a metric.

    Args:
        name: of the metric.
        wanted: a text such as ``<= 5 ms``; true or false, or a number, which it is to equal.
        recorded: as of :func:`parse_expectation`.

    Raises:
        ValueError: there is no such metric, or this is no bound for it; says what is allowed.
    """
    metric = metric_named(name)
    if metric is None:
        raise ValueError(unknown_metric(name))
    if wanted is True and metric.unit != FLAG:
        raise ValueError(f"has no bound; allowed: {_allowed(metric)}")
    if isinstance(wanted, bool):
        wanted = f"= {str(wanted).lower()}"
    elif isinstance(wanted, int | float):
        wanted = f"= {wanted}"
    if not isinstance(wanted, str) or len(wanted) > _LONGEST:
        raise ValueError(f"is no bound; allowed: {_allowed(metric)}")
    found = _BOUND.fullmatch(wanted)
    if found is None:
        raise ValueError(f"{_shown(wanted)} has no comparison; allowed: {_allowed(metric)}")
    comparison, text = found[1].replace("==", "="), " ".join(found[2].split())
    if metric.unit in (FLAG, TEXT) and comparison != "=":
        raise ValueError(f"{_shown(wanted)} compares what has no order; allowed: {_allowed(metric)}")
    if metric.unit in _TIMES and not recorded:
        refuse_time_without_unit(text.removeprefix("-"))
    if metric.unit == "bits_per_second" and re.fullmatch("[1-9][0-9]{0,3}", text) and not recorded:
        raise ValueError(f"{text} is so many bits in a second; did you mean '{text} Mbit/s'?")
    bound = _bound(metric, text)
    return Expectation(name, comparison, bound, _with_unit(text, metric.unit))


def _with_unit(text: str, unit: str) -> str:
    written = _WRITTEN.get(unit)
    return f"{text} {written}" if written is not None and _NUMBER.fullmatch(text) else text


def _allowed(metric: Metric) -> str:
    if metric.unit == FLAG:
        return "true or false"
    if metric.unit == TEXT:
        return " or ".join(f'"= {each}"' for each in metric.choices)
    example = _EXAMPLES[metric.unit]
    first = example.partition(" or ")[0].strip('"')
    usual = ">=" if metric.name in _BETTER_IF_MORE else "<="
    return f'{_ALLOWED} in {metric.unit.replace("_", " ")}, for example "{usual} {first}"'


def _bound(metric: Metric, text: str) -> Value:
    if metric.unit == FLAG and text in ("true", "false"):
        return text == "true"
    if metric.unit == TEXT and text in metric.choices:
        return text
    if metric.unit not in _READERS:
        raise ValueError(f"{_shown(text)} is not allowed; allowed: {_allowed(metric)}")
    return _READERS[metric.unit](text)


def _number(text: str, unit: str, what: str) -> float:
    bare = text.removesuffix(unit).strip() if unit else text
    if len(bare) > 40 or not _NUMBER.fullmatch(bare):
        raise ValueError(f"{_shown(text)} is not {what}")
    return float(Decimal(bare.replace("_", "")))


def _share(text: str) -> float:
    allowed = 'allowed: a number from 0 to 1, or with %, such as "99.9 %"'
    what = f"a share; {allowed}"
    bare = text.removesuffix("%").strip()
    number = _number(bare, "", what)
    share = float(Decimal(bare.replace("_", "")) / 100) if text.endswith("%") else number
    if share == 1 == number:
        raise ValueError(f"{_shown(text)} may be 1 % or all; {allowed}; did you mean '1 %' or '100 %'?")
    if not 0 <= share <= 1:
        meant = f"; did you mean '{bare} %'?" if 1 < number <= 100 else ""
        raise ValueError(f"{_shown(text)} is not {what}{meant}")
    return share


def _count(text: str) -> float:
    number = _number(text.replace(",", ""), "", "a count; allowed: a whole number of 0 or more")
    if number < 0 or not number.is_integer():
        raise ValueError(f"{_shown(text)} is not a count; allowed: a whole number of 0 or more")
    return int(number)


def _score(text: str) -> float:
    number = _number(text, "", "a number from 0 to 100")
    if not 0 <= number <= 100:
        raise ValueError(f"{_shown(text)} is out of range; allowed: 0 to 100")
    return number


def _seconds(text: str) -> float:
    return parse_duration_ns(text) / SECOND


def _signed_seconds(text: str) -> float:
    return -_seconds(text[1:].strip()) if text.startswith("-") else _seconds(text)


_READERS: Final[Mapping[str, Callable[[str], Value]]] = MappingProxyType(
    {
        "share": _share,
        "percent": _score,
        "score": _score,
        "count": _count,
        "datagrams": _count,
        "bytes": parse_size,
        "bits_per_second": parse_rate,
        "seconds": _seconds,
        "signed_seconds": _signed_seconds,
        "square_seconds": lambda text: _number(text, "", "a number of square seconds"),
        "ppm": lambda text: _number(text, "ppm", "a number of parts in a million, such as 20 ppm"),
    }
)
"""By unit, what reads a bound; raises ValueError."""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
