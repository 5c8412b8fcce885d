"""Events that somebody altered make a page of some kind, or one clear message; never anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.errors import UserError
from cts.report import report_page
from cts.runs.pictures import picture_of
from tests.report.recorded import LOSSY, plots_of, recorded

_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2**62)
    | st.integers(0, 9)
    | st.text(max_size=3)
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    sets = (*LOSSY, "client.connections=2", "stream.stream_length=400ms", "stream.frame_rate=30")
    events = recorded(tmp_path_factory.mktemp("events") / "e.jsonl", *sets)
    return [json.loads(line) for line in events.read_text().splitlines()]


@given(data=st.data())
def test_whatever_is_altered_a_page_is_made_or_the_line_is_refused(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    altered: list[dict[str, Any]] = json.loads(json.dumps(lines))
    for _ in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(sorted({line["event"] for line in altered})))
        line = data.draw(st.sampled_from([line for line in altered if line["event"] == kind]))
        key = data.draw(st.sampled_from(sorted(line.keys() - {"event"})))
        if isinstance(line[key], dict) and line[key]:
            line[key][data.draw(st.sampled_from(sorted(line[key])))] = data.draw(_VALUES)
        else:
            line[key] = data.draw(_VALUES)
    if data.draw(st.booleans()):
        altered[0]["schema"] = 1
    with TemporaryDirectory() as folder, suppress(UserError):
        path = Path(folder, "e.jsonl")
        path.write_text("".join(json.dumps(line) + "\n" for line in altered[: data.draw(st.integers(1, len(altered)))]))
        page = report_page([picture_of(path, "altered")])
        assert page.encode()
        assert [plot for plot in plots_of(page) if not plot["tables"]] == []
