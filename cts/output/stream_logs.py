"""The logs of ended streams: the connection log, a CSV row for each, and the error log, a line of text for each that failed."""

from __future__ import annotations

from pathlib import Path

from cts.output.figures import seconds
from cts.records.log_file import Encoding, LogObserver
from cts.records.results import StreamResult
from cts.records.snapshots import Outcome, StreamInfo
from cts.records.writers import AT_ONCE, Writer

__all__ = ["CONNECTION_COLUMNS", "ConnectionLog", "ErrorLog"]

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
        writer: who writes.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, encoding: Encoding = "utf-8", writer: Writer = AT_ONCE) -> None:
        super().__init__(path, "output.connection_file", encoding, writer)
        self._file.write_line(CONNECTION_COLUMNS)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write the stream's row."""
        frames = result.counts.frames
        self._file.write_line(
            f"{seconds(result.ended_ns - self._began_ns)},{result.local},{result.remote},{result.bits_per_second},"
            f"{frames.completed},{frames.dropped},{frames.repeated},{frames.error},"
            f"{result.result.translate(_UNQUOTABLE)},{result.connection_id}"
        )


class ErrorLog(LogObserver):
    """Writes ``[seconds] role local - remote [id]: result`` for each stream that did not succeed.

    Args:
        path: the file; what it held is lost.
        encoding: ``utf-8`` or ``utf-16``.
        writer: who writes.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, encoding: Encoding = "utf-8", writer: Writer = AT_ONCE) -> None:
        super().__init__(path, "output.error_file", encoding, writer)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write a line if it failed."""
        if result.outcome is not Outcome.SUCCESSFUL:
            time = seconds(result.ended_ns - self._began_ns)
            ends = f"{result.local} - {result.remote} [{result.connection_id}]"
            self._file.write_line(f"[{time}] {result.role.value} {ends}: {' '.join(result.result.split())}")
