"""The configurations that come along, as ``cts init`` writes them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cts.config import structure_config
from cts.config.examples import example_names, example_summary, example_text

ROOT = Path(__file__).parents[2]


def test_every_configuration_of_the_clone_is_an_example() -> None:
    assert example_names() == sorted(path.stem for path in (ROOT / "configs").glob("*.toml"))


def test_the_wheel_has_them_inside_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"configs": "cts/configs"}


@pytest.mark.parametrize("name", example_names())
def test_an_example_names_the_file_that_it_is_written_to_and_others_beside_it(name: str) -> None:
    text = example_text(name, "mine.toml")
    assert "configs/" not in text
    assert re.search(r"cts [a-z]+ .*\bmine\.toml", text)
    assert structure_config(tomllib.loads(text)) == structure_config(tomllib.loads(example_text(name, "other.toml")))


@pytest.mark.parametrize("name", example_names())
def test_the_summary_of_an_example_is_a_sentence(name: str) -> None:
    assert re.fullmatch(r"\w[^#\n]+\.", example_summary(name))


def test_loopback_is_the_one_that_shows_every_default() -> None:
    assert structure_config(tomllib.loads(example_text("loopback", "x.toml"))) == structure_config({})


def test_what_is_no_example_is_told_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"'sever' is no example; allowed: loopback, .*; did you mean 'server'\?"):
        example_text("sever", "x.toml")
