"""Reads what a run reported: its events log. ``docs/events.md`` defines it."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import NamedTuple

from attrs import define, field, frozen

from cts.protocol.plan import PlanError, StreamPlan
from cts.protocol.roles import Direction, Role
from cts.protocol.task import Verify
from cts.records.json_lines import Fields, LineReader

__all__ = ["VERDICTS", "ReportedEnd", "ReportedFrame", "ReportedFrames", "ReportedStream", "RunEvents", "read_events"]

_SCHEMA = 1
_ROLES = ("loopback", "server", "client")
_OUTCOMES = ("successful", "network error", "protocol error", "cancelled")
VERDICTS = ("completed", "dropped", "repeated")
_NEVER_NS = -(2**63)


class ReportedFrame(NamedTuple):
    """What the events say of one frame; ``received_ns`` is None if none of it came."""

    due_ns: int
    verdict: str
    size: int
    received_ns: int | None


class ReportedFrames:
    """The frames of one stream in the order of their events, in 25 bytes each."""

    def __init__(self) -> None:
        self._due = array("q")
        self._size = array("q")
        self._received = array("q")
        self._verdict = bytearray()
        self.misplaced: tuple[int, int] | None = None
        """(place, sequence) of the first frame that does not follow the one before it."""

    def __len__(self) -> int:
        return len(self._verdict)

    def __getitem__(self, index: int) -> ReportedFrame:
        received_ns = self._received[index]
        return ReportedFrame(
            self._due[index],
            VERDICTS[self._verdict[index]],
            self._size[index],
            None if received_ns == _NEVER_NS else received_ns,
        )

    def append(self, sequence: int, frame: ReportedFrame) -> None:
        """Add the next frame."""
        if sequence != len(self) + 1 and self.misplaced is None:
            self.misplaced = (len(self) + 1, sequence)
        self._due.append(frame.due_ns)
        self._size.append(frame.size)
        self._received.append(_NEVER_NS if frame.received_ns is None else frame.received_ns)
        self._verdict.append(VERDICTS.index(frame.verdict))


@frozen
class ReportedEnd:
    """When a stream started, how it ended and what it had counted, by the names of the events' keys."""

    started_ns: int
    ended_ns: int
    connection_id: str
    outcome: str
    result: str
    completed: int
    dropped: int
    repeated: int
    error: int
    bytes_received: int
    bytes_on_time: int
    bits_per_second: int

    @property
    def cut_short(self) -> bool:
        """Whether something other than datagrams and time ended it: a stop, the operating system, a plugin."""
        return (
            self.outcome == "network error"
            or (self.outcome == "cancelled" and self.result == "Cancelled")
            or (self.outcome == "protocol error" and self.result.startswith(("ErrorPlugin", "ErrorProcessDied")))
        )


@define
class ReportedStream:
    """One receiving stream; times are nanoseconds in the truth's time."""

    number: int
    local: str
    remote: str
    opened_ns: int
    frames: ReportedFrames = field(factory=ReportedFrames)
    end: ReportedEnd | None = None


@frozen
class RunEvents:
    """What a run reported.

    Attributes:
        direction: which way frames went.
        verify: what its receivers did about wrong payloads.
        plan: its stream arithmetic.
        streams: its receiving streams, in the order of their numbers.
        complete: whether the log's last line is there.
    """

    direction: Direction
    verify: Verify
    plan: StreamPlan
    streams: tuple[ReportedStream, ...]
    complete: bool


def read_events(path: Path, truth_began_unix_ns: int) -> RunEvents:
    """Read an events log, with its times moved to those of a truth.

    Raises:
        UserError: the file cannot be read, is no such log, or not one of the receiving side of that truth's run.
    """
    return _Reading(path, truth_began_unix_ns).run()


