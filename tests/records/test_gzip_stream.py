from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.errors import UserError
from cts.records.gzip_stream import LogSource, Packer
from cts.records.json_lines import LineReader
from cts.records.log_file import LogFile
from cts.records.writers import Piece, Writer, write_all

LINES = [f"line {number} of a log" for number in range(2000)]


def read(path: Path) -> bytes:
    with BufferedReader(LogSource(path)) as source:
        return source.read()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(1, 300))
def test_pieces_read_back_as_they_were_in_whatever_portions_they_are_read(pieces: list[bytes], portion: int) -> None:
    packer = Packer()
    packed = b"".join([*map(packer.pack, pieces), packer.end()])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(packed)
        with BufferedReader(LogSource(path), portion) as source:
            got = b"".join(iter(lambda: source.read(portion), b""))
    assert got == b"".join(pieces) == gzip.decompress(packed)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8), st.data())
def test_what_a_crash_leaves_reads_up_to_the_last_whole_piece_at_least(
    pieces: list[bytes], data: st.DataObject
) -> None:
    packer = Packer()
    packed = [*map(packer.pack, pieces), packer.end()]
    whole = b"".join(packed)
    at = data.draw(st.integers(0, len(whole)))
    kept = 0
    while len(b"".join(packed[: kept + 1])) <= at and kept < len(pieces):
        kept += 1
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(whole[:at])
        got = read(path)
    text = b"".join(pieces)
    assert text.startswith(got)
    assert got.startswith(b"".join(pieces[:kept]))


def test_what_is_not_packed_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(b"x" * 200_000)
    assert read(path) == b"x" * 200_000


def test_several_members_are_one_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert read(path) == b"one\ntwo\n"


def test_what_unpacks_to_very_much_is_read_in_small_portions(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(zlib.compress(bytes(50_000_000), wbits=31))
    with LogSource(path) as source:
        assert all(source.readinto(bytearray(4096)) == 4096 for _ in range(1000))


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda packed: packed[:40] + bytes(40) + packed[80:],
        lambda packed: packed[:-8] + b"\1\2\3\4" + packed[-4:],
        lambda packed: packed + b"more",
        lambda packed: b"\x1f\x8b\x09" + packed[3:],
    ],
    ids=["in the middle", "its checksum", "behind its end", "in its head"],
)
def test_a_log_whose_gzip_is_damaged_is_refused(tmp_path: Path, spoilt: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(spoilt(gzip.compress("\n".join(LINES).encode())))
    with pytest.raises(UserError, match=r"log\.gz: cannot read it: its gzip data is damaged"):
        list(LineReader(path, "a log"))


def test_a_packed_log_can_be_read_at_each_flush(tmp_path: Path) -> None:
    file = LogFile(path := tmp_path / "log.gz", "key", packed=True)
    file.write_line("one")
    file.flush()
    assert read(path) == b"one\n"
    file.write_line("two")
    file.close()
    assert gzip.decompress(path.read_bytes()) == b"one\ntwo\n"


def test_a_packed_log_of_the_same_lines_is_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "a.gz", tmp_path / "b.gz"]
    for path in paths:
        file = LogFile(path, "key", packed=True)
        for line in LINES:
            file.write_line(line)
        file.close()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) < len("\n".join(LINES)) / 3


class _Impatient(Writer):
    """Gives up on every piece but the first and the last, which has no size."""

    def __init__(self) -> None:
        self._pieces = 0

    def put(self, piece: Piece) -> bool:
        self._pieces += 1
        piece.write(lambda: self._pieces not in (1, 3))
        return True


def test_behind_a_gap_in_a_packed_log_nothing_is_written_and_all_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(fd: int, data: bytes, gives_up: Callable[[], bool]) -> int:
        return whole(fd, data[: len(data) // 2], gives_up) if gives_up() else whole(fd, data, gives_up)

    whole = write_all
    monkeypatch.setattr("cts.records.log_file.write_all", write_half)
    file = LogFile(path := tmp_path / "log.gz", "key", packed=True, writer=_Impatient())
    for text in ("one", "two", "three"):
        file.write_line(text)
        file.flush()
    file.close()
    assert read(path).startswith(b"one\n")
    assert b"three" not in read(path)
    assert file.failure is not None
    assert "2 lines are missing" in file.failure
