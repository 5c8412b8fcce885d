from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cts_pcap import PcapFactory, PcapOptions
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


def test_no_more_than_a_mib_waits_in_memory(file: Path) -> None:
    capture = Capture(file, 65_535)
    for _ in range(100):
        capture.write(0, bytes(60_000))
    whole = 24 + 100 * (16 + 60_000)
    assert whole - 1_048_576 < file.stat().st_size < whole
    capture.close()
    assert file.stat().st_size == whole
    assert capture.missed == 0


@needs_a_full_disk
def test_a_full_disk_ends_the_capture_and_counts_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    capture = Capture(FULL, 65_535)
    for _ in range(40):
        capture.write(0, bytes(60_000))
    with pytest.raises(OSError, match=r"^'/dev/full' lacks 40 packets: No space left on device$"):
        capture.close()
    capture.close()
    assert capture.missed == 40
    assert [record.getMessage() for record in caplog.records] == ["/dev/full ends early: No space left on device"]


@needs_a_full_disk
def test_a_disk_that_is_full_at_the_end_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    capture = Capture(FULL, 65_535)
    capture.write(0, b"x")
    with pytest.raises(OSError, match="lacks 1 packets"):
        capture.close()
    assert capture.missed == 1
    assert "/dev/full ends early: No space left on device" in caplog.text


@needs_a_full_disk
def test_a_factory_whose_file_lacks_packets_fails_to_close_and_names_the_key() -> None:
    factory = PcapFactory(PcapOptions(str(FULL)))
    with pytest.raises(OSError, match=r"^connected_socket\.options.file: '/dev/full' lacks 0 packets: No space left"):
        factory.close()
