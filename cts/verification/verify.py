"""``cts verify-run``: recomputes a run's verdicts from the truth and says whether its events agree."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from cts.errors import UserError
from cts.protocol.roles import Direction
from cts.records.events_reader import read_events
from cts.records.reported_run import ReportedStream, RunEvents
from cts.records.truth_reader import TruthReader
from cts.verification.arithmetic import Arithmetic
from cts.verification.compare import StreamRow
from cts.verification.differences import Difference, Differences
from cts.verification.pairing import ReportedStreams
from cts.verification.receivers import Receivers
from cts.verification.run_wide import RunWide
from cts.verification.served import Served
from cts.verification.status import HELD_NS, StatusLines

__all__ = ["Verification", "verify_run"]

_DEFAULT_TOLERANCE_NS = 2_000_000
"""On real networks: a relay and a receiver take the time of the same datagram one after the other."""


@frozen
class Verification:
    """What came of it.

    Attributes:
        tolerance_ns: how far times may lie apart.
        datagrams: datagrams in the truth.
        streams: streams of the truth, by their number in the events.
        cut_short: streams that something ended that the truth does not know of; they were compared up to there.
        unanswered: STARTs that reached the server and began no stream.
        differences: the first 100 values that do not agree.
        differences_total: how many there are.
        reported: streams in the events.
        sent: streams of those that were compared that a server sent.
        other_ids: streams whose connection id in one log is not that in the other.
        seeds: that of the events and that of the truth, where both are simulated.
    """

    tolerance_ns: int
    datagrams: int
    streams: tuple[StreamRow, ...]
    cut_short: int
    unanswered: int
    differences: tuple[Difference, ...]
    differences_total: int
    reported: int = 0
    sent: int = 0
    other_ids: int = 0
    seeds: tuple[int, int] | None = None

    @property
    def unrelated(self) -> str | None:
        """Why the logs are of two runs, though both tell of streams; None where they are of one, for all that is known."""
        if not (self.streams and self.reported):
            return None
        if all(row.stream is None for row in self.streams):
            return "no stream of the events is in the truth, and none of the truth in the events"
        if self.seeds is not None and self.seeds[0] != self.seeds[1]:
            return f"the seed is {self.seeds[0]} in the events, {self.seeds[1]} by the truth"
        if self.other_ids >= len(self.streams) and self.differences_total > self.other_ids:
            return "no stream has the connection id in the events that it has in the truth"
        return None

    @property
    def agrees(self) -> bool:
        """Whether every verdict that can be decided is right."""
        return self.differences_total == 0

    @property
    def frames(self) -> int:
        """Frames that were compared."""
        return sum(row.frames for row in self.streams)

    @property
    def frames_by_datagram(self) -> int:
        """Frames whose datagrams were compared, one by one."""
        return sum(row.frames_by_datagram for row in self.streams)

    @property
    def order_open_frames(self) -> int:
        """Those of them of which something was not judged, since it rests on the order of arrivals that are too close."""
        return sum(row.order_open_frames for row in self.streams)

    @property
    def late_datagrams(self) -> int:
        """Datagrams that came too late and were compared."""
        return sum(row.late_datagrams for row in self.streams)

    @property
    def times_apart_ns(self) -> int:
        """How far the times of one thing lie apart in truth and events, at most: what the tolerance must cover."""
        return max((row.times_apart_ns for row in self.streams), default=0)

    @property
    def known_after_ns(self) -> int:
        """How long after a stream began the datagram was sent by which the truth knows that it did, at most."""
        return max((row.known_after_ns for row in self.streams), default=0)

    @property
    def undecidable_frames(self) -> int:
        """Frames that came too near an edge for anything to be said about them."""
        return sum(row.undecidable_frames for row in self.streams)

    @property
    def undecidable_streams(self) -> int:
        """Streams of which nothing can be said."""
        return sum(row.undecidable is not None for row in self.streams)


def verify_run(events: Path, truth: Path, *, tolerance_ns: int | None = None) -> Verification:
    """Compare a run's events with a ground truth, in one pass over each.

    Args:
        events: the receiving side's events log.
        truth: the ground-truth log of the network that it ran on.
        tolerance_ns: how far times of the two may lie apart; what comes that near an edge is undecidable. None: 0 for a
            simulation, 2 ms otherwise.

    Raises:
        UserError: a file cannot be read, is not what it should be, or lacks what is needed.
    """
    reader = TruthReader(truth)
    run = read_events(events, reader.began_unix_ns)
    real = reader.began_unix_ns != 0
    if tolerance_ns is None:
        tolerance_ns = _DEFAULT_TOLERANCE_NS if real else 0
    differences = Differences()
    plan = Arithmetic.of(run.plan)
    times_ns = [run.began_ns + each.time_ns for each in run.statuses]
    lines = StatusLines(times_ns, tolerance_ns=tolerance_ns, behind=real, whole=run.complete)
    refused_lines = StatusLines(times_ns, tolerance_ns=tolerance_ns + HELD_NS, behind=real, whole=False)
    reported = ReportedStreams(run.streams, run.judged, tolerance_ns)
    served = Served(
        plan=plan,
        original=run.direction,
        tolerance_ns=tolerance_ns,
        sending=ReportedStreams(run.served, run.judged, tolerance_ns),
        receiving=reported,
        differences=differences,
        lines=lines,
    )
    receivers = Receivers(
        pull=run.judged is Direction.PULL,
        plan=plan,
        verify=run.verify,
        by_bytes=run.by_bytes,
        tolerance_ns=tolerance_ns,
        simulated=not real,
        disorder_ns=reader.disorder_ns,
        reported=reported,
        differences=differences,
        lines=lines,
        refused_lines=refused_lines,
        own_clients=run.role == "loopback" and run.direction is Direction.PUSH,
        lone=run.lone,
        cut=run.cut_off is not None or any(each.end is not None and each.end.cut_short for each in run.streams),
        served=served if run.role == "server" else None,
    )
    reader.read(receivers)
    _check_whole(events, truth, run, reader)
    rows = receivers.finish()
    for stream in reported.rest():
        if _never_began(stream) and stream.end is not None:
            lines.ended(stream.opened_ns, stream.end.ended_ns, stream.end.outcome, stream.others)
        else:
            opened = f"opened at {stream.opened_ns}"
            differences.add(Difference("stream", stream.number, None, None, None, opened))
    for end in run.lone:
        if end.failed or (run.direction is Direction.PUSH and end.outcome == "cancelled"):
            lines.counted(end.ended_ns, end.outcome)
    if not run.complete and any(row.stream is None for row in rows):
        raise UserError(f"{events}: was cut short before a stream of the truth; its last line must be run_ended")
    RunWide(run, differences, simulated=not real, tolerance_ns=tolerance_ns).compare(
        reader, frozenset(plan.datagram_sizes), receivers.datagram_sizes, lines, refused_lines
    )
    return Verification(
        tolerance_ns=tolerance_ns,
        datagrams=reader.datagrams,
        streams=tuple(sorted(rows, key=_by_number)),
        cut_short=sum(stream.end is not None and stream.end.cut_short for stream in run.streams),
        unanswered=receivers.unanswered,
        differences=tuple(differences.listed),
        differences_total=differences.total,
        reported=len(run.streams) + len(run.served),
        sent=sum(row.direction != run.judged.value for row in rows),
        other_ids=differences.other_ids,
        seeds=None if real or run.seed is None else (run.seed, reader.seed),
    )


def _check_whole(events: Path, truth: Path, run: RunEvents, reader: TruthReader) -> None:
    """Refuse logs that were cut short while a stream ran."""
    streams = (*run.streams, *run.served)
    ends = [stream.end.ended_ns for stream in streams if stream.end is not None]
    if len(ends) < len(streams) or run.sending:
        raise UserError(f"{events}: was cut short while a stream ran; a whole log tells of every stream's end")
    if not reader.complete and ends and reader.last_ns < max(ends):
        raise UserError(f"{truth}: was cut short while a stream ran; a whole log ends with a line of kind 'ended'")


def _never_began(stream: ReportedStream) -> bool:
    """Tell whether a stream ended before it had sent or received anything."""
    end = stream.end
    return end is not None and end.cut_short and not (stream.frames or end.bytes_received or end.error)


def _by_number(row: StreamRow) -> tuple[bool, int, int]:
    return row.stream is None, row.stream or 0, row.opened_ns
