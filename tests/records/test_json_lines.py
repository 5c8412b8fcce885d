from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.errors import UserError
from cts.records.json_lines import LineReader
from tests.open_descriptors import open_descriptors
from tests.records.damaged_lines import damage, refusal_of

INTEGERS = st.integers(-(2**63), 2**63 - 1)
LINES = st.lists(st.tuples(INTEGERS, st.text(max_size=20)), min_size=1, max_size=5)


def written(folder: str, lines: list[tuple[int, str]]) -> Path:
    path = Path(folder) / "log.jsonl"
    texts = (json.dumps({"number": number, "text": text}, ensure_ascii=len(text) % 2 == 0) for number, text in lines)
    path.write_bytes("".join(f"{text}\n" for text in texts).encode("utf-8", "surrogatepass"))
    return path


def read(path: Path) -> list[tuple[int, str]]:
    reader = LineReader(path, "a log")
    return [(fields.integer("number"), fields.text("text")) for fields in map(reader.fields, reader)]


@settings(deadline=None)
@given(LINES)
def test_what_was_written_reads_back(lines: list[tuple[int, str]]) -> None:
    with TemporaryDirectory() as folder:
        assert read(written(folder, lines)) == lines


@settings(deadline=None)
@given(LINES, st.data())
def test_a_damaged_line_is_refused_by_its_number(lines: list[tuple[int, str]], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, lines)
        number = damage(data, path)
        assert refusal_of(lambda: read(path)).startswith(f"{path}: line {number} ")


@settings(deadline=None)
@given(st.integers() | st.floats() | st.text() | st.booleans() | st.none() | st.lists(st.integers()), st.integers(1, 9))
def test_a_value_of_another_type_is_refused_by_its_key_and_line(value: object, number: int) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, [(0, "")] * (number - 1))
        with path.open("a") as file:
            file.write(json.dumps({"number": value, "text": value}) + "\n")
        reader = LineReader(path, "a log")
        *_, last = map(reader.fields, reader)
        where = f"{path}: line {number} has a "
        if type(value) is not int or not -(2**63) <= value < 2**63:
            assert refusal_of(lambda: last.integer("number")).startswith(f"{where}'number' that is not ")
        if not isinstance(value, str):
            assert refusal_of(lambda: last.text("text")).startswith(f"{where}'text' that is not ")
        assert refusal_of(lambda: last.text("name")) == f"{path}: line {number} has no 'name'; it must be a log"


def test_a_file_that_is_refused_is_closed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("{}\nno JSON\n{}\n")
    reader = LineReader(path, "a log")
    lines = iter(reader)
    next(lines), next(lines)
    with pytest.raises(UserError, match="line 2 holds no JSON object"):
        reader.fields("no JSON")
    assert str(path) not in {target for _, target in open_descriptors()}
