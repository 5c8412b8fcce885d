"""``[expect]`` and the run's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cts.config import structure_config
from cts.config.expect_table import with_expectations
from cts.config.tables import load_config
from cts.errors import ConfigError, UserError


def expected(**table: Any) -> list[str]:
    return [str(each) for each in structure_config({"expect": table}).expect]


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        structure_config(raw)
    return str(error.value)


def test_a_metric_has_a_bound_or_several() -> None:
    assert expected(completed=">= 99.9 %", pdv_p99=["<= 5 ms", "> 1 us"], trusted=True, failed_streams=0) == [
        "completed >= 99.9 %",
        "pdv_p99 <= 5 ms",
        "pdv_p99 > 1 us",
        "trusted = true",
        "failed_streams = 0",
    ]


def test_a_key_of_the_json_may_be_written_with_dots_or_as_text() -> None:
    wanted = "metrics.datagrams.lost"
    assert expected(metrics={"datagrams": {"lost": "= 0"}}) == [f"{wanted} = 0"]
    assert expected(**{wanted: "= 0"}) == [f"{wanted} = 0"]


def test_an_unknown_metric_is_refused_with_the_nearest_name_beside_whatever_else_is_wrong() -> None:
    text = refused({"expect": {"complete": ">= 1", "metrics": {"datagrams": {"los": "= 0"}}, "pdv_p99": "5 ms"}})
    assert "expect.complete: unknown metric; did you mean 'completed'? allowed: completed, dropped" in text
    assert "expect.metrics.datagrams.los: unknown metric; did you mean 'metrics.datagrams.lost'?" in text
    assert "expect.pdv_p99: '5 ms' has no comparison; allowed: <=, <, >=, > or =" in text
    assert text.count("\n") == 2


def test_what_is_no_table_and_what_is_too_much_is_refused() -> None:
    assert "expect: 7 is not a table; allowed: a table of metrics and bounds" in refused({"expect": 7})
    assert "expect: 101 expectations; allowed: at most 100" in refused({"expect": {"completed": [">= 1 %"] * 101}})


def test_tables_within_tables_without_end_are_refused() -> None:
    raw: dict[str, Any] = {"x": ">= 1"}
    for _ in range(5000):
        raw = {"x": raw}
    assert "unknown metric" in refused({"expect": raw})


def test_of_more_mistakes_than_can_be_told_the_rest_is_not_looked_at() -> None:
    raw = {f"x{table}": {f"y{key}": ">= 1" for key in range(1000)} for table in range(1000)}
    assert "more is wrong than these 100" in refused({"expect": raw})


def test_options_within_options_without_end_are_cut() -> None:
    raw: dict[str, Any] = {"x": 1}
    for _ in range(5000):
        raw = {"x": raw}
    written = str(structure_config({"sender": {"options": raw}}).written)
    assert written.endswith("{'x': 'a table'}" + "}" * 49)


def test_an_expectation_of_the_command_line_says_where_it_came_from(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("")
    with pytest.raises(ConfigError) as error:
        load_config(config, ["expect.metrics.frames.du=>= 1"])
    assert "(from --set expect.metrics.frames.du=>= 1)" in str(error.value)
    assert [str(each) for each in load_config(config, ["expect.completed=>= 99 %"]).expect] == ["completed >= 99 %"]


def test_the_command_line_adds_to_what_is_expected_and_doubles_nothing() -> None:
    both = with_expectations(
        structure_config({"expect": {"completed": ">= 99 %"}}).expect, ["trusted", "completed >= 99 %"]
    )
    assert [str(each) for each in both] == ["completed >= 99 %", "trusted = true"]
    with pytest.raises(
        UserError, match=r"--expect 'x': unknown metric(.|\n)*--expect 'completed': has no bound; allowed: "
    ):
        with_expectations((), ["x", "trusted", "completed"])
    with pytest.raises(UserError, match="allowed: at most 100"):
        with_expectations((), [f"bytes_received > {number}" for number in range(101)])


@pytest.mark.parametrize("title", ["", " ", "two\nlines", "a" * 201, "\x1b[31m"])
def test_a_title_is_one_line_of_printable_text(title: str) -> None:
    assert "run.title: " in refused({"run": {"title": title}})
    assert "allowed: 1 to 200 printable characters on one line" in refused({"run": {"title": title}})


def test_there_are_sixteen_tags_at_most() -> None:
    assert structure_config({"run": {"tags": ["wlan", "attic"]}}).run.tags == ("wlan", "attic")
    assert "run.tags: 17 tags; allowed: at most 16" in refused({"run": {"tags": ["x"] * 17}})


def test_a_configuration_knows_what_it_was_read_from(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        '[stream]\nframe_rate = 60\n[sender]\nstrategy = "x"\n'
        f"options = {{ day = 1979-05-27, far = inf, many = 0x{'f' * 9000} }}\n"
    )
    assert load_config(config, ["run.title=one"]).written == {
        "stream": {"frame_rate": 60},
        "sender": {"strategy": "x", "options": {"day": "1979-05-27", "far": "inf", "many": "a very large number"}},
        "run": {"title": "one"},
    }
