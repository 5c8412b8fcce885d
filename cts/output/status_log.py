"""The status log: a CSV row per status interval, in the original's columns."""

from __future__ import annotations

from pathlib import Path

from cts.output.figures import seconds
from cts.output.slices import SliceReader
from cts.protocol.roles import Role
from cts.records.log_file import Encoding, LogObserver
from cts.records.snapshots import RunSnapshot
from cts.records.writers import AT_ONCE, Writer

__all__ = ["STATUS_COLUMNS", "StatusLog"]

STATUS_COLUMNS = "TimeSlice,Bits/Sec,Streams,Completed,Dropped,Repeated,Errors"


class StatusLog(LogObserver):
    """A row per status, each written out at once.

    Args:
        path: the CSV file.
        measure: whose bytes make ``Bits/Sec``; RECEIVER wherever this process receives at all.
        encoding: see :data:`cts.records.log_file.Encoding`.
        least_ns: how long a slice counts at least, nanoseconds.
        writer: who writes.
        key: what asked for it, for messages.
        both: whether this process may play both parts, as a server does: then the bytes of both do.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(
        self,
        path: Path,
        measure: Role,
        encoding: Encoding = "utf-8",
        least_ns: int = 0,
        writer: Writer = AT_ONCE,
        key: str = "output.status_file",
        *,
        both: bool = False,
    ) -> None:
        super().__init__(path, key, encoding, writer)
        self._slices = SliceReader(measure, least_ns, both=both)
        self._file.write_line(STATUS_COLUMNS)

    def status(self, snapshot: RunSnapshot) -> None:
        """Write the row of the slice that ends here."""
        row = self._slices.read(snapshot)
        if row is None:
            return
        frames = row.frames
        self._file.write_line(
            f"{seconds(row.ended_ns)},{row.bits_per_second},{row.open_streams},"
            f"{frames.completed},{frames.dropped},{frames.repeated},{frames.error}"
        )
        self._file.flush()
