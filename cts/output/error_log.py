"""The error log: a line of text for every stream that failed, as the original's error file has."""

from __future__ import annotations

from pathlib import Path

from cts.output.figures import seconds
from cts.records.log_file import Encoding, LogFile, LogObserver
from cts.records.results import StreamResult
from cts.records.snapshots import Outcome, StreamInfo

__all__ = ["ErrorLog"]


class ErrorLog(LogObserver):
    """Writes ``[seconds] role local - remote [id]: result`` for each stream that did not succeed.

    Args:
        path: the file; what it held is lost.
        encoding: ``utf-8`` or ``utf-16``.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, encoding: Encoding = "utf-8") -> None:
        super().__init__(LogFile(path, "output.error_file", encoding))
        self._began_ns = 0

    def run_began(self, began_ns: int) -> None:
        """Note when the run began."""
        self._began_ns = began_ns

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write a line if it failed."""
        if result.outcome is not Outcome.SUCCESSFUL:
            time = seconds(result.ended_ns - self._began_ns)
            ends = f"{result.local} - {result.remote} [{result.connection_id}]"
            self._file.write_line(f"[{time}] {result.role.value} {ends}: {' '.join(result.result.split())}")
