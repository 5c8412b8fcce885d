"""What plugins/README.md tells an author to write works as it stands there."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from cts.testing import SenderContract, complaints

GUIDE = Path(__file__).parents[2] / "plugins" / "README.md"
MODULES = ["cts_reversed", "test_reversed", "cts_lagging"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, ModuleType]]:
    """The guide's Python blocks, as the modules that it says they are."""
    for name, source in zip(MODULES, blocks("python"), strict=True):
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield {name: import_module(name) for name in MODULES}
    for name in MODULES:
        del sys.modules[name]


def test_the_first_sender_is_ten_lines_long() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert len(lines) <= 10


def test_the_first_sender_keeps_to_the_contract(guide: dict[str, ModuleType]) -> None:
    assert complaints(SenderContract, sender_class=guide["cts_reversed"].ReversedSender) == {}


def test_the_first_sender_passes_the_test_of_its_own(guide: dict[str, ModuleType]) -> None:
    guide["test_reversed"].test_the_last_datagram_leaves_first()


def test_the_sender_with_options_keeps_to_the_contract(guide: dict[str, ModuleType]) -> None:
    sender_class = guide["cts_lagging"].LaggingSender
    assert complaints(SenderContract, sender_class=sender_class, options={"gap_us": 2000}) == {}


def test_the_entry_point_names_the_first_sender_and_the_config_chooses_it(guide: dict[str, ModuleType]) -> None:
    project, config = map(tomllib.loads, blocks("toml"))
    ((name, target),) = project["project"]["entry-points"]["cts.senders"].items()
    module, _, attribute = target.partition(":")
    assert getattr(guide[module], attribute) is guide["cts_reversed"].ReversedSender
    assert config["sender"]["strategy"] == name


@pytest.mark.parametrize("name", ["spread", "burst", "pcap"])
def test_an_example_is_installable_under_its_own_name(name: str) -> None:
    project = tomllib.loads((GUIDE.parent / name / "pyproject.toml").read_text())["project"]
    ((group, entries),) = project["entry-points"].items()
    assert project["name"] == f"cts-{name}"
    assert "cts-media-stream" in project["dependencies"]
    assert group in {"cts.senders", "cts.connected_socket_factories"}
    assert entries.keys() == {name}
