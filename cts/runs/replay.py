"""``cts replay``: a run's report and its logs once more, from its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import astuple, evolve, frozen

from cts.api import Outcome, RenderedFrame, Role, StreamResult, StreamSnapshot
from cts.config.expect_table import EXPECTED_AT_MOST, Expectations, with_expectations
from cts.config.files_read import refuse_same
from cts.config.problems import shown
from cts.engine.stream_ends import StreamLedger
from cts.errors import UserError, tell_together
from cts.expectations.expectation import parse_expectation
from cts.metrics.counters import ArrivalTotals, sum_of_known
from cts.metrics.frame_record import MissedRecord
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import PlayoutSum
from cts.output.figures import seconds
from cts.output.jitter_log import JitterLog
from cts.output.status_log import StatusLog
from cts.output.stream_logs import ConnectionLog, ErrorLog
from cts.records.earlier_events import LACKING
from cts.records.events_header import RunHeader
from cts.records.events_replay import EventsReplay
from cts.records.measures import StreamMeasures
from cts.records.observer import Observer
from cts.records.reported_end import OpenEnd, ReportedEnd
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import result_of
from cts.units import counted

__all__ = ["LOG_OPTIONS", "Replayed", "replay"]

_MEASURED_AT_MOST = 65_536
"""Streams at once, as many as ``run.measured_streams`` can be: of those beyond, nothing is known."""
LOG_OPTIONS = ("status", "connection", "jitter", "errors")
"""Logs that can be written again."""


@frozen
class Replayed:
    """What came of it.

    Attributes:
        header: what the run was told.
        report: what the run reported; of a run whose end is missing, what can be known of it.
        notes: what a person should hear of the logs.
        missing: what the events lack, each in words that go on from their name.
    """

    header: RunHeader
    report: RunReport
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """0: the events are whole, whatever the run came to; 1: something is missing."""
        return 1 if self.missing else 0


def replay(
    events: Path,
    logs: Mapping[str, Path],
    expect: Sequence[str] = (),
    *,
    watch: Callable[[RunHeader], Sequence[Observer]] = lambda header: (),
    oldest: int = 2,
) -> Replayed:
    """Recompute what a run reported, and write logs of it.

    Args:
        events: its events log.
        logs: by names of :data:`LOG_OPTIONS`, which logs to write.
        expect: what is expected beside what was.
        watch: given what the run was told, returns who else is told of what happened in it.
        oldest: the lowest schema of events that will do; those of schema 1 tell of no datagrams.

    Raises:
        UserError: the events cannot be read, are none, or a log cannot be written; or no run can be expected to be so.
    """
    with_expectations((), expect)
    recording = EventsReplay(events, oldest=oldest)
    header = recording.header
    expected, unknown = _expected(header)
    expected = with_expectations(expected, expect)
    others = {"EVENTS": events}
    for name, path in logs.items():
        refuse_same(f"--{name}", path, others)
        others[f"--{name}"] = path
    writers = _opened(header, logs)
    ends = _Ends(header)
    everybody = _Everybody((ends, *writers, *watch(header)))
    with ExitStack() as stack:
        for writer in reversed(writers):
            stack.callback(writer.closing)
        end = recording.tell(everybody)
        missing = _missing(end, header.schema)
        failures = [*end.failures, *(f"events: {text}" for text in missing)]
        for open_end in end.open:
            result = ends.cut_off(open_end, header.began_ns + end.latest_ns)
            is_measured = header.measures(result.role)
            (everybody.stream_ended if is_measured else everybody.other_end_ended)(open_end.info, result)
        report = evolve(_report(header, ends, end, failures), expectations=expected)
        for result in ends.ledger.lone:
            everybody.lone_end(result)
        for failure in end.failures:
            everybody.run_failed(failure)
    if failed := [failure for writer in writers for failure in writer.failures()]:
        raise UserError("\n".join(failed))
    return Replayed(header, report, (*unknown, *(note for writer in writers for note in writer.notes())), missing)


class _Everybody(Observer):
    """Tells several observers what a replay tells."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._frame_observers = [observer for observer in observers if observer.wants_frames]

    def run_began(self, began_ns: int) -> None:
        for observer in self._observers:
            observer.run_began(began_ns)

    def stream_opened(self, stream: StreamInfo) -> None:
        for observer in self._observers:
            observer.stream_opened(stream)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        for observer in self._frame_observers:
            observer.frame_rendered(stream, frame)

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        for observer in self._frame_observers:
            observer.data_missed(stream, record)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        for observer in self._observers:
            observer.stream_ended(stream, result)

    def other_end_opened(self, stream: StreamInfo) -> None:
        for observer in self._observers:
            observer.other_end_opened(stream)

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        for observer in self._observers:
            observer.other_end_ended(stream, result)

    def status(self, snapshot: RunSnapshot) -> None:
        for observer in self._observers:
            observer.status(snapshot)

    def lone_end(self, result: StreamResult) -> None:
        for observer in self._observers:
            observer.lone_end(result)

    def run_failed(self, failure: str) -> None:
        for observer in self._observers:
            observer.run_failed(failure)


