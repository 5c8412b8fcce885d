"""The connection log: a CSV row per ended stream, in the original's columns."""

from __future__ import annotations

from pathlib import Path

from cts.output.figures import seconds
from cts.records.log_file import Encoding, LogFile, LogObserver
from cts.records.results import StreamResult
from cts.records.snapshots import StreamInfo

__all__ = ["CONNECTION_COLUMNS", "ConnectionLog"]

CONNECTION_COLUMNS = (
    "TimeSlice,LocalAddress,RemoteAddress,Bits/Sec,Completed,Dropped,Repeated,Errors,Result,ConnectionId"
)
# Nothing is quoted, so nothing that ends a field or a line may stand in one.
_UNQUOTABLE = str.maketrans({",": " ", "\n": " ", "\r": " "})


class ConnectionLog(LogObserver):
    """A row per ended stream, in the order of ending; written out at each status.

    Args:
        path: the CSV file.
        encoding: see :data:`cts.records.log_file.Encoding`.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, encoding: Encoding = "utf-8") -> None:
        super().__init__(LogFile(path, "output.connection_file", encoding))
        self._began_ns = 0
        self._file.write_line(CONNECTION_COLUMNS)

    def run_began(self, began_ns: int) -> None:
        """Count ``TimeSlice`` from here."""
        self._began_ns = began_ns

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write the stream's row."""
        frames = result.counts.frames
        self._file.write_line(
            f"{seconds(result.ended_ns - self._began_ns)},{result.local},{result.remote},{result.bits_per_second},"
            f"{frames.completed},{frames.dropped},{frames.repeated},{frames.error},"
            f"{result.result.translate(_UNQUOTABLE)},{result.connection_id}"
        )
