from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from cts.errors import UserError
from cts.output.stream_logs import ErrorLog
from cts.protocol.roles import Role
from cts.records.snapshots import Address, Outcome, StreamInfo, StreamSnapshot
from cts.records.stream_results import SUCCEEDED, StreamResult

BEGAN_NS = 5_000_000_000
LOCAL, REMOTE = Address("127.0.0.1", 50000), Address("::1", 4444)
STREAM = StreamInfo(1, LOCAL, REMOTE, Role.RECEIVER, 0)
FAILED = StreamResult(
    "some-id",
    LOCAL,
    REMOTE,
    Role.RECEIVER,
    Outcome.PROTOCOL_ERROR,
    "ErrorX",
    BEGAN_NS,
    BEGAN_NS + 1_234_567_890,
    0,
    StreamSnapshot(),
)


def logged(path: Path, *results: StreamResult) -> str:
    log = ErrorLog(path)
    log.run_began(BEGAN_NS)
    for result in results:
        log.stream_ended(STREAM, result)
    log.closing()
    return path.read_bytes().decode("utf-8")


def test_a_failed_stream_is_a_line_with_its_time_its_ends_and_its_result(tmp_path: Path) -> None:
    text = logged(tmp_path / "e.txt", FAILED)
    assert text == "[1.235] receiver 127.0.0.1:50000 - [::1]:4444 [some-id]: ErrorX\n"


def test_a_stream_that_succeeded_is_not_told(tmp_path: Path) -> None:
    assert logged(tmp_path / "e.txt", evolve(FAILED, outcome=Outcome.SUCCESSFUL, result=SUCCEEDED)) == ""


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.SUCCESSFUL])
def test_every_other_outcome_is_told(tmp_path: Path, outcome: Outcome) -> None:
    assert logged(tmp_path / "e.txt", evolve(FAILED, outcome=outcome)).count("\n") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_result_of_several_lines_stays_on_one(tmp_path: Path, end: str) -> None:
    # A plugin words its own errors.
    text = logged(tmp_path / "e.txt", evolve(FAILED, result=f"it broke{end}[9.999] sender and so on"))
    assert len(text.splitlines()) == 1


def test_lines_are_in_the_order_of_ending(tmp_path: Path) -> None:
    text = logged(tmp_path / "e.txt", evolve(FAILED, result="first"), evolve(FAILED, result="second"))
    assert [line.rpartition(" ")[2] for line in text.splitlines()] == ["first", "second"]


def test_a_file_that_cannot_be_written_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"output\.error_file: cannot write "):
        ErrorLog(tmp_path)


def test_utf_16_is_written_as_the_original_does(tmp_path: Path) -> None:
    log = ErrorLog(path := tmp_path / "e.txt", "utf-16")
    log.run_began(BEGAN_NS)
    log.stream_ended(STREAM, FAILED)
    log.closing()
    data = path.read_bytes()
    assert data.startswith(b"\xff\xfe")
    assert data.decode("utf-16").endswith("ErrorX\r\n")
