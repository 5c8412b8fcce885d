"""What others wrote and every page contains is what they published."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

import cts.report

ASSETS = Path(cts.report.__file__).with_name("assets")
PUBLISHED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot-LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_uplot_is_unaltered(name: str) -> None:
    assert sha256((ASSETS / name).read_bytes()).hexdigest() == PUBLISHED[name]


def test_the_readme_says_which_version_it_is() -> None:
    version = (ASSETS / "uPlot.iife.min.js").read_text(encoding="utf-8")[:80]
    assert "v1.6.32" in version
    assert "uPlot](https://github.com/leeoniya/uPlot) 1.6.32" in (ASSETS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["report.js", "uPlot.iife.min.js", "report.css", "uPlot.min.css"])
def test_nothing_in_them_ends_the_element_that_they_stand_in(name: str) -> None:
    text = (ASSETS / name).read_text(encoding="utf-8").lower()
    assert [sign for sign in ("</script", "</style", "<!--", "\r") if sign in text] == []
