"""The one table of metrics: complete, and of keys that there are."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli

import cts.expectations.definitions as definitions
from cts.expectations.definitions import group_of, metric_named, short_names, summary_rows, unknown_metric
from cts.expectations.json_keys import figure_at, json_keys

TABLE = tomli.loads(Path(definitions.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
METRICS = Path(__file__).parents[2] / "docs" / "metrics.md"
EXPECTATIONS = Path(__file__).parents[2] / "docs" / "expectations.md"


def test_there_are_all_kinds_of_keys() -> None:
    keys = json_keys()
    assert keys["metrics.delay_variation.pdv.p99_seconds"].unit == "seconds"
    assert keys["metrics.datagrams.loss_share"].has_limits
    assert keys["trust.verdict"].choices == ("trusted", "doubtful", "not to be trusted")
    assert keys["interrupted"].unit == "true or false"
    assert keys["playout.smallest.99.9"].unit == "seconds"
    assert not any(path.startswith(("streams.", "provenance", "expectations")) for path in keys)


@pytest.mark.parametrize("path", json_keys())
def test_every_figure_of_the_json_is_defined_near_by(path: str) -> None:
    metric = metric_named(path)
    assert metric is not None
    assert metric.definition
    # Its own, or the object's that it is in: none speaks of all and nothing.
    assert {path, json_keys()[path].place} & TABLE["key"].keys()


@pytest.mark.parametrize("name", short_names())
def test_every_short_name_has_a_unit_and_rests_on_keys_that_there_are(name: str) -> None:
    metric = metric_named(name)
    assert metric is not None
    assert metric.unit
    keys = [*metric.first, *metric.part, *metric.whole, *([] if metric.equals is None else [metric.equals[0]])]
    assert bool(keys) != bool(metric.least)
    limits = [each for each in (metric.limits, metric.limits_of_rest) if each]
    assert {*keys, *limits} <= json_keys().keys()


def test_what_a_definition_is_said_to_come_from_is_there() -> None:
    inputs = {each for kind in ("name", "key") for table in TABLE[kind].values() for each in table.get("inputs", ())}
    assert [each for each in inputs if not group_of(each) and metric_named(each) is None] == []


def test_no_definition_is_of_a_key_that_is_not_there() -> None:
    assert [path for path in TABLE["key"] if path not in json_keys() and not group_of(path)] == []


def test_every_row_of_the_summary_that_is_named_leads_to_a_metric() -> None:
    assert [name for name in summary_rows().values() if metric_named(name) is None and not group_of(name)] == []


def test_the_page_on_metrics_has_every_object_that_is_defined() -> None:
    page = METRICS.read_text(encoding="utf-8")
    objects = {path.split(".")[1] for path in TABLE["key"] if path.startswith("metrics.")} - {"streams"}
    assert [name for name in objects if f"`{name}`" not in page] == []


def test_the_page_on_expectations_has_every_short_name() -> None:
    page = EXPECTATIONS.read_text(encoding="utf-8")
    assert [name for name in short_names() if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("pdv99", "pdv_p99"),
        ("Longest-Freeze", "longest_freeze"),
        ("jitter", "pdv_p99"),
        ("metrics.datagram.lost", "metrics.datagrams.lost"),
    ],
)
def test_a_metric_that_there_is_not_is_told_with_the_nearest_one(written: str, meant: str) -> None:
    assert unknown_metric(written).startswith(f"unknown metric; did you mean {meant!r}? allowed: completed, ")


def test_a_key_is_found_whose_name_has_dots() -> None:
    figures = {"playout": {"smallest": {"99.9": 0.2, "99": None}}}
    assert figure_at(figures, "playout.smallest.99.9") == 0.2
    assert figure_at(figures, "playout.smallest.99") is None
    assert figure_at({"playout": None}, "playout.smallest.95") is None
