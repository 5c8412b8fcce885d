"""Compares one stream that the events report with what it must report, and keeps a bounded list of what differs."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen

from cts.protocol.roles import Direction
from cts.protocol.task import StreamError
from cts.records.reported_frames import VERDICTS
from cts.records.reported_run import ARRIVALS, COUNTS, ReportedEnd, ReportedOtherEnd, ReportedStream
from cts.records.snapshots import Outcome
from cts.records.stream_results import SUCCEEDED
from cts.units import SECOND
from cts.verification.arithmetic import Arithmetic
from cts.verification.bounds import Bounds
from cts.verification.compare_datagrams import DatagramComparison
from cts.verification.differences import Difference, Differences, Value
from cts.verification.expected import ExpectedStream
from cts.verification.windows import ExpectedFrame, verdict_of

__all__ = ["Comparison", "StreamRow"]

_COMPLETED, _DROPPED, _REPEATED = VERDICTS
_CLOSE_NS = 1
"""A stream is closed this long after its last render time, and something else may come first."""


@frozen
class StreamRow:
    """How one stream compares.

    Attributes:
        stream: its number in the events, None if they do not have it.
        client: its client's number in the truth.
        direction: which way its frames went, ``pull`` or ``push``.
        address: the client's address, as the receiving side sees it.
        opened_ns, ended_ns: its life, by the truth.
        known_after_ns: how long after it began the datagram was sent by which the truth knows that it did.
        result: what the truth says came of it; None if something cut it short that the truth cannot know.
        frames: frames that were compared.
        frames_by_datagram: frames whose datagrams were compared, one by one.
        order_open_frames: those of them of which something was not judged, since the order of arrivals was open.
        late_datagrams: datagrams that came too late and were compared.
        undecidable_frames: frames whose verdict depends on something that came within the tolerance of an edge.
        undecidable: why nothing can be said about the stream, None if something can.
        differences: values that do not agree.
        times_apart_ns: how far the two times of one thing lie apart, at most.
    """

    stream: int | None
    client: int
    direction: str
    address: str
    opened_ns: int
    ended_ns: int
    known_after_ns: int
    result: str | None
    frames: int
    frames_by_datagram: int
    order_open_frames: int
    late_datagrams: int
    undecidable_frames: int
    undecidable: str | None
    differences: int
    times_apart_ns: int


@define(eq=False, kw_only=True)
class Comparison:
    """Takes the frames of an expected stream as they are rendered, and the stream when it has ended.

    Args:
        plan: the stream's arithmetic.
        reported: the stream in the events, None if they do not have it.
        client: the client's number in the truth.
        direction: which way its frames go.
        address: the client's address, as the receiving side sees it.
        tolerance_ns: how far times may lie apart.
        known_ns: when the datagram was sent by which the truth knows of the stream.
        making_ns: how long it may take to make a stream, from when it is told of as opened to when it starts.
        differences: where what does not agree goes.

    Attributes:
        outcome: whose fault the end was, once it has ended: by the truth, or what the events say where it cannot know.
        disagreed: whether it failed by its peer's settings, once it has ended.
    """

    _plan: Arithmetic
    _reported: ReportedStream | None
    _client: int
    _direction: Direction
    _address: str
    _tolerance_ns: int
    _known_ns: int
    _making_ns: int
    _differences: Differences
    _found: int = field(default=0, init=False)
    _counts: dict[str, int] = field(factory=lambda: dict.fromkeys(VERDICTS, 0), init=False)
    _frames: int = field(default=0, init=False)
    _undecidable_frames: int = field(default=0, init=False)
    _apart_ns: int = field(default=0, init=False)
    _datagrams: DatagramComparison = field(init=False)
    outcome: str | None = field(default=None, init=False)
    disagreed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._datagrams = DatagramComparison(self._tolerance_ns, self._same_instant, self._differ)

    @property
    def others(self) -> Sequence[ReportedOtherEnd]:
        """The stream's sending ends, as the events tell of them."""
        return () if self._reported is None else self._reported.others

    def frame(self, expected: ExpectedFrame) -> None:
        """Compare a frame with its event."""
        if self._reported is None:
            return
        self._frames += 1
        sequence, size = expected.sequence, expected.size
        verdicts = expected.verdicts
        verdict = self._verdict(size.low) if verdicts is None else verdicts[0]
        if sequence > len(self._reported.frames):
            self._counts[verdict] += 1
            self._differ("frame", verdict, None, sequence)
            return
        frame, wrong = self._reported.frames[sequence - 1], set[str]()
        if frame.size not in size:
            wrong.add("size")
            self._differ("size", str(size) if size.low != size.high else size.low, frame.size, sequence)
        elif verdicts is not None:
            self._undecidable_frames += len(verdicts) > 1
            verdict = frame.verdict if frame.verdict in verdicts else verdict
        elif size.low != size.high:
            self._undecidable_frames += verdict != self._verdict(size.high)
            verdict = self._verdict(frame.size)
        self._counts[verdict] += 1
        if frame.verdict != verdict:
            self._differ("verdict", verdict, frame.verdict, sequence)
        if not self._same_instant(expected.due_ns, frame.due_ns):
            self._differ("time_ns", expected.due_ns, frame.due_ns, sequence)
        if size.low == size.high and not self._same_instant(expected.received_ns, frame.received_ns):
            wrong.add("received_ns")
            self._differ("received_ns", expected.received_ns, frame.received_ns, sequence)
        if size.low == size.high and frame.stamp not in expected.stamps:
            wrong.add("stamp")
            self._stamp(expected.stamps[0], frame.stamp, sequence)
        records = self._reported.records
        self._datagrams.frame(expected, records[sequence - 1], records.told, wrong)

    def _stamp(self, truth: tuple[int, int] | None, events: tuple[int, int] | None, sequence: int) -> None:
        nothing = None, None
        for what, right, told in zip(("sender_qpc", "sender_qpf"), truth or nothing, events or nothing, strict=True):
            if right != told:
                self._differ(what, right, told, sequence)

    def finish(self, expected: ExpectedStream, ended_ns: int) -> StreamRow:
        """Compare the stream, which has ended, and return its row."""
        reported = self._reported
        self.outcome = (Outcome.SUCCESSFUL if expected.result == SUCCEEDED else Outcome.PROTOCOL_ERROR).value
        if reported is None:
            self._differ("stream", f"opened at {expected.opened_ns}", None)
        elif reported.end is not None:
            self._opening(expected, reported, reported.end.started_ns)
            self._ends(reported, reported.end)
            self.disagreed = self._disagreed(expected, reported.end)
            if self.disagreed or self._cut_short(expected, ended_ns, reported.end):
                self.outcome = reported.end.outcome
            if expected.doubt is None:
                self._surplus(expected, reported)
                self._result(expected, ended_ns, reported.end)
                self._totals(expected, reported.end)
                if reported.records.told or not reported.frames:
                    self._datagrams.missed(expected.datagrams.misses, reported.missed, ended_ns)
        return StreamRow(
            stream=None if reported is None else reported.number,
            client=self._client,
            direction=self._direction.value,
            address=self._address,
            opened_ns=expected.opened_ns,
            ended_ns=ended_ns,
            known_after_ns=self._known_ns - expected.opened_ns,
            result=expected.result,
            frames=self._frames,
            frames_by_datagram=self._datagrams.frames,
            order_open_frames=self._datagrams.order_open,
            late_datagrams=self._datagrams.late,
            undecidable_frames=self._undecidable_frames,
            undecidable=expected.doubt,
            differences=self._found,
            times_apart_ns=self._apart_ns,
        )

    def _opening(self, expected: ExpectedStream, reported: ReportedStream, started_ns: int) -> None:
        if not self._same_instant(expected.opened_ns, started_ns):
            self._differ("started_ns", expected.opened_ns, started_ns)
        made_in_ns = expected.opened_ns - reported.opened_ns
        if not -self._tolerance_ns <= made_in_ns <= self._tolerance_ns + self._making_ns:
            self._differ("time_ns of stream_opened", expected.opened_ns, reported.opened_ns)
        if reported.frames.misplaced is not None:
            place, sequence = reported.frames.misplaced
            self._differ("sequence", place, sequence, place)

    def _surplus(self, expected: ExpectedStream, reported: ReportedStream) -> None:
        """Look at events of frames that the truth does not render."""
        for index in range(self._frames, len(reported.frames)):
            frame = reported.frames[index]
            if index - self._frames < expected.optional_frames:
                self._undecidable_frames += 1
                self._counts[frame.verdict] += 1
            else:
                self._differ("frame", None, frame.verdict, index + 1)

    def _result(self, expected: ExpectedStream, ended_ns: int, end: ReportedEnd) -> None:
        cut_short = self._cut_short(expected, ended_ns, end)
        self._measured(expected, ended_ns, end, cut_short)
        if cut_short:
            return
        if end.result != expected.result and not self._disagreed(expected, end):
            self._differ("result", expected.result, end.result)
        if end.outcome != self.outcome:
            self._differ("outcome", self.outcome, end.outcome)
        if not self._same_instant(ended_ns, end.ended_ns):
            self._differ("time_ns of stream_ended", ended_ns, end.ended_ns)

    def _disagreed(self, expected: ExpectedStream, end: ReportedEnd) -> bool:
        """Tell whether a whole stream failed by the peer's settings, of which a truth knows nothing."""
        return expected.result == SUCCEEDED and end.result == StreamError.SETTINGS_DISAGREE.value

    def _measured(self, expected: ExpectedStream, ended_ns: int, end: ReportedEnd, cut_short: bool) -> None:
        """Compare the rate: up to the final frame's first datagram, else up to the end."""
        until_ns = ended_ns if expected.measured_until_ns is None else expected.measured_until_ns
        intervals_ns = [until_ns - expected.base_ns]
        if expected.measured_maybe_ns is not None:
            intervals_ns.append(expected.measured_maybe_ns - expected.base_ns)
        if cut_short:
            intervals_ns.append(end.ended_ns - end.started_ns)
        rates = [self._rate(expected, interval_ns) for interval_ns in intervals_ns]
        if not any(end.bits_per_second in rate for rate in rates):
            self._within("bits_per_second", rates[0], end.bits_per_second)

    def _cut_short(self, expected: ExpectedStream, ended_ns: int, end: ReportedEnd) -> bool:
        latest_ns = ended_ns + _CLOSE_NS + self._tolerance_ns
        return end.cut_short and (expected.result is None or end.ended_ns <= latest_ns)

    def _rate(self, expected: ExpectedStream, measured_ns: int) -> Bounds:
        """Return the bits per second over an interval, either end of which is known to within the tolerance."""
        received, of_none = expected.bytes_received, expected.bytes_of_no_frame
        bits = Bounds(8 * (received.low - of_none.low), 8 * (received.high - of_none.high))
        longest_ns, shortest_ns = measured_ns + 2 * self._tolerance_ns, measured_ns - 2 * self._tolerance_ns
        low = bits.low * SECOND // longest_ns if longest_ns > 0 else 0
        if shortest_ns > 0:
            return Bounds(low, bits.high * SECOND // shortest_ns)
        return Bounds(0, bits.high * SECOND if self._tolerance_ns else 0)

    def _ends(self, reported: ReportedStream, end: ReportedEnd) -> None:
        opened = (reported.local, reported.remote, "receiver")
        for what, right, told in zip(("local", "remote", "role"), opened, end.ends, strict=True):
            if told != right:
                self._differ(f"{what} of stream_ended", right, told)
        for other in reported.others:
            # Those that have the stream's number were found by the client's address, others by the stream's name.
            if other.number == reported.number and other.client != self._address:
                self._differ("client of the sender", self._address, other.client)

    def _totals(self, expected: ExpectedStream, end: ReportedEnd) -> None:
        if expected.result == StreamError.NOT_ALL_DATA_TRANSFERRED.value:
            self._counts[_DROPPED] = self._plan.final_frame
        for verdict, reported in ((_COMPLETED, end.completed), (_DROPPED, end.dropped), (_REPEATED, end.repeated)):
            if reported != self._counts[verdict]:
                self._differ(f"frames.{verdict}", self._counts[verdict], reported)
        self._within("frames.error", expected.error, end.error)
        self._within("bytes_received", expected.bytes_received, end.bytes_received)
        self._within("bytes_on_time", expected.bytes_on_time, end.bytes_on_time)
        counts = dict(zip(COUNTS, end.counts, strict=True))
        must = {f"arrivals.{key}": expected.arrivals[key] for key in ARRIVALS}
        must |= {
            "frames.hidden_losses": expected.datagrams.hidden_losses,
            "arrivals.duplicate": expected.datagrams.duplicate,
        }
        for key, bounds in must.items():
            if (told := counts[key]) is not None:
                self._within(key, bounds, told)
        self._within("bytes_sent of stream_ended", Bounds(), counts["bytes_sent"] or 0)
        self._within("unsent", Bounds(), end.unsent)
        name = expected.connection_id
        if name is not None and end.connection_id != name:
            self._differ("id", name, end.connection_id)

    def _within(self, what: str, bounds: Bounds, reported: int) -> None:
        if reported not in bounds:
            self._differ(what, bounds.low if bounds.low == bounds.high else str(bounds), reported)

    def _verdict(self, size: int) -> str:
        return verdict_of(size, self._plan.frame_size)

    def _same_instant(self, expected_ns: int | None, reported_ns: int | None) -> bool:
        if expected_ns is None or reported_ns is None:
            return expected_ns is reported_ns
        apart_ns = abs(expected_ns - reported_ns)
        if apart_ns > self._apart_ns:
            self._apart_ns = apart_ns
        return apart_ns <= self._tolerance_ns

    def _differ(self, what: str, truth: Value, events: Value, sequence: int | None = None) -> None:
        self._found += 1
        stream = None if self._reported is None else self._reported.number
        self._differences.add(Difference(what, stream, self._client, sequence, truth, events))