class _Ends(Observer):
    """Lays the ends of streams together and measures them, as the run did."""

    wants_frames = True

    def __init__(self, header: RunHeader) -> None:
        self._began_ns = header.began_ns
        self._measures_role = header.measures
        self._plan = header.plan
        self._measures: dict[StreamInfo, StreamMeasures] = {}
        self.total = StreamSnapshot()
        self.playout = PlayoutSum()
        self.metrics: MediaTotals | None = None
        self.ledger = StreamLedger(
            header.measured, header.direction.client_role, header.here is None, header.role == "client"
        )

    def stream_opened(self, stream: StreamInfo) -> None:
        self.ledger.opened_as(stream.number, stream.local, stream.remote, stream.role, stream.opened_ns)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        if frame.record is not None:
            self._measures_of(stream).frame(frame.record)

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        self._measures_of(stream).missed(record)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        if self._measures_role(result.role):
            self.total += result.counts
            if result.role is Role.RECEIVER and result.counted and result.measured:
                result = self._measures_of(stream).concluded(result)
            self._measures.pop(stream, None)
            self.playout.add(result.playout)
            self.metrics = sum_of_known((self.metrics, result.metrics))
        self.ledger.ended(stream.number, result)

    other_end_opened = stream_opened
    other_end_ended = stream_ended

    def _measures_of(self, stream: StreamInfo) -> StreamMeasures:
        measures = self._measures.get(stream)
        if measures is None:
            measures = StreamMeasures(stream.plan or self._plan)
            if len(self._measures) < _MEASURED_AT_MOST:
                self._measures[stream] = measures
        return measures

    def cut_off(self, end: OpenEnd, now_ns: int) -> StreamResult:
        """Return the result of a stream that ends with the events."""
        info, counts = end.info, end.counts
        result = result_of(
            info.local,
            info.remote,
            info.role,
            connection_id=None,
            outcome=(Outcome.CANCELLED, "Cancelled: the events end before it does"),
            life_ns=(self._began_ns + info.opened_ns, now_ns),
            # What frames tell is of the time for which they were sent: a buffer's depth less than its life.
            measured_ns=counts.frames.rendered * end.plan.interval_ns,
            counts=counts,
        )
        if info in self._measures:
            result = self._measures[info].concluded(result)
        return evolve(result, counted=False, plan=info.plan)


def _expected(header: RunHeader) -> tuple[Expectations, list[str]]:
    """Return what was expected of the run, and what is not understood of it, as of metrics that came later."""
    known, unknown = [], []
    for text in header.expected[:EXPECTED_AT_MOST]:
        try:
            known.append(parse_expectation(text, recorded=True))
        except ValueError as error:
            unknown.append(f"note: what was expected is not understood: {shown(text)}: {error}")
    return Expectations(known), unknown


