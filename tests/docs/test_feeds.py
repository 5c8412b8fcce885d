"""docs/feeds.md: every metric that is served, with its type, and the keys that it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

from cts.output.intervals import interval_keys
from tests.output.test_intervals import SECOND_ONE
from tests.output.test_metrics_server import exposed, families

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "feeds.md").read_text(encoding="utf-8")


def test_every_metric_has_its_row_with_its_type() -> None:
    rows = re.findall(r"^\| (`cts_[^|]+`) \| (\w+) \|", PAGE, re.MULTILINE)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    served = families(exposed(SECOND_ONE)).values()
    assert told == {f"{each.name}_total" if each.type == "counter" else each.name: each.type for each in served}


def test_the_keys_that_it_speaks_of_are_keys_of_an_interval() -> None:
    example = re.search(r"jq -r .*\[(.*)\]", PAGE)
    assert example is not None
    spoken_of = {*re.findall(r"`(jitter_\w+|delay_\w+)`", PAGE), *re.findall(r"\.(\w+)", example[1])}
    assert spoken_of >= {"jitter_seconds", "missing_share"}
    assert spoken_of <= set(interval_keys())


def test_every_link_of_the_page_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE):
        assert (DOCS / link).exists(), link
