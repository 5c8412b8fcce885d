"""Reads what a run reported, for who compares it with what happened: its events log. ``docs/events.md`` defines it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cts.errors import UserError
from cts.protocol.frames import VerdictRule
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.events_header import RunHeader, is_torn, read_header, read_plan_of_stream
from cts.records.frame_events import EXTENTS_AT_MOST, extents_read, missed_read, record_read
from cts.records.json_lines import EVENTS, TRUTH, Fields, LineReader
from cts.records.reported_frames import VERDICTS, ReportedFrame
from cts.records.reported_run import (
    ARRIVALS,
    OUTCOMES,
    ReportedEnd,
    ReportedOtherEnd,
    ReportedStatus,
    ReportedStream,
    RunEvents,
)
from cts.records.stream_results import UNKNOWN_CONNECTION_ID

__all__ = ["read_events"]

_ENDS = ("sender", "receiver")
_OF_STREAMS = ("frame", "missed", "extents", "stream_ended")


def read_events(path: Path, truth_began_unix_ns: int) -> RunEvents:
    """Read an events log, with its times moved to those of a truth.

    Raises:
        UserError: the file cannot be read, is no such log, or not one of the receiving side of that truth's run.
    """
    return _Reading(path, truth_began_unix_ns).run()


class _Reading:
    def __init__(self, path: Path, truth_began_unix_ns: int) -> None:
        self._reader = LineReader(path, "an events log of schema 1 or 2, of the receiving side")
        self._truth_began_unix_ns = truth_began_unix_ns
        self._shift_ns = 0
        self._run_began_ns = 0
        self._plan: StreamPlan | None = None
        self._role = ""
        self._streams: dict[int, ReportedStream] = {}
        self._served: dict[int, ReportedStream] = {}
        self._senders: dict[int, list[ReportedOtherEnd]] = {}
        self._sending: Counter[int] = Counter()
        self._pull = True
        self._greatest = 0
        self._opened_ns = 0
        self._statuses: list[ReportedStatus] = []
        self._ended_ns = 0
        self._cut_off: int | None = None
        self._interrupted: bool | None = None

    def run(self) -> RunEvents:
        reader = self._reader
        lines = iter(reader)
        first = next(lines, None)
        if first is None:
            raise reader.unusable("is empty")
        header = self._began(reader.fields(first))
        complete = False
        for line in lines:
            if complete:
                raise reader.refused("comes after run_ended")
            if is_torn(line):
                break
            complete = self._event(reader.fields(line))
        if header.here is Role.SENDER and not self._streams:
            raise self._judges_no_frames(header)
        lone = self._matched()
        return RunEvents(
            direction=header.direction,
            verify=header.verify,
            by_bytes=header.verdict is VerdictRule.BYTES,
            plan=header.plan,
            streams=tuple(self._streams[number] for number in sorted(self._streams)),
            served=tuple(self._served[number] for number in sorted(self._served)),
            lone=tuple(lone),
            sending=self._sending.total(),
            complete=complete,
            role=header.role,
            seed=header.seed,
            began_ns=self._shift_ns,
            status_interval_ns=header.status_interval_ns,
            statuses=tuple(self._statuses),
            ended_ns=self._ended_ns,
            cut_off=self._cut_off,
            interrupted=self._interrupted,
        )

    def _began(self, fields: Fields) -> RunHeader:
        self._reader.refuse_other(fields, EVENTS, TRUTH)
        header = read_header(self._reader, fields)
        if header.here is Role.SENDER and header.role != "server":
            raise self._judges_no_frames(header)
        if (header.began_unix_ns == 0) != (self._truth_began_unix_ns == 0):
            kinds = ("the real network", "a simulated one")
            mine, theirs = kinds[header.began_unix_ns == 0], kinds[header.began_unix_ns != 0]
            raise self._reader.unusable(f"is of a run on {mine}, and the truth is of {theirs}")
        self._pull = header.direction is Direction.PULL
        self._run_began_ns, self._plan, self._role = header.began_ns, header.plan, header.role
        self._shift_ns = header.began_unix_ns - self._truth_began_unix_ns
        return header

    def _judges_no_frames(self, header: RunHeader) -> UserError:
        return self._reader.unusable(f"is that of a {header.role} that sends, which judges no frames")

    def _event(self, fields: Fields) -> bool:
        """Take in one event; tell whether it is the last."""
        event = fields.text("event")
        if event == "stream_opened":
            self._opened(fields)
        elif event == "stream_ended" and fields.one_of("role", _ENDS) == "sender":
            self._sender_ended(fields)
        elif event in _OF_STREAMS:
            number = fields.integer("stream")
            stream = self._streams.get(number)
            if stream is None or stream.end is not None:
                raise self._reader.refused(f"tells of stream {number}, which is not open")
            if event == "stream_ended":
                stream.end = self._end(fields)
            elif event == "extents":
                stream.extents += extents_read(fields)
                if len(stream.extents) > EXTENTS_AT_MOST:
                    raise self._reader.refused("tells of too many datagrams that are behind")
            else:
                extents, stream.extents = stream.extents, ()
                if event == "frame":
                    self._frame(stream, fields, extents)
                else:
                    record = missed_read(fields, self._run_began_ns, self._due_of(stream), extents)
                    stream.missed.append(record, self._shift_ns - self._run_began_ns)
        elif event == "status":
            self._statuses.append(self._status(fields))
        elif event == "run_began":
            raise self._reader.refused("begins a run again")
        elif event == "run_ended":
            self._ended_ns, self._cut_off = fields.instant("time_ns"), fields.integer_or_none("cut_off_by_time_limit")
            self._interrupted = fields.flag_or_none("interrupted")
        return event == "run_ended"

    def _status(self, fields: Fields) -> ReportedStatus:
        time_ns = fields.instant("time_ns")
        if self._statuses and time_ns <= self._statuses[-1].time_ns:
            raise self._reader.refused("tells a status that is no later than the one before")
        outcomes = fields.within("outcomes")
        return ReportedStatus(
            time_ns=time_ns,
            counts=(
                *_counts(fields),
                fields.integer("open_streams"),
                *(outcomes.integer(outcome) for outcome in OUTCOMES),
            ),
            refused=fields.within("refused").total(),
            unsent=_unsent(fields),
            lost=fields.integer("overflowed") + fields.integer("unreachable"),
        )

    def _opened(self, fields: Fields) -> None:
        number = fields.integer("stream")
        known = number in self._streams or number in self._senders or number in self._served
        if not known and number < self._greatest:
            raise self._reader.refused(f"opens stream {number} after one of a higher number")
        self._greatest = max(number, self._greatest)
        streams = self._streams
        if fields.one_of("role", _ENDS) == "sender":
            if self._role == "client":
                raise self._reader.unusable("has a stream of the other direction than its client's")
            if self._role == "loopback":
                self._senders.setdefault(number, [])
                self._sending[number] += 1
                return
            streams = self._served
        if number in self._streams or number in self._served:
            raise self._reader.refused(f"opens stream {number} again")
        opened_ns = fields.instant("time_ns") + self._shift_ns
        if opened_ns < self._opened_ns and self._truth_began_unix_ns == 0:
            raise self._reader.refused(f"opens stream {number} before one that was told of earlier")
        self._opened_ns = opened_ns
        ends = fields.text("local"), fields.text("remote")
        streams[number] = ReportedStream(number, *ends, opened_ns, read_plan_of_stream(fields))

    def _sender_ended(self, fields: Fields) -> None:
        number = fields.integer("stream")
        served = self._served.get(number)
        if served is not None and served.end is None:
            served.end = self._end(fields)
            return
        if not self._sending[number]:
            raise self._reader.refused(f"tells of the sender of stream {number}, which is not open")
        self._sending[number] -= 1
        self._senders[number].append(
            ReportedOtherEnd(
                number=number,
                client=fields.text("remote" if self._pull else "local"),
                ended_ns=fields.instant("time_ns") + self._shift_ns,
                outcome=fields.one_of("outcome", OUTCOMES),
                connection_id=fields.text("id"),
                bytes_sent=fields.integer("bytes_sent"),
            )
        )

    def _matched(self) -> list[ReportedOtherEnd]:
        """Give each receiving stream its sending ends, by number, else by name; return those that none is there for."""
        apart = {
            stream.end.connection_id: stream
            for number, stream in self._streams.items()
            if stream.end is not None and number not in self._senders
        }
        apart.pop(UNKNOWN_CONNECTION_ID, None)
        lone: list[ReportedOtherEnd] = []
        for number, ends in self._senders.items():
            for end in ends:
                stream = self._streams.get(number) or apart.get(end.connection_id)
                (lone if stream is None else stream.others).append(end)
        return lone

    def _frame(self, stream: ReportedStream, fields: Fields, extents: tuple[int, ...]) -> None:
        began_ns, shift_ns = self._run_began_ns, self._shift_ns
        sequence, due_ns, size = fields.integer("sequence"), fields.instant("time_ns"), fields.integer("size")
        received_ns, qpf = fields.instant_or_none("received_ns"), fields.integer_or_none("sender_qpf")
        stamp = None if qpf is None else (fields.integer("sender_qpc"), qpf)
        frame = ReportedFrame(
            due_ns=due_ns + shift_ns,
            verdict=fields.one_of("verdict", VERDICTS),
            size=size,
            received_ns=None if received_ns is None else received_ns + shift_ns,
            stamp=stamp,
        )
        stream.frames.append(sequence, frame)
        last = None if received_ns is None or stamp is None else (began_ns + received_ns, *stamp)
        record = record_read(fields, sequence, began_ns + due_ns, size, last, began_ns, self._due_of(stream), extents)
        stream.records.append(record, shift_ns - began_ns)

    def _due_of(self, stream: ReportedStream) -> int:
        """Return of how many datagrams a frame of a stream is made."""
        plan = stream.plan or self._plan
        # A hostile line could make the sizes very many.
        return 0 if plan is None else -(-plan.frame_size // plan.datagram_max_size)

    def _end(self, fields: Fields) -> ReportedEnd:
        frames = fields.within("frames")
        return ReportedEnd(
            started_ns=fields.instant("started_ns") + self._shift_ns,
            ended_ns=fields.instant("time_ns") + self._shift_ns,
            connection_id=fields.text("id"),
            outcome=fields.one_of("outcome", OUTCOMES),
            result=fields.text("result"),
            completed=frames.integer("completed"),
            dropped=frames.integer("dropped"),
            repeated=frames.integer("repeated"),
            error=frames.integer("error"),
            bytes_received=fields.integer("bytes_received"),
            bytes_on_time=fields.integer("bytes_on_time"),
            bits_per_second=fields.integer("bits_per_second"),
            counts=_counts(fields),
            ends=(fields.text("local"), fields.text("remote"), fields.text("role")),
            unsent=_unsent(fields),
        )


def _counts(fields: Fields) -> tuple[int | None, ...]:
    frames, arrivals = fields.within("frames"), fields.within("arrivals") if "arrivals" in fields else None
    return (
        *(frames.integer(key) for key in (*VERDICTS, "error")),
        fields.integer("bytes_received"),
        fields.integer("bytes_on_time"),
        fields.integer("bytes_sent"),
        *(None if arrivals is None else arrivals.integer(key) for key in ARRIVALS),
        frames.integer_or_none("hidden_losses"),
        None if arrivals is None else arrivals.integer_or_none("duplicate"),
    )


def _unsent(fields: Fields) -> int:
    if "unsent" not in fields:
        return 0
    unsent = fields.within("unsent")
    return sum(unsent.within(cause).integer("frames") for cause in unsent)
