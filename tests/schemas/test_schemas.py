"""The shipped schemas: complete, exact, and told by nobody but themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cts.engine import refusals
from cts.engine.admission import REASONS
from cts.engine.contracts import StartAnswer
from cts.schemas import SCHEMAS
from tests.cli.running_cts import run_here
from tests.schemas.samples import SAMPLES, sample
from tests.schemas.validating import complaint, is_valid, schema_of

COMMANDS = sorted(set(SCHEMAS.values()))
EACH = pytest.mark.parametrize("command", COMMANDS)
BY_REASON = ("refused",)
"""Objects that have a key only where it counts something."""
BY_ANYTHING = ("unsent", "relay_dropped", "configuration")
"""Objects whose keys are a system's words, or a user's."""
WITHOUT_UNIT = {"seed", "stream", "client", "sequence"}
"""Integers that only say which one."""


def objects(command: str) -> dict[str, Any]:
    """Return every object that a schema describes, the outermost as ``""``."""
    schema = schema_of(command)
    return {name: each for name, each in {"": schema, **schema["$defs"]}.items() if each["type"] == "object"}


def properties(command: str) -> Iterator[tuple[str, str, Any]]:
    for name, each in objects(command).items():
        yield from ((name, key, value) for key, value in each.get("properties", {}).items())


def choices(schema: Any) -> list[Any]:
    return list(schema.get("anyOf", [schema]))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def own(command: str, schema: Any) -> Any:
    """Return what a key is that is told of at another object, which it is borrowed from."""
    path = tuple(schema.get("$ref", "").removeprefix("#/").split("/"))
    return at(schema_of(command), path) if "properties" in path else schema


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for each in schema.values():
            yield from references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from references(each)


# -- what a schema is like ---------------------------------------------------------------------------------------------


@EACH
def test_a_schema_is_one_of_draft_2020_12(command: str) -> None:
    assert schema_of(command)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema_of(command))


@EACH
def test_every_object_has_the_keys_that_it_tells_of_and_no_others(command: str) -> None:
    for name, each in objects(command).items():
        if name in BY_ANYTHING:
            assert "properties" not in each, name
            continue
        assert each["additionalProperties"] is False, name
        assert each.get("required", []) == ([] if name in BY_REASON else list(each["properties"])), name


@EACH
def test_every_object_and_every_key_has_a_meaning(command: str) -> None:
    assert [name for name, each in objects(command).items() if len(each["description"]) < 10] == []
    silent = [(name, key) for name, key, value in properties(command) if not own(command, value).get("description")]
    assert silent == []


@EACH
def test_every_quantity_has_a_unit(command: str) -> None:
    bare = {
        key
        for _, key, value in properties(command)
        for each in choices(value.get("items", value))
        if each.get("type") in ("integer", "number")
    }
    assert bare <= WITHOUT_UNIT


@EACH
def test_every_object_stands_under_a_name_of_its_own_and_is_used(command: str) -> None:
    inner = [key for _, key, value in properties(command) for each in choices(value) if each.get("type") == "object"]
    assert inner == []
    used = {reference.split("/")[2] for reference in references(schema_of(command))}
    assert used == schema_of(command)["$defs"].keys()


def test_what_has_one_name_in_two_schemas_is_the_same() -> None:
    told: dict[str, Any] = {}
    for command in COMMANDS:
        for name, each in schema_of(command)["$defs"].items():
            assert told.setdefault(name, each) == each


@pytest.mark.parametrize("command", SCHEMAS)
def test_a_command_s_schema_is_printed(command: str) -> None:
    finished = run_here("schema", command)
    assert (finished.status, finished.stderr) == (0, "")
    assert json.loads(finished.stdout) == schema_of(command)


# -- what is printed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "kind"), SAMPLES)
def test_what_is_printed_is_what_its_schema_says(command: str, kind: str) -> None:
    assert complaint(command, sample(command, kind)) is None


def seen(schema: Any, value: Any, root: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the objects and nullable keys that a value has, as the schema names them, each with ``null`` or ``value``."""
    if "$ref" in schema:
        path = schema["$ref"].removeprefix("#/").split("/")
        # What is borrowed from another object stays this object's key.
        yield from seen(at(root, tuple(path)), value, root, where if "properties" in path else path[-1])
    elif "anyOf" in schema:
        yield where, "null" if value is None else "value"
        if value is not None:
            yield from seen(schema["anyOf"][0], value, root, where)
    elif isinstance(value, dict):
        yield where, "value"
        for key, inner in value.items() if where != "configuration" else ():
            told = schema.get("properties", {})
            yield from seen(told[key] if key in told else schema["additionalProperties"], inner, root, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from seen(schema["items"], inner, root, where)


@cache
def seen_in_samples(command: str) -> set[tuple[str, str]]:
    schema, kinds = schema_of(command), [kind for printed, kind in SAMPLES if printed == command]
    return {each for kind in kinds for each in seen(schema, sample(command, kind), schema, "")}


@EACH
def test_what_may_be_null_is_so_in_one_run_and_is_not_in_another(command: str) -> None:
    nullable = {f"{name}.{key}" for name, key, value in properties(command) if "anyOf" in own(command, value)}
    assert {(key, kind) for key in nullable for kind in ("null", "value")} - seen_in_samples(command) == set()


@EACH
def test_every_object_occurs_in_a_run(command: str) -> None:
    assert set(objects(command)) - {where for where, _ in seen_in_samples(command)} == set()


# -- what is not -------------------------------------------------------------------------------------------------------


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where the objects of a value are, the first one of each list."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items() if path[-1:] != ("configuration",) else ():
            yield from places(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


WHOLE = [
    ("run", "pull lossy"),
    ("interval", "in which much came"),
    ("impair", "with room for all"),
    ("verify-run", "differs"),
    ("bench", "beside iperf3"),
    ("compare", "of too little, and other settings"),
]


def with_short_lists(value: Any) -> Any:
    """Return a copy with no more than the first of each list of objects, which says as much of keys as all of them."""
    if isinstance(value, dict):
        return {key: with_short_lists(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_short_lists(inner) for inner in (value[:1] if value and isinstance(value[0], dict) else value)]
    return value


@pytest.mark.parametrize(("command", "kind"), WHOLE)
def test_a_key_that_is_not_told_of_is_refused_at_every_level(command: str, kind: str) -> None:
    printed = with_short_lists(sample(command, kind))
    assert is_valid(command, printed)
    for path in places(printed):
        changed = at(printed, path)
        changed["unheard_of"] = "x"
        assert not is_valid(command, printed), path
        del changed["unheard_of"]


@pytest.mark.parametrize(("command", "kind"), WHOLE)
def test_a_key_that_is_not_there_is_missed_at_every_level(command: str, kind: str) -> None:
    printed = with_short_lists(sample(command, kind))
    assert is_valid(command, printed)
    for path in places(printed):
        changed = at(printed, path)
        for key in () if path and path[-1] in (*BY_REASON, *BY_ANYTHING) else list(changed):
            taken = changed.pop(key)
            assert not is_valid(command, printed), (*path, key)
            changed[key] = taken


def test_the_reasons_for_which_a_server_turns_datagrams_away_are_those_that_it_can_say() -> None:
    said = {text for name in refusals.__all__ if isinstance(text := getattr(refusals, name), str)}
    said |= {*refusals.UNFIT.values(), *REASONS, StartAnswer.REPEATED.value, StartAnswer.NO_ROOM.value}
    caps = (
        "bits_per_second_per_stream",
        "frame_rate",
        "stream_length",
        "buffer_depth",
        "datagram_max_size",
        "frame_size",
    )
    assert set(schema_of("run")["$defs"]["refused"]["properties"]) == said | set(map(refusals.beyond, caps))


def test_a_complaint_names_the_place() -> None:
    other = deepcopy(sample("run", "pull lossy"))
    other["streams"][0]["frames"]["completed"] = -1
    told = complaint("run", other)
    assert told is not None
    assert told.startswith("$.streams[0].frames.completed: -1 is less than")
