from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.output.stream_logs import CONNECTION_COLUMNS, ConnectionLog
from cts.protocol.roles import Role
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import SUCCEEDED, StreamResult

VECTORS = Path(__file__).parents[1] / "vectors"
BEGAN_NS = 5_000_000_000
LOCAL = Address("0.0.0.0", 48004)
REMOTE = Address("127.0.0.1", 4444)
STREAM = StreamInfo(1, LOCAL, REMOTE, Role.RECEIVER, 0)
RESULT = StreamResult(
    connection_id="27a22e1f-549a-4e0c-a6f9-89c72ab6bc09",
    local=LOCAL,
    remote=REMOTE,
    role=Role.RECEIVER,
    outcome=Outcome.SUCCESSFUL,
    result=SUCCEEDED,
    started_ns=BEGAN_NS,
    ended_ns=BEGAN_NS + 2_973_000_000,
    bits_per_second=999340,
    counts=StreamSnapshot(FrameTotals(60)),
)


def logged(path: Path, *results: StreamResult) -> list[str]:
    log = ConnectionLog(path)
    log.run_began(BEGAN_NS)
    for result in results:
        log.stream_ended(STREAM, result)
    log.closing()
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("pull_1mbps_30fps_2s", RESULT),
        (
            "pull_50mbps_20fps_1s",
            evolve(
                RESULT,
                connection_id="3ed28da8-75a8-435f-9213-f676f9186495",
                local=Address("0.0.0.0", 44872),
                ended_ns=BEGAN_NS + 1_953_000_000,
                bits_per_second=49950049,
                counts=StreamSnapshot(FrameTotals(20)),
            ),
        ),
    ],
)
def test_a_stream_like_the_originals_gives_the_originals_row(tmp_path: Path, name: str, result: StreamResult) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    assert logged(tmp_path / "c.csv", result) == vector["client_connection_log"].splitlines()


def test_ipv6_addresses_stand_in_brackets(tmp_path: Path) -> None:
    rows = logged(tmp_path / "c.csv", evolve(RESULT, remote=Address("fe80::1%2", 4444)))
    assert rows[1].split(",")[2] == "[fe80::1%2]:4444"


def test_a_result_cannot_break_the_row(tmp_path: Path) -> None:
    rows = logged(tmp_path / "c.csv", evolve(RESULT, result="111: refused, really\r\nfoo"))
    assert len(rows) == 2
    assert rows[1].split(",")[8] == "111: refused  really  foo"


def test_all_counts_stand_in_their_columns(tmp_path: Path) -> None:
    rows = logged(tmp_path / "c.csv", evolve(RESULT, counts=StreamSnapshot(FrameTotals(1, 2, 3, 4))))
    assert dict(zip(CONNECTION_COLUMNS.split(","), rows[1].split(","), strict=True)) == {
        "TimeSlice": "2.973",
        "LocalAddress": "0.0.0.0:48004",
        "RemoteAddress": "127.0.0.1:4444",
        "Bits/Sec": "999340",
        "Completed": "1",
        "Dropped": "2",
        "Repeated": "3",
        "Errors": "4",
        "Result": "Succeeded",
        "ConnectionId": "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09",
    }


def test_rows_are_written_out_at_each_status(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    log = ConnectionLog(path)
    log.run_began(BEGAN_NS)
    log.stream_ended(STREAM, RESULT)
    log.status(RunSnapshot(0, 0, StreamSnapshot()))
    assert path.read_text().count("\n") == 2
    log.closing()
