from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cts.errors import UserError
from cts.records.log_file import REOPENED_BUFFER, LogFile
from tests.open_descriptors import LISTED, open_descriptors

FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no /dev/full")


def test_utf8_lines_end_with_lf_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.status_file")
    log.write_line("a,b")
    log.write_line("µ")
    log.close()
    assert path.read_bytes() == "a,b\nµ\n".encode()


def test_utf16_begins_with_a_mark_and_lines_end_with_crlf(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.status_file", "utf-16")
    log.write_line("a")
    log.write_line("b")
    log.close()
    assert path.read_bytes() == b"\xff\xfea\x00\r\x00\n\x00b\x00\r\x00\n\x00"


def test_opening_truncates_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    LogFile(path, "output.status_file").close()
    assert path.read_bytes() == b""


def test_a_path_that_cannot_be_opened_names_the_key_the_path_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "y.csv"
    with pytest.raises(UserError) as caught:
        LogFile(path, "output.status_file")
    assert str(caught.value) == f"output.status_file: cannot write '{path}': No such file or directory"


def test_a_nul_in_the_path_is_the_users_mistake_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"output\.status_file: cannot write"):
        LogFile(tmp_path / "a\0b", "output.status_file")


def test_lines_are_held_until_flush(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.status_file")
    log.write_line("a")
    assert path.read_bytes() == b""
    log.flush()
    assert path.read_bytes() == b"a\n"
    log.close()


@pytest.mark.parametrize("hold_open", [True, False])
def test_many_lines_are_written_without_a_flush_and_all_arrive(tmp_path: Path, hold_open: bool) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.jitter_file", "utf-16", hold_open=hold_open)
    lines = [f"{number:0100}" for number in range(2000)]
    for line in lines:
        log.write_line(line)
    assert path.stat().st_size > REOPENED_BUFFER
    log.close()
    assert path.read_text("utf-16").splitlines() == lines


def test_a_file_that_is_not_held_open_costs_no_descriptor(tmp_path: Path) -> None:
    if not LISTED.exists():
        pytest.skip("this system does not list descriptors")
    before = open_descriptors()
    logs = [LogFile(tmp_path / str(number), "output.jitter_file", hold_open=False) for number in range(20)]
    assert not open_descriptors() - before
    for log in logs:
        log.close()


@needs_full_disk
@pytest.mark.parametrize("hold_open", [True, False])
def test_a_full_disk_is_remembered_and_ends_the_writing_not_the_run(hold_open: bool) -> None:
    log = LogFile(FULL_DISK, "output.status_file", hold_open=hold_open)
    log.write_line("a")
    log.flush()
    log.write_line("b")
    log.close()
    assert log.failure == "output.status_file: cannot write '/dev/full': No space left on device"


def test_what_comes_after_close_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.status_file")
    log.close()
    log.write_line("late")
    log.close()
    assert path.read_bytes() == b""


def test_text_that_has_no_encoding_is_escaped_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = LogFile(path, "output.connection_file")
    log.write_line("\udc80")
    log.close()
    assert path.read_bytes() == b"\\udc80\n"


def test_a_log_that_could_be_opened_is_written_also_where_no_further_file_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("what the last run measured, which is longer")

    def refuse(*args: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    log = LogFile(path, "output.status_file")
    monkeypatch.setattr(os, "open", refuse)
    log.write_line("a")
    log.flush()
    log.write_line("b")
    log.close()
    assert log.failure is None
    assert path.read_text() == "a\nb\n"


def test_a_log_for_which_no_descriptor_is_left_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UserError, match=r"a\.csv': Too many open files; raise the limit \(ulimit -n\)"):
        LogFile(tmp_path / "a.csv", "output.status_file")
