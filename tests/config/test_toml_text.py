"""TOML that is written is read back as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from cts.config.toml_text import toml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(
    st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False), TEXTS, st.dates(), st.datetimes()
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=3
)
TABLES = st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4), max_size=3)


@given(TABLES)
def test_what_is_written_is_read_as_it_was(tables: Mapping[str, Mapping[str, object]]) -> None:
    assert tomli.loads(toml_text(tables, {})) == tables


def test_a_comment_stands_beside_its_key_and_its_table() -> None:
    text = toml_text(
        {"stream": {"frame_rate": 60, "direction": "push"}}, {"stream": "both", "stream.frame_rate": "a second"}
    )
    assert text.splitlines() == [
        f"{'[stream]':<33} # both",
        f"{'frame_rate = 60':<33} # a second",
        'direction = "push"',
    ]


def test_a_date_and_an_inline_table_are_written_as_toml_has_them() -> None:
    text = toml_text({"sender": {"options": {"from": dt.date(2026, 1, 2), "a b": [1, True]}}}, {})
    assert text == '[sender]\noptions = {from = 2026-01-02, "a b" = [1, true]}'


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        toml_text({"output": {"events_file": "\udcff.jsonl"}}, {})
