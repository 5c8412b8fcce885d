"""What a run reported in its events, as values; ``docs/events.md`` defines the log."""

from __future__ import annotations

from attrs import define, field, frozen

from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.protocol.task import Verify
from cts.records.reported_frames import VERDICTS, ReportedFrames
from cts.records.reported_records import ReportedMisses, ReportedRecords

__all__ = [
    "ARRIVALS",
    "COUNTS",
    "OUTCOMES",
    "STATUS",
    "ReportedEnd",
    "ReportedOtherEnd",
    "ReportedStatus",
    "ReportedStream",
    "RunEvents",
]

OUTCOMES = ("successful", "network error", "protocol error", "cancelled")
ARRIVALS = ("on_time", "late", "ahead", "no_such_frame", "undecodable", "wrong_payload", "unexpected", "handshake")
COUNTS = (
    *(f"frames.{each}" for each in (*VERDICTS, "error")),
    "bytes_received",
    "bytes_on_time",
    "bytes_sent",
    *(f"arrivals.{each}" for each in ARRIVALS),
    "frames.hidden_losses",
    "arrivals.duplicate",
)
"""What is counted of a stream, and of all in a status, by the names of the keys. The last two older logs do not have."""
STATUS = (*COUNTS, "open_streams", *(f"outcomes.{each}" for each in OUTCOMES))


@frozen
class ReportedEnd:
    """When a stream started, how it ended and what it had counted: by the names of the events' keys, and ``counts`` in the
    order of :data:`COUNTS`, None for what the log does not tell; ``ends`` are its local and remote address and its role."""

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
    counts: tuple[int | None, ...]
    ends: tuple[str, str, str]
    unsent: int

    @property
    def cut_short(self) -> bool:
        """Whether something other than datagrams and time ended it: a stop, the operating system, a plugin."""
        return (
            self.outcome == "network error"
            or (self.outcome == "cancelled" and self.result == "Cancelled")
            or (self.outcome == "protocol error" and self.result.startswith(("ErrorPlugin", "ErrorProcessDied")))
        )


@frozen
class ReportedOtherEnd:
    """The sending end of a stream in a run that has both; ``client`` is the address that its client has there."""

    number: int
    client: str
    ended_ns: int
    outcome: str
    connection_id: str
    bytes_sent: int

    @property
    def failed(self) -> bool:
        """Whether it failed, which makes its stream a failed one."""
        return self.outcome in ("network error", "protocol error")


@define
class ReportedStream:
    """One receiving stream, with its sending ends where they are in the log, or one that a server sent; times are nanoseconds
    in the truth's time.

    Its ``plan`` is its arithmetic, None for the run's.
    """

    number: int
    local: str
    remote: str
    opened_ns: int
    plan: StreamPlan | None = None
    frames: ReportedFrames = field(factory=ReportedFrames)
    records: ReportedRecords = field(factory=ReportedRecords)
    missed: ReportedMisses = field(factory=ReportedMisses)
    extents: tuple[int, ...] = ()
    """Of what comes next, told of beforehand, for there are many."""
    end: ReportedEnd | None = None
    others: list[ReportedOtherEnd] = field(factory=list)


@frozen
class ReportedStatus:
    """A status line: ``counts`` in the order of :data:`STATUS`; ``refused``, ``unsent`` datagrams and frames in all, for
    whatever reason; ``lost`` the sum of ``overflowed`` and ``unreachable``. None is what the log does not tell."""

    time_ns: int
    counts: tuple[int | None, ...]
    refused: int
    unsent: int
    lost: int


@frozen
class RunEvents:
    """What a run reported.

    Attributes:
        role: what it ran: loopback, server or client.
        seed: what all chance followed from; None of a real run.
        began_ns: when it began, in the truth's time.
        status_interval_ns: how often it told its status; None if the log does not tell.
        statuses: what it told, in the order of their times, which count from its beginning.
        ended_ns, cut_off, interrupted: what its last line says: the time, likewise, the streams that the time limit cut off,
            and whether a signal stopped it, None if it does not tell.
        direction: which way frames went.
        verify: what its receivers did about wrong payloads.
        by_bytes: whether they judged frames by their bytes, whatever they were; so did all that do not tell.
        plan: its stream arithmetic.
        streams: its receiving streams, in the order of their numbers.
        served: the streams that a server sent, likewise; none where both sides are there.
        lone: sending ends that no receiving one is there for.
        sending: sending ends that were opened and of whose end it does not tell.
        complete: whether the log's last line is there.
    """

    direction: Direction
    verify: Verify
    by_bytes: bool
    plan: StreamPlan
    streams: tuple[ReportedStream, ...]
    served: tuple[ReportedStream, ...]
    lone: tuple[ReportedOtherEnd, ...]
    sending: int
    complete: bool
    role: str
    seed: int | None
    began_ns: int
    status_interval_ns: int | None
    statuses: tuple[ReportedStatus, ...]
    ended_ns: int
    cut_off: int | None
    interrupted: bool | None

    @property
    def judged(self) -> Direction:
        """Which way the frames go that its receivers judge: what a server receives its clients push."""
        return Direction.PUSH if self.role == "server" else self.direction
