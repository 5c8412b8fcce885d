from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cts_pcap.capture import Capture

FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stream.pcap"


def test_an_empty_capture_is_a_file_header(file: Path) -> None:
    Capture(file, 100).close()
    assert struct.unpack("<IHHiIII", file.read_bytes()) == (0xA1B23C4D, 2, 4, 0, 0, 100, 101)


def test_a_packet_longer_than_snaplen_is_cut_and_its_length_told(file: Path) -> None:
    capture = Capture(file, 10)
    capture.write(3_000_000_007, bytes(range(30)))
    capture.close()
    content = file.read_bytes()[24:]
    assert struct.unpack_from("<IIII", content) == (3, 7, 10, 30)
    assert content[16:] == bytes(range(10))


def test_a_time_that_no_file_can_hold_breaks_nothing(file: Path) -> None:
    capture = Capture(file, 10)
    capture.write(-1, b"x")
    capture.write(2**32 * 1_000_000_000 + 5, b"x")
    capture.close()
    content = file.read_bytes()[24:]
    assert [struct.unpack_from("<II", content, at) for at in (0, 17)] == [(0, 0), (0, 5)]


def test_what_comes_after_close_is_not_written(file: Path) -> None:
    capture = Capture(file, 10)
    capture.close()
    capture.write(0, b"x")
    capture.close()
    assert file.stat().st_size == 24
    assert capture.written == 0


@needs_a_full_disk
def test_a_full_disk_ends_the_capture_and_counts_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    capture = Capture(FULL, 65_535)
    for _ in range(40):
        capture.write(0, bytes(60_000))
    capture.close()
    assert capture.written < 40
    assert capture.written + capture.missed == 40
    assert [record.getMessage() for record in caplog.records] == [
        "/dev/full ends early: No space left on device",
        f"/dev/full lacks {capture.missed} packets",
    ]


@needs_a_full_disk
def test_a_disk_that_is_full_at_close_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    capture = Capture(FULL, 65_535)
    capture.write(0, b"x")
    capture.close()
    capture.close()
    assert [record.getMessage() for record in caplog.records] == ["/dev/full ends early: No space left on device"]
