"""Writes packets to a pcap file (draft-ietf-opsawg-pcap) with times in nanoseconds."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

__all__ = ["FILE_HEADER", "LINKTYPE_RAW", "MAGIC", "PACKET_HEADER", "Capture"]

FILE_HEADER = struct.Struct("<IHHiIII")
"""Magic, version, zone, accuracy, longest packet, link type."""
PACKET_HEADER = struct.Struct("<IIII")
"""Seconds, nanoseconds, bytes in the file, bytes on the wire."""
MAGIC = 0xA1B2_3C4D
"""A file whose packet times are in nanoseconds."""
LINKTYPE_RAW = 101
"""A packet begins with its IPv4 or IPv6 header."""

_VERSION = (2, 4)
_NANOSECONDS = 1_000_000_000
_BUFFER_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class Capture:
    """A pcap file under way; up to 1 MiB of it is in memory.

    A disk that is full does not stop the streams: the capture ends there, which is logged, and what is missing is counted
    and told at the end.

    Args:
        path: the file; what it held is lost.
        snaplen: bytes of a packet that are kept at most.

    Attributes:
        missed: packets that did not get into the file (a few of them may have, if the disk filled up among them).

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, snaplen: int) -> None:
        self.missed = 0
        self._path = path
        self._snaplen = snaplen
        self._refusal: str | None = None
        self._waiting = 0
        self._buffer = bytearray(FILE_HEADER.pack(MAGIC, *_VERSION, 0, 0, snaplen, LINKTYPE_RAW))
        self._file = path.open("wb", buffering=0)

    def write(self, time_ns: int, packet: bytes) -> None:
        """Add a packet; nothing once the file is closed. Blocks for the disk only when a MiB has come together."""
        if self._file.closed:
            return
        if self._refusal is not None:
            self.missed += 1
            return
        kept = packet[: self._snaplen]
        seconds, nanoseconds = divmod(max(time_ns, 0), _NANOSECONDS)
        self._buffer += PACKET_HEADER.pack(seconds % 2**32, nanoseconds, len(kept), len(packet))
        self._buffer += kept
        self._waiting += 1
        if len(self._buffer) >= _BUFFER_BYTES:
            self._write_out()

    def close(self) -> None:
        """Write what is in memory and close the file; closing twice is harmless.

        Raises:
            OSError: something is missing in the file; it says how much, and why.
        """
        if self._file.closed:
            return
        self._write_out()
        self._file.close()
        if self._refusal is not None:
            raise OSError(f"{str(self._path)!r} lacks {self.missed:,} packets: {self._refusal}")

    def _write_out(self) -> None:
        rest = bytes(self._buffer)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._refusal = error.strerror or str(error)
            self.missed += self._waiting
            logger.error("%s ends early: %s", self._path, self._refusal)
        self._buffer.clear()
        self._waiting = 0
