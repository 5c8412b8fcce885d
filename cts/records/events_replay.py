"""Reads an events log back, and tells an observer what those who watched the run were told. ``docs/events.md`` defines it."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Role
from cts.records.earlier_events import LACKING, as_schema_2
from cts.records.event_values import counts_read, percentiles_read, read_address, snapshot_read
from cts.records.events_header import RunHeader, is_torn, read_header, read_plan_of_stream
from cts.records.frame_events import EXTENTS_AT_MOST, extents_read, missed_read, record_read
from cts.records.json_lines import Fields, LineReader
from cts.records.observer import Observer
from cts.records.peer_events import peer_read
from cts.records.reported_end import OpenEnd, ReportedEnd
from cts.records.snapshots import Outcome, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult

__all__ = ["EventsReplay"]

_SCHEMA = 2
_OPEN_AT_MOST = 1 << 16
"""Streams that may be open: as many as an address has ports."""
_ENDS_AT_MOST = 64
"""Ends of one stream and side that may be open: a server may have two."""
_USUAL_LENGTH = 2048
_KEPT_BESIDE = 256
"""What any event that is kept to the end takes."""
_LENGTH_BEYOND = 1 << 26
"""Characters, beyond what is usual, of all lines of which something is kept to the end."""

_VERDICTS = {each.value: each for each in Verdict}
_ROLES = {each.value: each for each in Role}
_OUTCOMES = {each.value: each for each in Outcome}
_VERDICT_NAMES, _ROLE_NAMES, _OUTCOME_NAMES = tuple(_VERDICTS), tuple(_ROLES), tuple(_OUTCOMES)


class EventsReplay:
    """An events log of schema 2.

    Args:
        path: the file, gzip or not.
        oldest: the lowest schema that will do: 1 for who gets along without what that lacks, 0 and nothing in its place.

    Attributes:
        header: what the run was told.

    Raises:
        UserError: the file cannot be read, or is no such log, now or while it is told.
    """

    def __init__(self, path: Path, *, oldest: int = _SCHEMA) -> None:
        schemas = f"schema {_SCHEMA}" if oldest == _SCHEMA else f"schema {oldest} or {_SCHEMA}"
        self._reader = LineReader(path, f"an events log of {schemas}")
        self._lines = iter(self._reader)
        first = next(self._lines, None)
        if first is None or is_torn(first):
            raise self._reader.unusable("is empty" if first is None else "was cut short within its first line")
        self.header: RunHeader = read_header(self._reader, self._reader.fields(first))
        if self.header.schema < oldest:
            raise self._reader.unusable(f"is of schema {self.header.schema}, which lacks {LACKING}")
        self._began_ns = self.header.began_ns
        self._open: dict[tuple[int, Role], list[OpenEnd]] = {}
        self._end = ReportedEnd()
        self._room = _LENGTH_BEYOND

    def tell(self, observer: Observer) -> ReportedEnd:
        """Tell of streams, frames and statuses in their order, once; return what the end of the run told."""
        observer.run_began(self._began_ns)
        end = self._end
        for line in self._lines:
            if end.is_whole:
                raise self._reader.refused("comes after run_ended")
            if is_torn(line):
                break
            fields = self._reader.fields(line)
            event = fields.text("event")
            if event == "frame":
                self._frame(fields, observer)
            elif event == "missed":
                self._missed(fields, observer)
            else:
                self._keep(len(line))
                self._event(event, fields, observer)
        end.conclude([each for ends in self._open.values() for each in ends])
        return end

    def _keep(self, length: int) -> None:
        """Bound what hostile lines can have kept; the numbers of streams and of their results are bounded elsewhere."""
        self._room -= max(0, length - _USUAL_LENGTH)
        if self._room < 0:
            raise self._reader.refused("is one of too many that are long")

    def _event(self, event: str, fields: Fields, observer: Observer) -> None:
        if self.header.schema != _SCHEMA:
            fields = as_schema_2(event, fields)
        if event == "stream_opened":
            self._opened(fields, observer)
        elif event == "stream_ended":
            self._ended(fields, observer)
        elif event == "status":
            snapshot = self._end.snapshot = snapshot_read(fields)
            self._see(snapshot.elapsed_ns)
            observer.status(snapshot)
        elif event == "extents":
            self._take_extents(fields)
        elif event == "run_began":
            raise self._reader.refused("begins a run again")
        else:
            self._keep(_USUAL_LENGTH + _KEPT_BESIDE)
            self._end.take(event, fields, self._reader.number)

    def _see(self, time_ns: int) -> None:
        self._end.latest_ns = max(self._end.latest_ns, time_ns)

    def _opened(self, fields: Fields, observer: Observer) -> None:
        info = StreamInfo(
            number=fields.integer("stream"),
            local=read_address(fields, "local"),
            remote=read_address(fields, "remote"),
            role=_ROLES[fields.one_of("role", _ROLE_NAMES)],
            opened_ns=fields.instant("time_ns"),
            plan=read_plan_of_stream(fields),
        )
        self._see(info.opened_ns)
        self._open_end(info, observer)

    def _open_end(self, info: StreamInfo, observer: Observer) -> OpenEnd:
        is_measured = self.header.measures(info.role)
        ends = self._open.setdefault((info.number, info.role), [])
        if len(ends) >= (1 if is_measured else _ENDS_AT_MOST):
            raise self._reader.refused(f"opens stream {info.number} again")
        if len(self._open) > _OPEN_AT_MOST:
            raise self._reader.refused("opens one of too many streams")
        ends.append(OpenEnd(info, info.plan or self.header.plan))
        (observer.stream_opened if is_measured else observer.other_end_opened)(info)
        return ends[-1]

    def _receiving_end(self, fields: Fields) -> OpenEnd | None:
        ends = self._open.get((fields.integer("stream"), Role.RECEIVER))
        if not ends:
            self._end.missing["events of streams that never began"] += 1
            return None
        return ends[0]

    def _take_extents(self, fields: Fields) -> None:
        """Keep what the next event of that stream has no room for."""
        end = self._receiving_end(fields)
        if end is not None:
            end.extents += extents_read(fields)
            if len(end.extents) > EXTENTS_AT_MOST:
                raise self._reader.refused("tells of too many datagrams that are behind")

    def _missed(self, fields: Fields, observer: Observer) -> None:
        end = self._receiving_end(fields)
        if end is not None:
            record = missed_read(fields, self._began_ns, end.due, end.take_extents())
            end.bytes_after += record.size
            end.bytes_late += record.size if record.fresh == record.datagrams else 0
            self._see(record.received_ns - self._began_ns)
            observer.data_missed(end.info, record)

    def _frame(self, fields: Fields, observer: Observer) -> None:
        end = self._receiving_end(fields)
        if end is None:
            return
        frame = self._rendered(fields, end)
        counts = end.frames
        if frame.verdict is Verdict.COMPLETED:
            counts.completed += 1
        elif frame.verdict is Verdict.DROPPED:
            counts.dropped += 1
        else:
            counts.repeated += 1
        full_size, record = end.plan.frame_size, frame.record
        distinct_size = frame.size if record is None else record.distinct_size
        counts.hidden_losses += distinct_size < full_size <= frame.size
        end.bytes_on_time += frame.size
        end.bytes_due += full_size
        end.bytes_missing += max(0, full_size - distinct_size)
        observer.frame_rendered(end.info, frame)

    def _rendered(self, fields: Fields, end: OpenEnd) -> RenderedFrame:
        began_ns = self._began_ns
        sequence, size = fields.integer("sequence"), fields.integer("size")
        due_ns = began_ns + fields.instant("time_ns")
        if end.last_frame is not None and not (sequence > end.last_frame[0] and due_ns > end.last_frame[1]):
            raise self._reader.refused("tells of a frame that is not behind the one before it")
        if sequence > end.plan.final_frame:
            raise self._reader.refused(f"tells of frame {sequence} of {end.plan.final_frame}")
        end.last_frame = sequence, due_ns
        self._see(due_ns - began_ns)
        received_ns = fields.instant_or_none("received_ns")
        last = None
        if received_ns is not None:
            last = began_ns + received_ns, fields.integer("sender_qpc"), fields.integer("sender_qpf")
        received_ns, qpc, qpf = last or (0, 0, 0)
        record = record_read(fields, sequence, due_ns, size, last, began_ns, end.due, end.take_extents())
        verdict = _VERDICTS[fields.one_of("verdict", _VERDICT_NAMES)]
        return RenderedFrame(sequence, verdict, size, qpc, qpf, received_ns, due_ns, record)

    def _ended(self, fields: Fields, observer: Observer) -> None:
        number, result = fields.integer("stream"), self._result(fields)
        self._see(result.ended_ns - self._began_ns)
        ends = self._open.get((number, result.role), [])
        opened_ns = result.started_ns - self._began_ns
        end = next((each for each in ends if each.info.opened_ns == opened_ns), ends[0] if ends else None)
        if end is None:
            # Its line is missing, and says nothing that this one does not.
            self._end.missing["events of streams that never began"] += 1
            end = self._open_end(StreamInfo(number, result.local, result.remote, result.role, opened_ns), observer)
        elif self._differs(end, result.counts, fields):
            self._end.missing["streams whose frames are not all there"] += 1
        ends = self._open[number, result.role]
        ends.remove(end)
        if not ends:
            del self._open[number, result.role]
        result = evolve(result, plan=end.info.plan)
        tell = observer.stream_ended if self.header.measures(result.role) else observer.other_end_ended
        tell(end.info, result)

    def _differs(self, end: OpenEnd, counts: StreamSnapshot, fields: Fields) -> bool:
        """Tell whether frames are missing: those that are told of, and what was said to be untold, are not what was counted."""
        untold = fields.within_or_none("untold")
        if untold is None:
            return False
        told = end.frames
        dropped = told.dropped + untold.integer("frames")
        frames = FrameTotals(told.completed, dropped, told.repeated, counts.frames.error, told.hidden_losses)
        return frames != counts.frames or end.bytes_on_time + untold.integer("bytes_on_time") != counts.bytes_on_time

    def _result(self, fields: Fields) -> StreamResult:
        counts, peer = counts_read(fields), peer_read(fields)
        return StreamResult(
            connection_id=fields.text("id"),
            local=read_address(fields, "local"),
            remote=read_address(fields, "remote"),
            role=_ROLES[fields.one_of("role", _ROLE_NAMES)],
            outcome=_OUTCOMES[fields.one_of("outcome", _OUTCOME_NAMES)],
            result=fields.text("result"),
            started_ns=self._began_ns + fields.instant("started_ns"),
            ended_ns=self._began_ns + fields.instant("time_ns"),
            bits_per_second=fields.integer("bits_per_second"),
            counts=counts if peer is None else evolve(counts, peers=peer.totals),
            send_lateness=percentiles_read(fields, "send_lateness"),
            remark=fields.text_or_none("remark"),
            counted=fields.flag_or_none("counted") is not False,
            measured=fields.flag_or_none("measured") is not False,
            peer=peer,
        )