def _opened(header: RunHeader, logs: Mapping[str, Path]) -> list[Observer]:
    """Open the logs, as the run did."""
    plan, encoding = header.plan, header.encoding
    least_ns = (
        plan.interval_ns if header.status_interval_ns is None else min(plan.interval_ns, header.status_interval_ns)
    )
    makers: dict[str, Callable[[Path, str], Observer]] = {
        "status": lambda path, key: StatusLog(
            path, header.measured, encoding, least_ns, key=key, both=header.role == "server"
        ),
        "connection": lambda path, key: ConnectionLog(path, encoding, key=key),
        "jitter": lambda path, key: JitterLog(path, single=header.expected_streams == 1, encoding=encoding, key=key),
        "errors": lambda path, key: ErrorLog(path, encoding, key=key),
    }
    opened: list[Observer] = []
    mistakes: list[UserError] = []
    with ExitStack() as undo:
        for name in LOG_OPTIONS:
            if name not in logs:
                continue
            try:
                opened.append(makers[name](logs[name], f"--{name}"))
            except UserError as mistake:
                mistakes.append(mistake)
            else:
                undo.callback(opened[-1].abandoned)
        tell_together(mistakes)
        undo.pop_all()
    return opened


def _missing(end: ReportedEnd, schema: int) -> tuple[str, ...]:
    texts = [f"is of schema 1, which lacks {LACKING}"] if schema == 1 else []
    if _was_killed(end, schema):
        streams = f", with {counted(len(end.open), 'end')} of streams open" if end.open else ""
        texts.append(
            f"ends at {seconds(end.latest_ns)} s{streams}: the run was killed or failed, or the file was cut off; how late "
            "frames were sent, how the host served it, its buffers, its notes and who answered are not known"
        )
    elif not end.is_whole:
        texts.append("lacks run_ended, the last line: whether the run was interrupted is not known")
    texts += [f"is not whole: {what}: {count:,}" for what, count in end.missing.items()]
    return tuple(texts)


def _was_killed(end: ReportedEnd, schema: int) -> bool:
    """Tell whether a run did not come to its end: then it reported nothing, which no run of schema 1 did."""
    return not (end.is_whole if schema == 1 else end.has_report)


def _report(header: RunHeader, ends: _Ends, end: ReportedEnd, failures: Sequence[str]) -> RunReport:
    snapshot, ledger = end.snapshot, ends.ledger
    if _was_killed(end, header.schema):
        # What ran is cut off, and among the outcomes.
        snapshot = evolve(snapshot, open_streams=0, outcomes=+ledger.outcomes, interrupted=True)
    if not end.has_report or end.missing:
        snapshot = evolve(snapshot, counts=_at_least(snapshot.counts, ends.total))
    report = ledger.report(
        role=header.role,
        direction=header.direction,
        plan=header.plan,
        profile=header.profile,
        seed=header.seed,
        began_ns=header.began_ns,
        snapshot=snapshot,
    )
    return evolve(
        report,
        events_ended=_was_killed(end, header.schema),
        elapsed_ns=end.latest_ns if _was_killed(end, header.schema) else report.elapsed_ns,
        failures=tuple(failures),
        answered=tuple(end.answered),
        send_lateness=end.send_lateness,
        buffers=end.buffers,
        late=end.late,
        notes=tuple(end.notes),
        hosts=None if end.hosts is None else tuple(end.hosts),
        playout=ends.playout.playout,
        metrics=ends.metrics,
        provenance=header.provenance,
    )


def _at_least(status: StreamSnapshot, streams: StreamSnapshot) -> StreamSnapshot:
    """Return the counts of a run of which events are missing: those of its streams, and what a status knows beyond."""
    return evolve(
        streams,
        frames=evolve(streams.frames, error=max(status.frames.error, streams.frames.error)),
        bytes_received=max(status.bytes_received, streams.bytes_received),
        bytes_on_time=max(status.bytes_on_time, streams.bytes_on_time),
        bytes_sent=max(status.bytes_sent, streams.bytes_sent),
        arrivals=ArrivalTotals(*map(max, astuple(status.arrivals), astuple(streams.arrivals))),
    )
