"""The one table of metrics: which there are, by short names and by keys of ``--json``, and how each is defined."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import tomli
from attrs import frozen

from cts.expectations.json_keys import FLAG, JsonKey, json_keys

__all__ = ["Metric", "ToldRow", "group_of", "metric_named", "short_names", "summary_rows", "told_row", "unknown_metric"]


@frozen(kw_only=True)
class Metric:
    """A metric of a run.

    Attributes:
        name: what it is called.
        unit: that of its value, by the schema's names.
        definition, source, formula: what it is, where that is said, how it is computed.
        inputs: the keys of ``--json`` that it is computed from, or objects of such.
        choices: the texts that it may be.
        first: keys of which the first that is known is its value.
        part, whole: keys of whose sums it is the share; ``whole`` may be empty, and then it is the sum.
        least: key of each stream of which it is the least.
        equals: a key, and the text that it is to be.
        limits: key of the share whose limits of 95 % are its own where both are the same share.
        limits_of_rest: the same, where it is what that one leaves to 1.
    """

    name: str
    unit: str
    definition: str
    source: str
    formula: str
    inputs: tuple[str, ...]
    choices: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    least: str | None = None
    equals: tuple[str, str] | None = None
    limits: str | None = None
    limits_of_rest: str | None = None


@frozen(kw_only=True)
class ToldRow:
    """A row of the summary that is no metric.

    Attributes:
        definition, source, formula: as of a :class:`Metric`.
        streams: keys of each stream in ``--json`` that it is made of, or objects of such.
    """

    definition: str
    source: str
    formula: str
    streams: tuple[str, ...]


@cache
def _tables() -> Any:
    return tomli.loads((files("cts.expectations") / "definitions.toml").read_text(encoding="utf-8"))


def short_names() -> tuple[str, ...]:
    """Return the metrics that have a short name."""
    return tuple(_tables()["name"])


def summary_rows() -> Mapping[str, str]:
    """Return what rows of the summary are about, by their names."""
    rows: Mapping[str, str] = _tables()["row"]
    return rows


def told_row(name: str) -> ToldRow | None:
    """Return what a row of the summary tells that is no metric; None if there is none of that name."""
    table = _tables()["told"].get("role" if name in ("loopback", "server", "client") else name)
    return None if table is None else ToldRow(**{**table, "streams": tuple(table["streams"])})


def metric_named(name: str) -> Metric | None:
    """Return a metric by its short name or by its key in ``--json``; None if there is none."""
    table = _tables()["name"].get(name)
    if table is not None:
        return _short(name, table)
    key = json_keys().get(name)
    return None if key is None else _of_key(key)


def group_of(name: str) -> tuple[Metric, ...]:
    """Return the metrics that an object of ``--json`` holds, by its key; none if it is none."""
    return tuple(_of_key(key) for path, key in json_keys().items() if path.startswith(f"{name}."))


def unknown_metric(name: str) -> str:
    """Say that there is no such metric, and which may have been meant or are allowed."""
    short = short_names()
    written = name[:100].strip().lower().replace("-", "_").replace(" ", "_")
    row = summary_rows().get(name.strip().lower())
    near = [row] if row is not None else get_close_matches(written, [*short, *json_keys()], n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown metric; {meant}allowed: {', '.join(short)}, or a key of --json, such as metrics.datagrams.lost"


def _short(name: str, table: Any) -> Metric:
    first = tuple(table.get("first", [table["key"]] if "key" in table else ()))
    part = tuple([table["part"]] if "part" in table else table.get("sum", ()))
    whole = tuple(table.get("whole", ()))
    equals = tuple(table["equals"]) if "equals" in table else None
    if equals is not None:
        unit = FLAG
    elif whole:
        unit = "share"
    elif "least" in table:
        unit = "bits_per_second"
    else:
        unit = json_keys()[(first or part)[0]].unit
    return Metric(
        name=name,
        unit=unit,
        definition=table["definition"],
        source=table["source"],
        formula=table["formula"],
        inputs=tuple(table.get("inputs", dict.fromkeys((*first, *part, *whole)))),
        first=first,
        part=part,
        whole=whole,
        least=table.get("least"),
        equals=equals,
        limits=table.get("limits"),
        limits_of_rest=table.get("limits_of_rest"),
    )


def _of_key(key: JsonKey) -> Metric:
    tables, place = _tables()["key"], key.path
    if not (own := place in tables):
        place = key.place
    table = tables[place]
    definition = table["definition"] if own else f"{key.meaning} ({table['definition']})"
    return Metric(
        name=key.path,
        unit=key.unit,
        definition=definition,
        source=table["source"],
        formula=table["formula"],
        inputs=tuple(table.get("inputs", (place,))),
        choices=key.choices,
        first=(key.path,),
    )
