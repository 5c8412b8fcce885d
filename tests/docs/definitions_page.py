"""Makes docs/definitions.md out of the table of metrics: ``python -m tests.docs.definitions_page`` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import tomli

from cts.expectations.definitions import Metric, metric_named, short_names

PAGE = Path(__file__).parents[2] / "docs" / "definitions.md"

_INTRODUCTION = """\
# Definition of each metric

<!-- Made from cts/expectations/definitions.toml by `python -m tests.docs.definitions_page`: change it there. -->

`cts explain METRIC EVENTS` prints the same, with the numbers that a run put in. [Metrics](metrics.md) tells how they are
computed, [expectations](expectations.md) how a run is held to them.
"""


def page() -> str:
    """Return the whole page."""
    by_key = tomli.loads((files("cts.expectations") / "definitions.toml").read_text(encoding="utf-8"))["key"]
    named = [metric for name in short_names() if (metric := metric_named(name)) is not None]
    keys = [(f"`{key}`", "", each["definition"], each["formula"], each["source"]) for key, each in by_key.items()]
    short = "\n".join(_table(_cells(metric) for metric in named))
    long = "\n".join(_table(keys))
    return f"{_INTRODUCTION}\n## By short name\n\n{short}\n\n## By key of `--json`, and all within it\n\n{long}\n"


def _cells(metric: Metric) -> tuple[str, ...]:
    return f"`{metric.name}`", metric.unit.replace("_", " "), metric.definition, metric.formula, metric.source


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| metric | unit | is | formula | defined in |"
    yield "| --- | --- | --- | --- | --- |"
    for cells in rows:
        told = [cell.replace("|", "&#124;") for cell in cells]
        told[-1] = re.sub(r"docs/([a-z-]+)\.md", r"[\1](\1.md)", told[-1])
        yield f"| {' | '.join(told)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
