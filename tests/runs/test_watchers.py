"""Which logs a run writes, and under which names."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cts.config import structure_config
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Role
from cts.records.snapshots import Address, RunSnapshot, StreamInfo, StreamSnapshot
from cts.runs.session_settings import plan_of
from cts.runs.watchers import open_observers

MS = 1_000_000
STREAM = StreamInfo(1, Address("127.0.0.1", 4444), Address("127.0.0.1", 50_000), Role.RECEIVER, 0)
FRAME = RenderedFrame(1, Verdict.COMPLETED, 100, 1, 10_000_000, 100, 200)


def jitter_files(folder: Path, tables: dict[str, object]) -> list[str]:
    """Return the names of the files after a frame of the first receiving stream."""
    output = {"jitter_file": str(folder / "sj.csv"), "console": "quiet"}
    config = structure_config({**tables, "output": output})
    for observer in open_observers(config, plan_of(config), io.StringIO()):
        observer.run_began(0)
        observer.stream_opened(STREAM)
        observer.frame_rendered(STREAM, FRAME)
        observer.closing()
    return sorted(path.name for path in folder.iterdir())


def server(limit: int) -> dict[str, object]:
    return {"run": {"role": "server"}, "stream": {"direction": "push"}, "server": {"server_exit_limit": limit}}


def client(connections: int, iterations: int) -> dict[str, object]:
    target = {"target": "127.0.0.1:4444", "connections": connections, "iterations": iterations}
    return {"run": {"role": "client"}, "client": target}


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        ({}, "sj.csv"),
        ({"stream": {"direction": "push"}}, "sj.csv"),
        ({"client": {"connections": 2}}, "sj-1.csv"),
        (client(1, 1), "sj.csv"),
        (client(1, 2), "sj-1.csv"),
        (client(1, 0), "sj-1.csv"),
        (server(1), "sj.csv"),
        (server(2), "sj-1.csv"),
        (server(0), "sj-1.csv"),
    ],
)
def test_the_jitter_log_has_the_configured_name_where_one_stream_is_expected(
    tables: dict[str, object], name: str, tmp_path: Path
) -> None:
    assert jitter_files(tmp_path, tables) == [name]


@pytest.mark.parametrize(("status_update", "rate"), [("1s", 8_080_727), ("10ms", 26_666_400)])
def test_a_moment_of_status_counts_as_a_frame_interval_or_as_a_shorter_row(
    status_update: str, rate: int, tmp_path: Path
) -> None:
    output = {"status_file": str(tmp_path / "s.csv"), "status_update": status_update, "console": "lines"}
    config = structure_config({"output": output})
    plan, console = plan_of(config), io.StringIO()
    for observer in open_observers(config, plan, console):
        observer.run_began(0)
        for elapsed_ns, frames in ((0, 0), (1000 * MS, 29), (1001 * MS, 30)):
            observer.status(RunSnapshot(elapsed_ns, 1, StreamSnapshot(bytes_received=frames * plan.frame_size)))
        observer.closing()
    rows = (tmp_path / "s.csv").read_text().splitlines()
    assert (len(rows), int(rows[-1].split(",")[1])) == (4, rate)
    assert console.getvalue().splitlines()[-1].split()[1] == str(rate)
