"""The jitter log: a CSV row per rendered frame, in the original's columns; one file for each receiving stream."""

from __future__ import annotations

import os
from pathlib import Path

from cts.errors import UserError
from cts.metrics.jitter import InFlightTimes
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Role
from cts.protocol.wire import NANOSECONDS_PER_TICK, TICKS_PER_SECOND
from cts.records.log_file import Encoding, LogFile
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.records.writers import AT_ONCE, Writer

__all__ = ["JITTER_COLUMNS", "MAX_JITTER_FILES", "JitterLog"]

JITTER_COLUMNS = (
    "SequenceNumber,SenderQpc,SenderQpf,ReceiverQpc,ReceiverQpf,RelativeInFlightTimeMs,PrevToCurrentInFlightTimeJitter"
)
MAX_JITTER_FILES = 1000
KEY = "output.jitter_file"


class _StreamRows:
    """Rows of one stream; its file is made when the first one comes."""

    def __init__(self) -> None:
        self.file: LogFile | None = None
        self.times = InFlightTimes()
        self.without_file = False

    def row(self, frame: RenderedFrame) -> str:
        """Return the row of a completed or dropped frame."""
        if frame.verdict is Verdict.COMPLETED:
            receiver_qpc = frame.received_ns // NANOSECONDS_PER_TICK
            times = self.times.add(frame.sender_qpc, frame.sender_qpf, receiver_qpc, TICKS_PER_SECOND)
            if times is not None:
                return (
                    f"{frame.sequence},{frame.sender_qpc},{frame.sender_qpf},{receiver_qpc},{TICKS_PER_SECOND},"
                    f"{times.relative_ms:.3f},{times.jitter_ms:.3f}"
                )
        return f"{frame.sequence},0,0,0,0,0.000,0.000"


class JitterLog(Observer):
    """Rows of every receiving stream's frames: all zeros for a dropped frame, none for a repeated one.

    Args:
        path: the CSV file. Unless ``single`` and for the first receiving stream, the stream's number goes before the suffix:
            ``jitter.csv`` becomes ``jitter-3.csv``.
        single: whether one receiving stream is expected; its file is opened at once.
        encoding: see :data:`cts.records.log_file.Encoding`.
        max_files: streams that get a file; those beyond are counted (:meth:`notes`).
        writer: who writes.
        key: what asked for it, for messages.

    Raises:
        UserError: the file (or, with several, the directory) cannot be written to.
    """

    wants_frames = True

    def __init__(
        self,
        path: Path,
        *,
        single: bool,
        encoding: Encoding = "utf-8",
        max_files: int = MAX_JITTER_FILES,
        writer: Writer = AT_ONCE,
        key: str = KEY,
    ) -> None:
        self._path = path
        self._key = key
        self._encoding: Encoding = encoding
        self._max_files = max_files
        self._writer = writer
        self._began_ns = 0
        self._files: list[LogFile] = []
        self._omitted = 0
        self._unusable = 0
        self._streams: dict[int, _StreamRows] = {}
        self._single: LogFile | None = None
        self._unclaimed: LogFile | None = None
        if single:
            self._single = self._unclaimed = self._make_file(path, hold_open=True)
        elif not os.access(path.parent, os.W_OK | os.X_OK):
            raise UserError(f"{key}: cannot write '{path}': '{path.parent}' is not a directory that can be written to")

    def run_began(self, began_ns: int) -> None:
        """Note when, for messages."""
        self._began_ns = began_ns
        for file in self._files:
            file.began_ns = began_ns

    def stream_opened(self, stream: StreamInfo) -> None:
        """Take note of a receiving stream."""
        if stream.role is Role.RECEIVER:
            rows = self._streams[stream.number] = _StreamRows()
            rows.file, self._unclaimed = self._unclaimed, None

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Write the frame's row."""
        rows = self._streams.get(stream.number)
        if rows is None or frame.verdict is Verdict.REPEATED or rows.without_file:
            return
        if rows.file is None:
            rows.file = self._file_of(stream)
            if rows.file is None:
                rows.without_file = True
                return
        rows.file.write_line(rows.row(frame))

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Close the stream's file."""
        rows = self._streams.pop(stream.number, None)
        if rows is not None:
            self._finish(rows)

    def status(self, snapshot: RunSnapshot) -> None:
        """Write out what has been gathered for a single stream; many small files are written when they have enough."""
        if self._single is not None:
            self._single.flush()

    def closing(self) -> None:
        """Close every file."""
        for rows in self._streams.values():
            self._finish(rows)
        self._streams.clear()
        if self._single is not None:
            self._single.close()

    def abandoned(self) -> None:
        """Close without writing."""
        if self._single is not None:
            self._single.abandon()

    def failures(self) -> tuple[str, ...]:
        """Return why a file is not whole."""
        return tuple([file.failure for file in self._files if file.failure is not None][:1])

    def notes(self) -> tuple[str, ...]:
        """Return what the user has to know: streams without a file, stamps that made no sense."""
        notes = []
        if self._omitted:
            notes.append(f"{self._key}: {self._omitted} streams beyond the first {self._max_files} have no file")
        if self._unusable:
            notes.append(
                f"{self._key}: {self._unusable} completed frames are logged as zeros: their senders' clocks make no sense"
            )
        return tuple(notes)

    def _file_of(self, stream: StreamInfo) -> LogFile | None:
        if len(self._files) >= self._max_files:
            self._omitted += 1
            return None
        return self._make_file(self._path.with_name(f"{self._path.stem}-{stream.number}{self._path.suffix}"))

    def _make_file(self, path: Path, *, hold_open: bool = False) -> LogFile:
        # Many streams' files are not held open: their descriptors are wanted for sockets.
        file = LogFile(path, self._key, self._encoding, hold_open=hold_open, writer=self._writer)
        file.began_ns = self._began_ns
        self._files.append(file)
        file.write_line(JITTER_COLUMNS)
        return file

    def _finish(self, rows: _StreamRows) -> None:
        self._unusable += rows.times.unusable
        if rows.file is not None:
            rows.file.close()
