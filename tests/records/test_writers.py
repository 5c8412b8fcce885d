"""Logs whose reader stalls, comes late or never comes; at once and in a thread."""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cts.errors import UserError
from cts.records import log_file, writers
from cts.records.events_writer import EventsLog
from cts.records.log_file import LogFile
from cts.records.writers import LOG_LIMIT, WriterThread, finish_writers

KEY = "output.events_file"
LINES = [f"{number:0999}" for number in range(1000)]
"""A megabyte, which no pipe holds."""
SECOND = 1_000_000_000
PATIENCE_S = 60.0


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def reader(pipe: Path) -> Iterator[int]:
    """Who has the pipe open, and reads when a test does."""
    fd = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(fd, True)
    yield fd
    os.close(fd)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for any longer."""
    monkeypatch.setattr(writers, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(log_file, "READER_PATIENCE_SECONDS", 0.0)


class Gathering(threading.Thread):
    """Reads to the end."""

    def __init__(self, fd: int) -> None:
        super().__init__(daemon=True)
        self._fd = fd
        self._data = bytearray()

    def run(self) -> None:
        while data := os.read(self._fd, 65_536):
            self._data += data

    @property
    def lines(self) -> list[str]:
        self.join(PATIENCE_S)
        return self._data.decode().splitlines()


def written(path: Path, writer: writers.Writer) -> LogFile:
    log = LogFile(path, KEY, writer=writer)
    log.began_ns = SECOND
    for line in LINES:
        log.write_line(line)
    log.close()
    return log


def missing(log: LogFile) -> int:
    assert log.failure is not None
    told = re.fullmatch(
        rf"{KEY}: '.*' is incomplete from 2\.000 s: the disk or the reader did not keep up; ([\d,]+) lines are missing",
        log.failure,
    )
    assert told is not None, log.failure
    return int(told[1].replace(",", ""))


def test_a_reader_that_stalls_for_a_while_gets_every_line(pipe: Path, reader: int) -> None:
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    log = written(pipe, writer)
    gathering = Gathering(reader)
    gathering.start()
    finish_writers([writer])
    assert gathering.lines == LINES
    assert log.failure is None


@pytest.mark.usefixtures("soon")
def test_what_a_reader_that_stalls_for_good_does_not_take_is_counted(pipe: Path, reader: int) -> None:
    writer = WriterThread(LOG_LIMIT, lambda: 3 * SECOND)
    log = written(pipe, writer)
    finish_writers([writer])
    gathering = Gathering(reader)
    gathering.start()
    got = gathering.lines
    whole = [line for line in got if len(line) == len(LINES[0])]
    assert whole == LINES[: len(whole)]
    assert len(whole) + missing(log) == len(LINES)


@pytest.mark.usefixtures("soon")
def test_lines_beyond_what_may_wait_are_left_out_and_memory_is_bounded(pipe: Path, reader: int) -> None:
    limit = 200_000
    writer = WriterThread(limit, lambda: 3 * SECOND)
    log = LogFile(pipe, KEY, writer=writer)
    log.began_ns = SECOND
    for line in LINES:
        log.write_line(line)
        assert writer.waiting <= limit
    assert missing(log) >= len(LINES) - 400
    log.close()
    finish_writers([writer])


def test_every_log_of_a_run_is_given_up_at_the_same_time(
    pipe: Path, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines = []
    monkeypatch.setattr(WriterThread, "join", lambda self, deadline: deadlines.append(deadline))
    finish_writers([WriterThread(1, lambda: 0), WriterThread(1, lambda: 0)])
    assert len(set(deadlines)) == 1


@pytest.mark.usefixtures("soon")
def test_no_thread_is_left_when_a_reader_is_given_up(pipe: Path, reader: int) -> None:
    before = threading.active_count()
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    written(pipe, writer)
    assert threading.active_count() == before + 1
    finish_writers([writer])
    assert threading.active_count() == before


def test_who_writes_at_once_waits_for_the_reader_as_a_simulation_may(pipe: Path, reader: int) -> None:
    log = LogFile(pipe, KEY)
    gathering = Gathering(reader)
    gathering.start()
    for line in LINES:
        log.write_line(line)
    log.close()
    assert gathering.lines == LINES
    assert log.failure is None


@pytest.mark.usefixtures("soon")
def test_a_pipe_that_nobody_reads_is_refused_in_one_message(pipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        LogFile(pipe, KEY)
    assert str(caught.value) == f"{KEY}: cannot write '{pipe}': nobody reads this pipe"


def test_a_pipe_whose_reader_comes_a_little_later_is_written(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[int] = []
    # The first look finds nobody, and the reader comes meanwhile.
    monkeypatch.setattr("time.sleep", lambda seconds: readers.append(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)))
    log = LogFile(pipe, KEY)
    log.write_line("a")
    log.close()
    assert os.read(readers[0], 100) == b"a\n"
    for fd in readers:
        os.close(fd)


def test_a_reader_that_leaves_ends_the_writing(pipe: Path) -> None:
    fd = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    log = LogFile(pipe, KEY, writer=writer)
    log.flush()
    os.close(fd)
    log.write_line("a")
    log.close()
    finish_writers([writer])
    assert log.failure is not None
    assert log.failure.startswith(f"{KEY}: cannot write '{pipe}': ")


def test_a_folder_that_vanished_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    log = LogFile(folder / "jitter-1.csv", "output.jitter_file", hold_open=False, writer=writer)
    folder.rmdir()
    log.write_line("a")
    log.close()
    finish_writers([writer])
    assert log.failure is not None
    assert log.failure.endswith("No such file or directory; incomplete from 0.000 s")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_that_a_full_disk_ended_says_from_when_it_is_incomplete() -> None:
    clock = iter((3 * SECOND, 4 * SECOND))
    writer = WriterThread(LOG_LIMIT, lambda: next(clock))
    log = LogFile(Path("/dev/full"), KEY, writer=writer)
    log.began_ns = SECOND
    log.write_line("the first one")
    log.write_line("another one")
    log.close()
    finish_writers([writer])
    assert log.failure == f"{KEY}: cannot write '/dev/full': No space left on device; incomplete from 2.000 s"


def test_lines_that_went_missing_before_the_disk_was_full_are_where_it_is_incomplete_from(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    clock = iter((3 * SECOND, 5 * SECOND))
    writer = WriterThread(5, lambda: next(clock))
    log = LogFile(folder / "events", KEY, hold_open=False, writer=writer)
    log.began_ns = SECOND
    log.write_line("too long for what may wait")
    log.flush()
    folder.rmdir()
    log.write_line("1234")
    log.flush()
    finish_writers([writer])
    assert log.failure is not None
    assert log.failure.endswith("No such file or directory; incomplete from 2.000 s")


def test_a_log_that_was_deleted_under_its_writer_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    clock = iter((3 * SECOND, 5 * SECOND))
    writer = WriterThread(LOG_LIMIT, lambda: next(clock))
    log = LogFile(folder / "events", KEY, writer=writer)
    log.began_ns = SECOND
    log.write_line("before")
    log.flush()
    shutil.rmtree(folder)
    log.write_line("after")
    log.close()
    finish_writers([writer])
    gone = folder / "events"
    assert log.failure == f"{KEY}: '{gone}' was deleted while it was written; all that it held is lost"


def test_a_log_that_was_moved_away_is_written_on(tmp_path: Path) -> None:
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    log = LogFile(tmp_path / "events", KEY, writer=writer)
    log.write_line("before")
    log.flush()
    (tmp_path / "events").rename(tmp_path / "events.1")
    log.write_line("after")
    log.close()
    finish_writers([writer])
    assert log.failure is None
    assert (tmp_path / "events.1").read_text() == "before\nafter\n"


def test_a_log_whose_disk_is_full_ends_with_a_whole_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events"
    really = os.write
    room = [30]

    def write(fd: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = really(fd, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    log = LogFile(path, KEY)
    for number in range(10):
        log.write_line(f"line {number}")
        log.flush()
    log.close()
    assert log.failure is not None
    assert path.read_text() == "line 0\nline 1\nline 2\nline 3\n"


@pytest.mark.usefixtures("soon")
def test_events_with_lines_missing_do_not_end_as_if_whole(pipe: Path, reader: int) -> None:
    # Nothing at all may wait, so every line is lost.
    writer = WriterThread(0, lambda: 0)
    log = EventsLog(pipe, {}, lambda: 0, writer)
    log.run_began(0)
    log._file.flush()
    log._file._writer = writers.AT_ONCE
    log.closing()
    os.set_blocking(reader, False)
    assert os.read(reader, 1000) == b""
    assert "1 line is missing" in log.failures()[0]


def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_where_no_thread_can_be_started_a_log_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_threads(monkeypatch)
    path, writer = tmp_path / "run.jsonl", WriterThread(LOG_LIMIT, lambda: 0)
    log = LogFile(path, KEY, writer=writer)
    for line in LINES:
        log.write_line(line)
    log.close()
    finish_writers([writer])
    assert path.read_text().splitlines() == LINES
    assert log.failure is None


def test_where_no_thread_can_be_started_a_reader_that_stalls_holds_up_nobody_and_what_it_misses_is_told(
    pipe: Path, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_threads(monkeypatch)
    writer = WriterThread(LOG_LIMIT, lambda: 0)
    log = LogFile(pipe, KEY, writer=writer)
    for line in LINES:
        log.write_line(line)
    log.close()
    finish_writers([writer])
    assert log.failure is not None
    assert "lines are missing" in log.failure
