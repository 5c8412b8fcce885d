from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.output.slices import SliceReader, slice_rate
from cts.output.status_log import STATUS_COLUMNS, StatusLog
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot, StreamSnapshot

VECTORS = Path(__file__).parents[1] / "vectors"
MS = 1_000_000


def snapshot(elapsed_ns: int, *, streams: int = 1, received: int = 0, sent: int = 0, completed: int = 0) -> RunSnapshot:
    return RunSnapshot(elapsed_ns, streams, StreamSnapshot(FrameTotals(completed), received, sent))


def written(path: Path, measure: Role, snapshots: list[RunSnapshot]) -> list[str]:
    log = StatusLog(path, measure)
    for each in snapshots:
        log.status(each)
    log.closing()
    return path.read_text("ascii").splitlines()


# When the original took its snapshots, how many frames had come and how many were rendered. It reads the clock once for
# TimeSlice and again for the rate; in the first vector the two differ by a millisecond in the last row, which half a
# millisecond on both of its ends allows for.
RUNS: dict[str, list[tuple[float, int, int, int]]] = {
    "pull_1mbps_30fps_2s": [(3, 0, 0, 0), (1003, 29, 0, 1), (2002.5, 59, 30, 1), (2973.499, 60, 60, 0)],
    "pull_50mbps_20fps_1s": [(1, 0, 0, 0), (1001, 19, 0, 1), (1954, 20, 20, 0)],
}


@pytest.mark.parametrize("name", RUNS)
def test_the_inputs_of_the_originals_run_give_the_originals_rows(tmp_path: Path, name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    plan = StreamPlan(
        vector["bits_per_second"], vector["frames_per_second"], vector["stream_length_seconds"] * 1_000_000_000
    )
    snapshots = [
        snapshot(round(elapsed_ms * MS), streams=streams, received=arrived * plan.frame_size, completed=rendered)
        for elapsed_ms, arrived, rendered, streams in RUNS[name]
    ]
    rows = written(tmp_path / "status.csv", Role.RECEIVER, snapshots)
    assert rows == vector["client_status_log"].splitlines()


def test_the_rate_is_of_the_slice_in_whole_milliseconds_rounded_down() -> None:
    assert slice_rate(4166, 971) == 34323


def test_a_sender_only_run_measures_what_it_sent(tmp_path: Path) -> None:
    rows = written(tmp_path / "s.csv", Role.SENDER, [snapshot(0), snapshot(1000 * MS, sent=1000, received=7)])
    assert rows == [STATUS_COLUMNS, "0.000,0,1,0,0,0,0", "1.000,8000,1,0,0,0,0"]


def test_of_a_server_both_what_it_sent_and_what_it_received_is_measured(tmp_path: Path) -> None:
    log = StatusLog(tmp_path / "s.csv", Role.SENDER, both=True)
    for each in (snapshot(0), snapshot(1000 * MS, sent=1000, received=7)):
        log.status(each)
    log.closing()
    assert (tmp_path / "s.csv").read_text().splitlines()[-1] == "1.000,8056,1,0,0,0,0"


def test_every_verdict_is_of_its_slice_alone(tmp_path: Path) -> None:
    first = RunSnapshot(1000 * MS, 2, StreamSnapshot(FrameTotals(10, 3, 2, 1)))
    second = RunSnapshot(2000 * MS, 1, StreamSnapshot(FrameTotals(15, 7, 5, 3)))
    rows = written(tmp_path / "s.csv", Role.RECEIVER, [first, second])
    assert rows[1:] == ["1.000,0,2,10,3,2,1", "2.000,0,1,5,4,3,2"]


def test_the_same_moment_told_twice_makes_one_row(tmp_path: Path) -> None:
    rows = written(tmp_path / "s.csv", Role.RECEIVER, [snapshot(0), snapshot(0), snapshot(100_000)])
    assert rows == [STATUS_COLUMNS, "0.000,0,1,0,0,0,0"]


def test_a_moment_told_twice_makes_one_row_unless_a_column_of_it_changed(tmp_path: Path) -> None:
    unseen = RunSnapshot(0, 1, StreamSnapshot(unreachable=1, bytes_of_no_frame=2))
    rows = written(tmp_path / "s.csv", Role.RECEIVER, [snapshot(0), unseen])
    assert rows == [STATUS_COLUMNS, "0.000,0,1,0,0,0,0"]


def test_a_run_that_begins_with_nothing_has_its_first_row(tmp_path: Path) -> None:
    rows = written(tmp_path / "s.csv", Role.RECEIVER, [snapshot(1, streams=0)])
    assert rows == [STATUS_COLUMNS, "0.000,0,0,0,0,0,0"]


def test_what_changed_within_the_last_millisecond_is_not_lost(tmp_path: Path) -> None:
    rows = written(tmp_path / "s.csv", Role.RECEIVER, [snapshot(MS), snapshot(MS, streams=0, received=1, completed=1)])
    assert rows[1:] == ["0.001,0,1,0,0,0,0", "0.001,8000,0,1,0,0,0"]


def test_a_slice_shorter_than_a_frame_interval_counts_as_one(tmp_path: Path) -> None:
    # 30 frames/s of 1000 bytes: the last one is sent right after a row, and the run is over.
    log = StatusLog(tmp_path / "s.csv", Role.SENDER, least_ns=33_333_333)
    for each in (snapshot(0), snapshot(1000 * MS, sent=29_000), snapshot(1001 * MS, sent=30_000, streams=0)):
        log.status(each)
    log.closing()
    rates = [int(row.split(",")[1]) for row in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    assert rates == [0, 232_000, 242_424]


def test_each_row_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    log = StatusLog(path, Role.RECEIVER)
    log.status(snapshot(0))
    assert path.read_text().count("\n") == 2
    log.closing()


def test_a_failure_to_write_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = StatusLog(Path("/dev/full"), Role.RECEIVER)
    assert log.failures() == ()
    log.status(snapshot(0))
    log.closing()
    assert log.failures() == ("output.status_file: cannot write '/dev/full': No space left on device",)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(0, 50)), max_size=20))
def test_the_slices_add_up_to_the_run(steps: list[tuple[int, int]]) -> None:
    reader = SliceReader(Role.RECEIVER)
    elapsed = completed = 0
    total = FrameTotals()
    for pause_ns, frames in steps:
        elapsed += pause_ns
        completed += frames
        row = reader.read(snapshot(elapsed, completed=completed))
        if row is not None:
            total += row.frames
    assert total == FrameTotals(completed)
