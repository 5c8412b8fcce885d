"""The logs of ended streams: the connection log, a CSV row for each, and the error log, a line of text for each that failed."""

from __future__ import annotations

from pathlib import Path

from cts.output.figures import seconds
from cts.records.log_file import Encoding, LogObserver
from cts.records.snapshots import Outcome, RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.records.writers import AT_ONCE, Writer

__all__ = ["CONNECTION_COLUMNS", "ConnectionLog", "ErrorLog"]

CONNECTION_COLUMNS = (
    "TimeSlice,LocalAddress,RemoteAddress,Bits/Sec,Completed,Dropped,Repeated,Errors,Result,ConnectionId"
)
# Nothing is quoted, so nothing that ends a field or a line may stand in one.
_UNQUOTABLE = str.maketrans({",": " ", "\n": " ", "\r": " "})


class ConnectionLog(LogObserver):
    """A row per ended stream, of its measured end, in the order of ending; written out at each status.

    Args:
        path: the CSV file.
        encoding: see :data:`cts.records.log_file.Encoding`.
        writer: who writes.
        key: what asked for it, for messages.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding = "utf-8",
        writer: Writer = AT_ONCE,
        key: str = "output.connection_file",
    ) -> None:
        super().__init__(path, key, encoding, writer)
        self._file.write_line(CONNECTION_COLUMNS)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write the stream's row."""
        self.lone_end(result)

    def lone_end(self, result: StreamResult) -> None:
        """Write the row of a stream by the only end that it had."""
        frames = result.counts.frames
        self._file.write_line(
            f"{seconds(result.ended_ns - self._began_ns)},{result.local},{result.remote},{result.bits_per_second},"
            f"{frames.completed},{frames.dropped},{frames.repeated},{frames.error},"
            f"{result.result.translate(_UNQUOTABLE)},{result.connection_id}"
        )


class ErrorLog(LogObserver):
    """Writes ``[seconds] role local - remote [id]: result`` for each stream that did not succeed, and for its other end if
    that failed; ``[seconds] run: failure`` for what went wrong with the run itself.

    Args:
        path: the file; what it held is lost.
        encoding: ``utf-8`` or ``utf-16``.
        writer: who writes.
        key: what asked for it, for messages.

    Raises:
        UserError: the file cannot be written.
    """

    hears_failures = True

    def __init__(
        self,
        path: Path,
        encoding: Encoding = "utf-8",
        writer: Writer = AT_ONCE,
        key: str = "output.error_file",
    ) -> None:
        super().__init__(path, key, encoding, writer)
        self._elapsed_ns = 0

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write a line if it failed."""
        self._tell(result)

    def _tell(self, result: StreamResult) -> None:
        if result.outcome is not Outcome.SUCCESSFUL:
            time = seconds(result.ended_ns - self._began_ns)
            ends = f"{result.local} - {result.remote} [{result.connection_id}]"
            self._file.write_line(f"[{time}] {result.role.value} {ends}: {' '.join(result.result.split())}")

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write a line if it failed; where the whole stream was cut short, its measured end says so."""
        if result.failed:
            self._tell(result)

    def lone_end(self, result: StreamResult) -> None:
        """Write a line unless it failed, which has been told."""
        if not result.failed:
            self._tell(result)

    def status(self, snapshot: RunSnapshot) -> None:
        """Write out what has been gathered."""
        self._elapsed_ns = snapshot.elapsed_ns
        super().status(snapshot)

    def run_failed(self, failure: str) -> None:
        """Write a line, and it out."""
        self._file.write_line(f"[{seconds(self._elapsed_ns)}] run: {' '.join(failure.split())}")
        self._file.flush()