class _Reading:
    def __init__(self, path: Path, truth_began_unix_ns: int) -> None:
        self._reader = LineReader(path, "an events log of schema 1, of the receiving side")
        self._truth_began_unix_ns = truth_began_unix_ns
        self._shift_ns = 0
        self._streams: dict[int, ReportedStream] = {}
        self._senders: set[int] = set()

    def run(self) -> RunEvents:
        reader = self._reader
        lines = iter(reader)
        first = next(lines, None)
        if first is None:
            raise reader.unusable("is empty")
        fields = reader.fields(first)
        direction = self._began(fields)
        verify = Verify(fields.one_of("verify", tuple(each.value for each in Verify)))
        plan = self._plan(fields)
        complete = False
        for line in lines:
            if complete:
                raise reader.refused("comes after run_ended")
            if line[-1] != "\n" and not ('"run_ended"' in line and line.endswith("}")):
                break
            complete = self._event(reader.fields(line))
        return RunEvents(
            direction, verify, plan, tuple(map(self._streams.__getitem__, sorted(self._streams))), complete
        )

    def _began(self, fields: Fields) -> Direction:
        fields.one_of("event", ("run_began",))
        if (schema := fields.integer("schema")) != _SCHEMA:
            raise self._reader.refused(f"says schema {schema}")
        role = fields.one_of("role", _ROLES)
        direction = Direction(fields.one_of("direction", tuple(each.value for each in Direction)))
        here = {"client": direction.client_role, "server": direction.server_role}
        if here.get(role) is Role.SENDER:
            raise self._reader.unusable(f"is that of a {role} that sends, which judges no frames")
        began_unix_ns = fields.unix_time("began_unix_ns")
        if (began_unix_ns == 0) != (self._truth_began_unix_ns == 0):
            kinds = ("the real network", "a simulated one")
            mine, theirs = kinds[began_unix_ns == 0], kinds[began_unix_ns != 0]
            raise self._reader.unusable(f"is of a run on {mine}, and the truth is of {theirs}")
        self._shift_ns = began_unix_ns - self._truth_began_unix_ns
        return direction

    def _plan(self, fields: Fields) -> StreamPlan:
        bits_per_second, frame_rate = fields.integer("bits_per_second"), fields.frame_rate("frame_rate")
        rest = [fields.integer(key) for key in ("stream_length_ns", "buffer_depth_ns", "datagram_max_size")]
        try:
            return StreamPlan(bits_per_second, frame_rate, *rest)
        except PlanError as error:
            raise self._reader.refused(f"describes no stream ({error})") from error

    def _event(self, fields: Fields) -> bool:
        """Take in one event; tell whether it is the last."""
        event = fields.text("event")
        if event == "stream_opened":
            self._opened(fields)
        elif event in ("frame", "stream_ended") and (number := fields.integer("stream")) not in self._senders:
            stream = self._streams.get(number)
            if stream is None or stream.end is not None:
                raise self._reader.refused(f"tells of stream {number}, which is not open")
            if event == "frame":
                stream.frames.append(fields.integer("sequence"), self._frame(fields))
            else:
                stream.end = self._end(fields)
        return event == "run_ended"

    def _opened(self, fields: Fields) -> None:
        number = fields.integer("stream")
        if number in self._streams or number in self._senders:
            raise self._reader.refused(f"opens stream {number} again")
        if fields.one_of("role", ("sender", "receiver")) == "sender":
            self._senders.add(number)
            return
        opened_ns = fields.instant("time_ns") + self._shift_ns
        self._streams[number] = ReportedStream(number, fields.text("local"), fields.text("remote"), opened_ns)

    def _frame(self, fields: Fields) -> ReportedFrame:
        received_ns = fields.instant_or_none("received_ns")
        return ReportedFrame(
            due_ns=fields.instant("time_ns") + self._shift_ns,
            verdict=fields.one_of("verdict", VERDICTS),
            size=fields.integer("size"),
            received_ns=None if received_ns is None else received_ns + self._shift_ns,
        )

    def _end(self, fields: Fields) -> ReportedEnd:
        frames = fields.within("frames")
        return ReportedEnd(
            started_ns=fields.instant("started_ns") + self._shift_ns,
            ended_ns=fields.instant("time_ns") + self._shift_ns,
            connection_id=fields.text("id"),
            outcome=fields.one_of("outcome", _OUTCOMES),
            result=fields.text("result"),
            completed=frames.integer("completed"),
            dropped=frames.integer("dropped"),
            repeated=frames.integer("repeated"),
            error=frames.integer("error"),
            bytes_received=fields.integer("bytes_received"),
            bytes_on_time=fields.integer("bytes_on_time"),
            bits_per_second=fields.integer("bits_per_second"),
        )
