"""The events log: everything that an observer is told, as JSON lines. The schema is in ``docs/events.md``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import asdict

from cts.metrics.unsent import UnsentFrames
from cts.protocol.frames import RenderedFrame
from cts.records.log_file import LogObserver
from cts.records.results import StreamResult
from cts.records.snapshots import Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.writers import AT_ONCE, Writer

__all__ = ["EVENTS_SCHEMA", "EventsLog"]

EVENTS_SCHEMA = 1
"""Rises when a key changes its meaning or goes; new keys do not raise it."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class EventsLog(LogObserver):
    """One JSON object a line, keys in fixed order, all times in nanoseconds since the run began; always UTF-8 with LF.

    Args:
        path: the file.
        settings: what the run was told, for those who read the log without its configuration.
        unix_ns: returns the Unix time in nanoseconds, by which logs of different machines are laid side by side; always 0 in
            a simulation.
        writer: who writes.

    Raises:
        UserError: the file cannot be opened for writing.
    """

    wants_frames = True
    hears_failures = True

    def __init__(
        self, path: Path, settings: Mapping[str, object], unix_ns: Callable[[], int], writer: Writer = AT_ONCE
    ) -> None:
        super().__init__(path, "output.events_file", writer=writer)
        self._settings = settings
        self._unix_ns = unix_ns
        self._last = RunSnapshot(0, 0, StreamSnapshot())
        self._closed = False

    def run_began(self, began_ns: int) -> None:
        """Write ``run_began``; later times count from here."""
        super().run_began(began_ns)
        self._write("run_began", 0, {"schema": EVENTS_SCHEMA, "began_unix_ns": self._unix_ns(), **self._settings})

    def stream_opened(self, stream: StreamInfo) -> None:
        """Write ``stream_opened``."""
        ends = {"local": str(stream.local), "remote": str(stream.remote), "role": stream.role.value}
        self._write("stream_opened", stream.opened_ns, {"stream": stream.number, **ends})

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Write ``frame``."""
        came = frame.size > 0
        self._write(
            "frame",
            frame.due_ns - self._began_ns,
            {
                "stream": stream.number,
                "sequence": frame.sequence,
                "verdict": frame.verdict.value,
                "size": frame.size,
                "received_ns": frame.received_ns - self._began_ns if came else None,
                "sender_qpc": frame.sender_qpc if came else None,
                "sender_qpf": frame.sender_qpf if came else None,
            },
        )

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Write ``stream_ended``."""
        self._write(
            "stream_ended",
            result.ended_ns - self._began_ns,
            {
                "stream": stream.number,
                "id": result.connection_id,
                "local": str(result.local),
                "remote": str(result.remote),
                "role": result.role.value,
                "outcome": result.outcome.value,
                "result": result.result,
                "started_ns": result.started_ns - self._began_ns,
                "bits_per_second": result.bits_per_second,
                **_counts(result.counts),
                "unreachable": result.counts.unreachable,
                "remark": result.remark,
            },
        )

    other_end_opened = stream_opened
    other_end_ended = stream_ended

    def status(self, snapshot: RunSnapshot) -> None:
        """Write ``status``, and everything up to it out."""
        self._last = snapshot
        self._write(
            "status",
            snapshot.elapsed_ns,
            {
                "open_streams": snapshot.open_streams,
                **_counts(snapshot.counts),
                "unsent": _unsent(snapshot.unsent),
                "outcomes": {outcome.value: snapshot.outcomes.get(outcome, 0) for outcome in Outcome},
                "refused": dict(sorted(snapshot.refused.items())),
                "overflowed": snapshot.overflowed,
                "unreachable": snapshot.unreachable,
            },
        )
        super().status(snapshot)

    def run_failed(self, failure: str) -> None:
        """Write ``run_failed``, and it out."""
        self._write("run_failed", self._last.elapsed_ns, {"failure": failure})
        self._file.flush()

    def closing(self) -> None:
        """Write ``run_ended``, which tells a whole log from one that lines are missing from, and close."""
        if not self._closed:
            self._closed = True
            last = self._last
            if self._file.failure is None:
                how = {"cut_off_by_time_limit": last.cut_off_by_time_limit, "interrupted": last.interrupted}
                self._write("run_ended", last.elapsed_ns, how)
        super().closing()

    def _write(self, event: str, time_ns: int, rest: Mapping[str, object]) -> None:
        self._file.write_line(_encode({"event": event, "time_ns": time_ns, **rest}))


def _counts(counts: StreamSnapshot) -> dict[str, object]:
    return {
        "frames": asdict(counts.frames),
        "bytes_received": counts.bytes_received,
        "bytes_sent": counts.bytes_sent,
        "arrivals": asdict(counts.arrivals),
        "unsent": _unsent(counts.unsent),
        "bytes_on_time": counts.bytes_on_time,
    }


def _unsent(unsent: UnsentFrames) -> dict[str, object]:
    return {cause: each._asdict() for cause, each in unsent.items()}
