"""The house keeps its layout: which package may import which, what the pure ones never import, names and sizes of files."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_AT_MOST = 350

VALUES = frozenset({"errors", "units", "metrics", "protocol"})
CONTRACTS = VALUES | {"expectations", "records", "api"}
ROOMS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "units": frozenset(),
    "native": frozenset(),
    "signals": frozenset(),
    "chance": frozenset(),
    "schemas": frozenset(),
    "expectations": frozenset({"errors", "units", "schemas"}),
    "metrics": frozenset({"errors", "units"}),
    "protocol": frozenset({"errors", "units", "metrics"}),
    "impairment": frozenset({"errors", "units"}),
    "records": VALUES | {"expectations", "impairment.link"},
    "api": VALUES | {"records"},
    "clock": CONTRACTS | {"native"},
    "engine": CONTRACTS | {"chance"},
    "net": CONTRACTS | {"native", "clock", "impairment"},
    "relay": CONTRACTS | {"signals", "clock", "impairment", "engine.contracts", "net"},
    # What a plan, an impairment and a profile may be is for those to say who work with them.
    "config": frozenset({"errors", "units", "expectations", "protocol", "impairment"})
    | {"metrics.quality_of_outcome", "records.outcome_profiles"},
    "plugin": CONTRACTS | {"config"},
    "output": CONTRACTS,
    # Pages are made of what was reported, in the words of the summary; who reads events for them is further down.
    "report": CONTRACTS | {"output"},
    "comparison": CONTRACTS | {"chance", "output", "report"},
    # Independent in what it computes: of a run it knows the wire, the records, names, and nothing else.
    "verification": frozenset(
        {"errors", "units", "protocol.roles", "protocol.task", "protocol.wire", "records", "impairment.link"}
    ),
    "runs": CONTRACTS
    | {
        "native",
        "signals",
        "chance",
        "impairment",
        "clock",
        "engine",
        "net",
        "config",
        "plugin",
        "output",
        "report",
        "comparison",
    },
    # Fakes and contracts stand on the API alone; a whole stream is put together as a run is.
    "testing": CONTRACTS
    | {"chance", "impairment.link", "clock.virtual_time", "net.surroundings", "config", "plugin"}
    | {
        "output.ordering",
        "output.summary",
        "output.summary_json",
        "runs.provenance",
        "runs.session_settings",
        "runs.simulated_session",
        "runs.watchers",
    },
}
"""The rooms from top to bottom, and what each may import of those above it: a room, or one module of it."""

ON_TOP = ("bench", "cli", "pytest_plugin", "__main__")
"""These put the pieces together: each may import whatever is not below it."""
PURE = ("protocol", "metrics")
IMPURE_MODULES = frozenset(
    {
        "trio",
        "socket",
        "time",
        "random",
        "select",
        "selectors",
        "logging",
        "os",
        "threading",
        "datetime",
        "secrets",
        "uuid",
    }
)
NAMES_THAT_SAY_NOTHING = frozenset({"utils", "util", "helpers", "helper", "common", "base", "misc"})


def files_of(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return every module that a file imports, wherever it does; of a package, the module taken out of it."""
    return frozenset(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno}: write imports out in full"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if is_module(name) else node.module


def imports_of_cts(path: Path) -> set[str]:
    """Return the modules of cts that a file imports, without the leading ``cts.``; the bare package is only its version."""
    return {name.removeprefix("cts.") for name in imports_of(path) if name.startswith("cts.")}


def permits(allowed: frozenset[str], imported: str) -> bool:
    return any(imported == one or imported.startswith(f"{one}.") for one in allowed)


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff's RUF022 has it."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


CTS = files_of("cts")
PLUGINS = files_of("plugins")
PARTS = [path for path in CTS if path != ROOT / "cts" / "__init__.py"]


@cache
def with_names() -> list[Path]:
    """Return the modules that are more than a docstring."""
    return [
        path for path in PARTS if path.stem != "__main__" and len(ast.parse(path.read_text(encoding="utf-8")).body) > 1
    ]


def faults(paths: Iterable[Path], fault: Callable[[Path], object]) -> dict[str, object]:
    """Return what is wrong with each file that something is wrong with."""
    return {shown(path): found for path in paths if (found := fault(path))}


def test_there_is_something_to_look_at() -> None:
    assert len(CTS) > 20
    assert {"cts.protocol.wire", "cts.api"} <= {module_of(path) for path in with_names()}


def test_every_room_has_its_place_in_the_order() -> None:
    assert {module_of(path).split(".")[1] for path in PARTS} == {*ROOMS, *ON_TOP}


def test_a_room_may_import_only_what_is_above_it() -> None:
    order = list(ROOMS)
    for room, allowed in ROOMS.items():
        assert {one.split(".")[0] for one in allowed} <= set(order[: order.index(room)]), room


def test_imports_go_one_way() -> None:
    def from_below(path: Path) -> set[str]:
        room = module_of(path).split(".")[1]
        allowed = frozenset({*ROOMS, *ON_TOP[: ON_TOP.index(room)]}) if room in ON_TOP else ROOMS[room]
        others = {name for name in imports_of_cts(path) if name.split(".")[0] != room}
        return {name for name in others if not permits(allowed, name)}

    assert faults(PARTS, from_below) == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    imports = {module_of(path).removeprefix("cts."): imports_of_cts(path) for path in PARTS}
    while leaves := [name for name, wanted in imports.items() if not wanted & imports.keys() - {name}]:
        for name in leaves:
            del imports[name]
    assert sorted(imports) == []


def test_the_pure_packages_import_no_clock_no_network_and_no_chance() -> None:
    def impure(path: Path) -> set[str]:
        return {name for name in imports_of(path) if name.split(".")[0] in IMPURE_MODULES}

    assert faults(files_of(*(f"cts/{part}" for part in PURE)), impure) == {}


def test_a_plugin_imports_of_cts_its_contracts_and_its_test_kit_alone() -> None:
    allowed = frozenset({"api", "testing"})

    def beyond(path: Path) -> set[str]:
        return {name for name in imports_of_cts(path) if not permits(allowed, name)} | imports_of(path) & {"cts"}

    assert faults(PLUGINS, beyond) == {}


def test_data_is_read_as_a_resource_for_in_an_archive_no_file_lies_beside_a_module() -> None:
    def asks_where_it_is(path: Path) -> bool:
        return any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes_of(path))

    assert faults(CTS + PLUGINS, asks_where_it_is) == {}


def test_a_file_has_a_name_that_says_something() -> None:
    assert faults(CTS + PLUGINS, lambda path: NAMES_THAT_SAY_NOTHING & set(re.split(r"[_/.]", shown(path)))) == {}


def test_a_file_is_short_enough_to_have_one_reason_to_change() -> None:
    def too_many_lines(path: Path) -> int | None:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        return lines if lines > LINES_AT_MOST else None

    assert faults(CTS + PLUGINS, too_many_lines) == {}


def test_a_module_says_what_it_offers_in_order() -> None:
    def out_of_order(path: Path) -> list[str] | None:
        offered: list[str] = importlib.import_module(module_of(path)).__all__
        return None if offered == sorted(set(offered), key=sort_key) else offered

    assert faults(with_names(), out_of_order) == {}


def test_a_module_has_what_it_offers() -> None:
    def missing(path: Path) -> list[str]:
        module = importlib.import_module(module_of(path))
        return [name for name in module.__all__ if not hasattr(module, name)]

    assert faults(with_names(), missing) == {}
