from __future__ import annotations

import json
from pathlib import Path

import pytest

from cts.errors import UserError
from cts.metrics.counters import FrameTotals
from cts.output.jitter_log import JITTER_COLUMNS, JitterLog
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Role
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult

VECTORS = Path(__file__).parents[1] / "vectors"
LOCAL = Address("127.0.0.1", 50000)
REMOTE = Address("127.0.0.1", 4444)
RESULT = StreamResult(
    "id", LOCAL, REMOTE, Role.RECEIVER, Outcome.SUCCESSFUL, "Succeeded", 0, 0, 0, StreamSnapshot(FrameTotals())
)
QPF = 10_000_000


def stream(number: int = 1, role: Role = Role.RECEIVER) -> StreamInfo:
    return StreamInfo(number, LOCAL, REMOTE, role, 0)


def frame(
    sequence: int, verdict: Verdict = Verdict.COMPLETED, qpc: int = 0, qpf: int = QPF, at: int = 0
) -> RenderedFrame:
    return RenderedFrame(sequence, verdict, 100, qpc, qpf, at * 100, 0)


def original_rows(name: str) -> list[list[str]]:
    """Return the rows of the original's log with the sender's true stamps, which its client reads two bytes early."""
    log: str = json.loads((VECTORS / f"{name}.json").read_text())["client_jitter_log"]
    header, *lines = log.splitlines()
    assert header == JITTER_COLUMNS
    rows = [line.split(",") for line in lines]
    return [[row[0], str(int(row[1]) >> 16), str(int(row[2]) >> 16), *row[3:]] for row in rows]


@pytest.mark.parametrize("name", ["pull_1mbps_30fps_2s", "pull_50mbps_20fps_1s"])
def test_the_stamps_of_the_originals_run_give_the_originals_figures(tmp_path: Path, name: str) -> None:
    rows = original_rows(name)
    path = tmp_path / "jitter.csv"
    log = JitterLog(path, single=True)
    log.stream_opened(stream())
    for row in rows:
        sequence, qpc, qpf, received = (int(text) for text in row[:4])
        log.frame_rendered(stream(), frame(sequence, qpc=qpc, qpf=qpf, at=received))
    log.closing()
    assert path.read_text().splitlines() == [JITTER_COLUMNS, *(",".join(row) for row in rows)]


def test_a_dropped_frame_is_zeros_and_a_repeated_one_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "jitter.csv"
    log = JitterLog(path, single=True)
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1, qpc=1000, at=5000))
    log.frame_rendered(stream(), frame(2, Verdict.DROPPED, qpc=2000, at=6000))
    log.frame_rendered(stream(), frame(3, Verdict.REPEATED, qpc=3000, at=9000))
    log.frame_rendered(stream(), frame(4, qpc=4000, at=7000))
    log.closing()
    assert path.read_text().splitlines()[1:] == [
        "1,1000,10000000,5000,10000000,0.000,0.000",
        "2,0,0,0,0,0.000,0.000",
        "4,4000,10000000,7000,10000000,-0.100,0.100",
    ]


@pytest.mark.parametrize("qpf", [0, -1, -(2**63)])
def test_a_peer_whose_clock_does_not_tick_gets_zeros_and_a_note(tmp_path: Path, qpf: int) -> None:
    path = tmp_path / "jitter.csv"
    log = JitterLog(path, single=True)
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1, qpc=7, qpf=qpf, at=5))
    log.stream_ended(stream(), RESULT)
    log.closing()
    assert path.read_text().splitlines()[1:] == ["1,0,0,0,0,0.000,0.000"]
    assert log.notes() == (
        "output.jitter_file: 1 completed frames are logged as zeros: their senders' clocks make no sense",
    )


def test_several_streams_get_a_file_each_named_by_their_number(tmp_path: Path) -> None:
    log = JitterLog(tmp_path / "jitter.csv", single=False)
    for number in (1, 2):
        log.stream_opened(stream(number))
    for number in (2, 1, 2):
        log.frame_rendered(stream(number), frame(number))
    log.closing()
    assert {path.name: path.read_text().count("\n") for path in tmp_path.iterdir()} == {
        "jitter-1.csv": 2,
        "jitter-2.csv": 3,
    }


def test_a_second_stream_where_one_was_expected_gets_a_file_of_its_own(tmp_path: Path) -> None:
    log = JitterLog(tmp_path / "jitter.csv", single=True)
    log.stream_opened(stream(1, Role.SENDER))
    for number in (2, 3):
        log.stream_opened(stream(number))
        log.frame_rendered(stream(number), frame(1))
        log.stream_ended(stream(number), RESULT)
    log.closing()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jitter-3.csv", "jitter.csv"]


def test_files_are_bounded_and_the_rest_is_said(tmp_path: Path) -> None:
    log = JitterLog(tmp_path / "jitter.csv", single=False, max_files=2)
    for number in range(1, 6):
        log.stream_opened(stream(number))
        for sequence in (1, 2):
            log.frame_rendered(stream(number), frame(sequence))
        log.stream_ended(stream(number), RESULT)
    log.closing()
    assert len(list(tmp_path.iterdir())) == 2
    assert log.notes() == ("output.jitter_file: 3 streams beyond the first 2 have no file",)


def test_a_stream_without_frames_makes_no_file(tmp_path: Path) -> None:
    log = JitterLog(tmp_path / "jitter.csv", single=False)
    log.stream_opened(stream())
    log.stream_ended(stream(), RESULT)
    log.closing()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_when_its_stream_comes_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "jitter-1.csv").write_text("old")
    log = JitterLog(tmp_path / "jitter.csv", single=False)
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1))
    log.closing()
    assert (tmp_path / "jitter-1.csv").read_text().startswith(JITTER_COLUMNS + "\n1,")


def test_a_directory_that_is_not_there_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"output\.jitter_file: cannot write .*missing"):
        JitterLog(tmp_path / "missing" / "jitter.csv", single=False)


def test_a_file_that_cannot_be_made_during_the_run_is_a_failure_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "jitter-1.csv").mkdir()
    log = JitterLog(tmp_path / "jitter.csv", single=False)
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1))
    log.closing()
    assert log.failures() == (f"output.jitter_file: cannot write '{tmp_path / 'jitter-1.csv'}': Is a directory",)


def test_a_single_streams_rows_are_written_out_at_each_status(tmp_path: Path) -> None:
    path = tmp_path / "jitter.csv"
    log = JitterLog(path, single=True)
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1))
    log.status(RunSnapshot(0, 1, StreamSnapshot()))
    assert path.read_text().count("\n") == 2
    log.closing()


def test_a_single_streams_full_disk_becomes_a_failure() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = JitterLog(Path("/dev/full"), single=True)
    log.closing()
    assert log.failures() == ("output.jitter_file: cannot write '/dev/full': No space left on device",)


def test_utf16_holds_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "jitter.csv"
    log = JitterLog(path, single=True, encoding="utf-16")
    log.stream_opened(stream())
    log.frame_rendered(stream(), frame(1, Verdict.DROPPED))
    log.closing()
    assert path.read_bytes().decode("utf-16") == f"{JITTER_COLUMNS}\r\n1,0,0,0,0,0.000,0.000\r\n"
