"""The events log: everything that an observer is told, as JSON lines. The schema is in ``docs/events.md``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define

from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame
from cts.protocol.roles import Role
from cts.records.event_values import (
    HISTOGRAMS,
    buffers_written,
    counts_written,
    due_written,
    histogram_written,
    host_written,
    late_written,
    percentiles_written,
    unsent_written,
)
from cts.records.events_header import plan_written
from cts.records.frame_events import EXTENTS_A_LINE, extents_written, missed_written, record_written
from cts.records.gzip_stream import is_packed
from cts.records.log_file import LogObserver
from cts.records.peer_events import peer_written, peers_written
from cts.records.results import RunReport
from cts.records.snapshots import Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult
from cts.records.writers import AT_ONCE, Writer

__all__ = ["EVENTS_SCHEMA", "EventsLog"]

EVENTS_SCHEMA = 2
"""Rises when a key changes its meaning or goes; new keys do not raise it."""

_NOTHING_CAME = '"received_ns":null,"sender_qpc":null,"sender_qpf":null'

_encode = json.JSONEncoder(separators=(",", ":")).encode


@define(eq=False)
class _Told:
    """Frames of a stream that events tell of, and their bytes."""

    frames: int = 0
    size: int = 0


class EventsLog(LogObserver):
    """One JSON object a line, keys in fixed order, all times in nanoseconds since the run began; always UTF-8 with LF.

    Args:
        path: the file; written as gzip if its name ends in ``.gz``.
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
        super().__init__(path, "output.events_file", writer=writer, packed=is_packed(path))
        self._settings = settings
        self._unix_ns = unix_ns
        self._last = RunSnapshot(0, 0, StreamSnapshot())
        self._closed = False
        self._lines = 0
        self._told: dict[int, _Told] = {}

    def run_began(self, began_ns: int) -> None:
        """Write ``run_began``; later times count from here."""
        super().run_began(began_ns)
        clocks = {"began_unix_ns": self._unix_ns(), "began_ns": began_ns}
        self._write("run_began", 0, {"schema": EVENTS_SCHEMA, **clocks, **self._settings})

    def stream_opened(self, stream: StreamInfo) -> None:
        """Write ``stream_opened``."""
        ends = {"local": str(stream.local), "remote": str(stream.remote), "role": stream.role.value}
        own = {} if stream.plan is None else {"plan": plan_written(stream.plan)}
        self._write("stream_opened", stream.opened_ns, {"stream": stream.number, **ends, **own})

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Write ``frame``."""
        told = self._told.get(stream.number)
        if told is None:
            told = self._told[stream.number] = _Told()
        told.frames += 1
        told.size += frame.size
        began_ns = self._began_ns
        came, last = _NOTHING_CAME, None
        if frame.size > 0:
            last = frame.received_ns, frame.sender_qpc, frame.sender_qpf
            stamp = f'"sender_qpc":{frame.sender_qpc},"sender_qpf":{frame.sender_qpf}'
            came = f'"received_ns":{frame.received_ns - began_ns},{stamp}'
        if (record := frame.record) is not None:
            if len(record.extents) > EXTENTS_A_LINE:
                record = record._replace(extents=self._tell_extents(stream, record.extents))
            came += record_written(record, frame.size, last, began_ns)
        # Written out, since there is one for every frame: in a quarter of the time that an encoder takes.
        self._write_text(
            f'{{"event":"frame","time_ns":{frame.due_ns - began_ns},"stream":{stream.number},"sequence":{frame.sequence},'
            f'"verdict":"{frame.verdict.value}","size":{frame.size},{came}}}'
        )

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Write ``missed``."""
        if len(record.extents) > EXTENTS_A_LINE:
            record = record._replace(extents=self._tell_extents(stream, record.extents))
        time_ns = record.received_ns - self._began_ns
        self._write_text(
            f'{{"event":"missed","time_ns":{time_ns},"stream":{stream.number},"sequence":{record.sequence},'
            f"{missed_written(record)}}}"
        )

    def _tell_extents(self, stream: StreamInfo, extents: tuple[int, ...]) -> tuple[int, ...]:
        """Write those that one line has no room for; return the rest."""
        first, rest = extents[:-EXTENTS_A_LINE], extents[-EXTENTS_A_LINE:]
        for told in extents_written(first):
            self._write_text(
                f'{{"event":"extents","time_ns":{self._last.elapsed_ns},"stream":{stream.number},"extents":{told}}}'
            )
        return rest

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
                **counts_written(result.counts),
                "unreachable": result.counts.unreachable,
                "remark": result.remark,
                "bytes_of_no_frame": result.counts.bytes_of_no_frame,
                "due": due_written(result.counts.due),
                "send_lateness": percentiles_written(result.send_lateness),
                "counted": result.counted,
                "untold": self._untold(stream, result),
                "measured": result.measured,
                **peer_written(result.peer),
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
                **counts_written(snapshot.counts),
                "unsent": unsent_written(snapshot.unsent),
                "outcomes": {outcome.value: snapshot.outcomes.get(outcome, 0) for outcome in Outcome},
                "refused": dict(sorted(snapshot.refused.items())),
                "overflowed": snapshot.overflowed,
                "unreachable": snapshot.unreachable,
                "bytes_of_no_frame": snapshot.counts.bytes_of_no_frame,
                "due": due_written(snapshot.counts.due),
                **peers_written(snapshot.counts.peers),
            },
        )
        super().status(snapshot)

    def reported(self, report: RunReport) -> None:
        """Write what only the end of a run tells."""
        now_ns = self._last.elapsed_ns
        hosts = report.hosts
        ends = {"buffers": buffers_written(report.buffers), "after_giving_up": late_written(report.late)}
        self._write("run_report", now_ns, {**ends, "hosts": None if hosts is None else len(hosts)})
        for address in report.answered:
            self._write("answered", now_ns, {"address": str(address)})
        for note in report.notes:
            self._write("noted", now_ns, {"note": note})
        for part in histogram_written(report.send_lateness):
            self._write("histogram", now_ns, {"of": HISTOGRAMS[0], "host": None, **part})
        for number, host in enumerate(hosts or ()):
            self._write("host", now_ns, {"host": number, **host_written(host)})
            for name in HISTOGRAMS:
                for part in histogram_written(getattr(host, name)):
                    self._write("histogram", now_ns, {"of": name, "host": number, **part})
        self._file.flush()

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
                self._write("run_ended", last.elapsed_ns, {**how, "lines": self._lines})
        super().closing()

    def _untold(self, stream: StreamInfo, result: StreamResult) -> dict[str, int] | None:
        """Return what counts of a stream though no frame event tells of it; None for a sender, and where it is not known."""
        if result.role is not Role.RECEIVER:
            return None
        told = self._told.pop(stream.number, None) or _Told()
        frames, size = result.counts.frames.rendered - told.frames, result.counts.bytes_on_time - told.size
        # Of what is cut off in the middle of something less may be known at the end than before.
        return {"frames": frames, "bytes_on_time": size} if min(frames, size) >= 0 and result.counted else None

    def _write(self, event: str, time_ns: int, rest: Mapping[str, object]) -> None:
        self._write_text(_encode({"event": event, "time_ns": time_ns, **rest}))

    def _write_text(self, line: str) -> None:
        self._lines += 1
        self._file.write_line(line)
