"""What plugins/README.md tells an author to do works as it stands there, block by block.

Only what needs the network is stood in for: ``pip`` writes the metadata that it would, and the environment is the tests' own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from attrs import frozen

from cts.testing import ContractBroken, SenderContract, complaints

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
STEPS = GUIDE.partition("## A sender in ten lines\n")[2].partition("\n## ")[0]
PIP = """
import sys, tomllib
from pathlib import Path
command, *words = sys.argv[1:]
assert command == "install", sys.argv
for word in (each for each in words if each.endswith("/")):
    project = tomllib.loads((Path(word) / "pyproject.toml").read_text())
    (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (Path(word) / package / "__init__.py").is_file()
    assert project["build-system"]["build-backend"] == "hatchling.build"
    name, version = project["project"]["name"], project["project"]["version"]
    info = Path("../site") / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\\nName: {name}\\nVersion: {version}\\n")
    groups = project["project"]["entry-points"].items()
    lines = [line for group, each in groups for line in (f"[{group}]", *(f"{key} = {at}" for key, at in each.items()))]
    (info / "entry_points.txt").write_text("\\n".join(lines) + "\\n")
"""
STAND_INS = """
set -eu
python3() { test "$*" = "-m venv .venv"; mkdir -p .venv/bin; : > .venv/bin/activate; }
pip() { "$PYTHON" ../pip.py "$@"; }
python() { "$PYTHON" "$@" -p no:cacheprovider; }
cts() {
    case "$1" in
        run) "$PYTHON" -m cts "$@" --set server.listen=127.0.0.1:0 --set stream.stream_length=500ms ;;
        *) "$PYTHON" -m cts "$@" ;;
    esac
}
"""


@frozen
class Followed:
    """What came of doing what the guide says."""

    folder: Path
    output: str


def blocks(language: str, text: str = GUIDE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def script() -> Iterator[str]:
    """Yield the steps in order as a shell does them: a block with a file's name over it is written into that file."""
    for head, language, block in re.findall(r"^(.*?)\n+```(\w+)\n(.*?)^```$", STEPS, re.MULTILINE | re.DOTALL):
        name = re.search(r"\*\*\d+\. `([^`]+)`\*\*", head.splitlines()[-1])
        if name is not None:
            yield f"cat > {name[1]} <<'END OF BLOCK'\n{block}END OF BLOCK\n"
        elif language == "sh":
            yield block


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    folder = tmp_path_factory.mktemp("author")
    (folder / "pip.py").write_text(PIP)
    (folder / "cts").mkdir()
    (folder / "cts" / "configs").symlink_to(ROOT / "configs")
    path = os.pathsep.join([str(folder / "site"), str(folder / "reversed"), str(ROOT)])
    done = subprocess.run(
        ["bash", "-c", STAND_INS + "".join(script())],
        cwd=folder / "cts",
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return Followed(folder, done.stdout)


Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Make a package of a source."""
    name = "cts_reversed_in_tests"

    def load(source: str) -> ModuleType:
        path = tmp_path / "__init__.py"
        path.write_text(source)
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop(name, None)


def test_the_sender_passes_its_tests(followed: Followed) -> None:
    assert re.search(r"^=+ \d\d passed in .*s =+$", followed.output, re.MULTILINE)


def test_the_sender_is_listed(followed: Followed) -> None:
    assert "  reversed  (cts-reversed 0.1.0)\n" in followed.output


def test_the_sender_sends_every_frame_in_virtual_time_and_over_sockets(followed: Followed) -> None:
    assert re.findall(r"^completed frames +(\d+) \(100.00 %\)$", followed.output, re.MULTILINE) == ["150", "15"]


def test_the_guide_leaves_behind_what_it_says(followed: Followed) -> None:
    files = {str(path.relative_to(followed.folder / "reversed")) for path in followed.folder.glob("reversed/**/*.*")}
    assert {name for name in files if "__pycache__" not in name} == {
        "pyproject.toml",
        "cts_reversed/__init__.py",
        "tests/test_reversed.py",
    }


def test_the_first_sender_is_ten_lines_long() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert len(lines) <= 10


def test_the_configuration_chooses_the_sender_by_its_entry_point() -> None:
    project, config = map(tomllib.loads, blocks("toml"))
    assert [config["sender"]["strategy"]] == list(project["project"]["entry-points"]["cts.senders"])


def test_the_sender_with_options_keeps_to_the_contract(load: Load) -> None:
    sender_class = load(blocks("python")[2]).LaggingSender
    assert complaints(SenderContract, sender_class=sender_class, options={"gap_us": 2000}) == {}


@pytest.mark.parametrize(
    ("example", "test", "right", "wrong"),
    [
        (
            0,
            "test_it_sends_every_datagram_of_a_frame_once",
            "reversed(frame.payloads)",
            "reversed([each for each in frame.payloads if len(each) == len(frame.payloads[0])])",
        ),
        (
            1,
            "test_it_waits_for_nothing_but_the_pacer_and_the_network",
            "        sent = 0\n",
            "        await trio.sleep(0.001)\n        sent = 0\n",
        ),
    ],
)
def test_a_failure_reads_as_the_guide_shows_it(load: Load, example: int, test: str, right: str, wrong: str) -> None:
    source = blocks("python")[0]
    assert right in source
    sender_class = load("import trio\n" + source.replace(right, wrong)).ReversedSender
    with pytest.raises(ContractBroken) as caught:
        getattr(type("Tests", (SenderContract,), {"sender_class": sender_class})(), test)()
    assert f"ContractBroken: {caught.value}" == blocks("text")[0].splitlines()[example]


@pytest.mark.parametrize("name", ["spread", "burst", "pcap"])
def test_an_example_is_installable_under_its_own_name(name: str) -> None:
    project = tomllib.loads((ROOT / "plugins" / name / "pyproject.toml").read_text())["project"]
    ((group, entries),) = project["entry-points"].items()
    assert project["name"] == f"cts-{name}"
    assert "cts-media-stream" in project["dependencies"]
    assert group in {"cts.senders", "cts.connected_socket_factories"}
    assert entries.keys() == {name}
