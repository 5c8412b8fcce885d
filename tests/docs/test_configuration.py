"""docs/configuration.md: every key is there, with the unit, the default and the bounds that the code has."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from cts_burst import BurstOptions
from cts_pcap import PcapOptions
from cts_spread import SpreadOptions

from cts.config import structure_config
from cts.config.tables import Config
from cts.config.toml_source import set_key
from tests.docs.config_keys import Row, option_rows, rows

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
LINES = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
KEYS = {cells[0].strip("`"): cells for cells in LINES if ".options." not in cells[0]}
EXPECTED = list(rows())


def test_the_page_has_every_key_in_order_and_no_other() -> None:
    assert list(KEYS) == [row.key for row in EXPECTED]


@pytest.mark.parametrize("row", EXPECTED, ids=[row.key for row in EXPECTED])
def test_a_key_is_told_as_it_is(row: Row) -> None:
    _, meaning, *derived = KEYS[row.key]
    assert len(meaning) > 10
    assert derived == [row.unit, row.default, row.allowed]


def test_the_defaults_of_the_page_are_a_configuration_and_it_is_that_of_an_empty_file() -> None:
    raw: dict[str, object] = {}
    for key, cells in KEYS.items():
        if cells[3] != "none":
            value: object = tomllib.loads(f"key = {cells[3].strip('`')}")["key"]
            assert set_key(raw, tuple(key.split(".")), value) == ()
    assert len(raw) == 7
    assert structure_config(raw) == structure_config({}) == Config()


def test_the_options_of_the_plugins_here_are_told_with_their_defaults() -> None:
    cells = [[key.strip("`"), default] for key, _, _, default, _ in (each for each in LINES if ".options." in each[0])]
    expected = [
        *option_rows("sender", SpreadOptions),
        *option_rows("sender", BurstOptions),
        *option_rows("connected_socket", PcapOptions),
    ]
    assert [tuple(each) for each in cells] == expected
