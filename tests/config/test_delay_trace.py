import os
from pathlib import Path

import pytest

from cts.config import load_config, structure_config
from cts.config.delay_trace import MAX_LINES_TOLD, MAX_TRACE_SIZE
from cts.config.network_links import impairments
from cts.errors import ConfigError
from cts.impairment.delay import Delay, Trace

MS = 1_000_000


def delay_of(file: Path) -> Delay:
    network = {"latency": {"model": "trace", "file": str(file)}}
    return impairments(structure_config({"network": network}).network)[0].delay


def problems_of(file: Path, **keys: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_config({"network": {"latency": {"model": "trace", "file": str(file)}, **keys}})
    return caught.value.problems


def the_problem_of(file: Path) -> str:
    (problem,) = problems_of(file)
    return problem


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.txt"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration in a folder of its own, beside a trace of one delay of 7 ms."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "near.txt").write_text("7ms\n", encoding="utf-8")
    path = folder / "run.toml"
    path.write_text('[network.to_client]\nlatency = {model = "trace", file = "near.txt"}\n', encoding="utf-8")
    return path


def test_a_trace_holds_a_delay_per_line_with_a_unit_or_in_seconds(trace: Path) -> None:
    trace.write_bytes("\ufeff# ping\r\n20ms\r\n\r\n 0.5 # half a second\n1.5 µs\n0\n2e-3\n1 min\n.5s".encode())
    assert delay_of(trace) == Trace((20 * MS, 500 * MS, 1500, 0, 2 * MS, 60_000 * MS, 500 * MS))


def test_a_trace_is_looked_for_beside_the_configuration(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    to_client, _ = impairments(load_config(config).network)
    assert to_client.delay == Trace((7 * MS,))
    to_client, to_server = impairments(
        load_config(
            config, ["network.to_server.latency.file=near.txt", "network.to_server.latency.model=trace"]
        ).network
    )
    assert to_client.delay == to_server.delay == Trace((7 * MS,))


def test_a_trace_may_have_an_absolute_name(config: Path, trace: Path) -> None:
    trace.write_text("1s\n", encoding="utf-8")
    to_client, _ = impairments(load_config(config, [f"network.to_client.latency.file={trace}"]).network)
    assert to_client.delay == Trace((1000 * MS,))


def test_without_a_configuration_file_a_trace_is_looked_for_in_the_working_directory(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    assert delay_of(Path("near.txt")) == Trace((7 * MS,))


def test_every_bad_line_is_named_with_all_else_that_is_wrong(trace: Path) -> None:
    trace.write_text("20ms\nsoon\n\n-1\n30ms\n5m\n", encoding="utf-8")
    problems = problems_of(trace, queue=5000)
    lines = [problem.partition(", line ")[2].partition(" is ")[0] for problem in problems[:3]]
    assert lines == ["2: 'soon'", "4: '-1'", "6: '5m'"]
    assert all(problem.startswith("network.latency.file: '") for problem in problems[:3])
    assert [problem.partition(": ")[0] for problem in problems[3:]] == ["network.queue"]


def test_a_file_of_something_else_is_told_by_its_first_lines(trace: Path) -> None:
    trace.write_bytes(b"\xff\x00 no delay\n" * 100_000)
    problems = problems_of(trace)
    assert len(problems) == MAX_LINES_TOLD + 1
    assert problems[-1].endswith(f"lines from {MAX_LINES_TOLD + 1} on were not read, after {MAX_LINES_TOLD} wrong ones")
    assert all(problem.isprintable() for problem in problems)


def test_a_missing_trace_is_told(trace: Path) -> None:
    assert the_problem_of(trace).endswith("cannot be read: No such file or directory")


@pytest.mark.parametrize("text", ["", "\n\n# nothing\n"])
def test_a_trace_without_a_delay_is_refused(trace: Path, text: str) -> None:
    trace.write_text(text, encoding="utf-8")
    assert the_problem_of(trace).endswith("holds no delay; allowed: at least one line")


def test_a_huge_trace_is_refused(trace: Path) -> None:
    with trace.open("wb") as file:
        file.truncate(MAX_TRACE_SIZE + 1)
    assert the_problem_of(trace).endswith(f"is too large; allowed: at most {MAX_TRACE_SIZE} bytes")


def test_a_directory_a_device_and_a_pipe_are_no_traces(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for a writer
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "pipe"):
        assert the_problem_of(path).endswith("is not a file; allowed: a file of one delay per line")


@pytest.mark.parametrize("file", ["", " ", "a\0b", 5, None])
def test_what_is_no_file_name_is_refused(file: object) -> None:
    with pytest.raises(ConfigError, match=r"network\.latency\.file: .* is not a file name"):
        structure_config({"network": {"latency": {"model": "trace", "file": file}}})


def test_a_trace_has_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[network]\nlatency = {model = "trace"}\nqueue = 5\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "network.latency.file",
        "network.queue",
    ]


def test_a_log_never_overwrites_a_trace(config: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config, [f"output.status_file={config.parent / 'near.txt'}"])
    (problem,) = caught.value.problems
    assert problem.startswith("output.status_file: ")
    assert "is network.to_client.latency.file, which is read" in problem
