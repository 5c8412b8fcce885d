"""A file that is written at once is whole, or what was there before."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cts.records.whole_file import write_whole


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Have the system take no more than so many bytes of a file, as a disk that becomes full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def test_where_there_is_room_it_holds_what_was_written_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_a_disk_that_becomes_full_leaves_the_old_one_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    with room_for(1000), pytest.raises(OSError, match="File too large"):
        write_whole(file, bytes(5000))
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_disk_that_becomes_full_leaves_no_empty_file(tmp_path: Path) -> None:
    with room_for(1000), pytest.raises(OSError, match="File too large"):
        write_whole(tmp_path / "a", bytes(5000))
    assert names(tmp_path) == []


def test_a_new_one_has_the_modes_of_any_new_file_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"")
    finally:
        os.umask(before)
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o604)
    write_whole(tmp_path / "old", b"x")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "old")] == [0o640, 0o604]


def test_a_link_leads_where_it_led(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


def test_a_device_takes_it_where_it_is() -> None:
    write_whole(Path(os.devnull), b"x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_one_in_a_folder_that_takes_no_other_file_is_written_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    write_whole(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_descriptor_that_leads_to_a_pipe_is_written_through() -> None:
    # As /dev/stdout is in front of another command: what it leads to has no place in a folder.
    reading, writing = os.pipe()
    try:
        write_whole(Path(f"/dev/fd/{writing}"), b"page")
        assert os.read(reading, 10) == b"page"
    finally:
        os.close(reading)
        os.close(writing)


def test_a_descriptor_of_a_file_that_is_gone_is_written_through(tmp_path: Path) -> None:
    with (tmp_path / "gone").open("w+b") as file:
        (tmp_path / "gone").unlink()
        write_whole(Path(f"/dev/fd/{file.fileno()}"), b"page")
        assert file.read() == b"page"
    assert list(tmp_path.iterdir()) == []
