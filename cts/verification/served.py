"""Follows the streams that a server sent, of one that served both directions: what its network saw of each.

A stream that a client pulls begins when the server first names it, by a connection id or by WELCOME; both say which stream it
is, and neither which way its frames go. START asks for the server's own direction; of WELCOME the events must say it. No truth
holds why a sender stopped, nor what was dropped between it and the relay: what was seen is the least that it may have sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from cts.protocol.roles import Direction
from cts.records.reported_run import COUNTS, ReportedEnd, ReportedStream
from cts.records.stream_results import SUCCEEDED
from cts.units import SECOND
from cts.verification.arithmetic import Arithmetic
from cts.verification.arrivals import Kind
from cts.verification.bounds import Bounds
from cts.verification.compare import StreamRow
from cts.verification.differences import Difference, Differences, Value
from cts.verification.links import MAKING_NS
from cts.verification.pairing import ReportedStreams
from cts.verification.status import EXCHANGED_NS, HELD_NS, NEVER_NS, StatusLines

__all__ = ["Served"]


@define(eq=False, kw_only=True)
class _Sent:
    """What was seen of one stream: ``name`` is its connection id, or the nonce of the HELLO that asked for it."""

    client: int
    address: str
    name: str
    named_ns: int
    by_hello: bool
    reported: ReportedStream | None
    plan: Arithmetic
    asked_ns: int | None = None
    sequence: int = 0
    under_way: int = 0
    """Bytes of that frame so far."""
    whole: int = 0
    """Bytes of frames that were seen whole."""
    seen: set[int] = field(factory=set)
    """The sizes of its datagrams; frames that are none of its plan's have the size 0."""
    last_ns: int | None = None
    came: list[int] = field(factory=list)
    """When data reached the server, which has no use for it."""


@define(eq=False, kw_only=True)
class Served:
    """All of them.

    Args:
        plan: the arithmetic of streams that have no plan of their own.
        original: which way the frames of those go that START asks for.
        tolerance_ns: how far times of truth and run may lie apart.
        sending: the sending streams that the events report.
        receiving: the receiving ones, each until it is found.
        differences: where what does not agree goes.
        lines: the status lines, which tell of these streams as well.
    """

    _plan: Arithmetic
    _original: Direction
    _tolerance_ns: int
    _sending: ReportedStreams
    _receiving: ReportedStreams
    _differences: Differences
    _lines: StatusLines
    _of_client: dict[int, list[_Sent]] = field(factory=dict, init=False)
    _found: int = field(default=0, init=False)

    def offered(self, client: int, address: str, at_ns: int, kind: Kind, name: str, sequence: int, size: int) -> None:
        """The server sent a datagram."""
        if kind is Kind.DATA:
            self._sent(client, at_ns, sequence, size)
        elif kind is Kind.CONNECTION_ID or kind is Kind.WELCOME:
            self._named(client, address, at_ns, kind, name)

    def _named(self, client: int, address: str, at_ns: int, kind: Kind, name: str) -> None:
        """The server named a stream, for the first time or again."""
        if self._stream(client, name) is not None or not self._is_sent(address, at_ns, kind):
            return
        reported = self._sending.take(address, at_ns)
        own = None if reported is None else reported.plan
        self._of_client.setdefault(client, []).append(
            _Sent(
                client=client,
                address=address,
                name=name,
                named_ns=at_ns,
                by_hello=kind is Kind.WELCOME,
                reported=reported,
                plan=self._plan if own is None else Arithmetic.of(own),
            )
        )

    def asked(self, client: int, name: str, at_ns: int | None) -> bool:
        """Tell whether a name is that of such a stream, of which nobody asked sooner than ``at_ns``."""
        stream = self._stream(client, name)
        if stream is not None and stream.asked_ns is None:
            stream.asked_ns = at_ns
        return stream is not None

    def _sent(self, client: int, at_ns: int, sequence: int, size: int) -> None:
        """The server sent a datagram of a frame."""
        streams = self._of_client.get(client)
        if not streams:
            return
        stream = streams[-1]
        if sequence != stream.sequence:
            stream.sequence, stream.under_way = sequence, 0
        stream.seen.add(size if 1 <= sequence <= stream.plan.final_frame else 0)
        stream.under_way += size
        stream.last_ns = at_ns
        if stream.under_way == stream.plan.frame_size:
            stream.whole += stream.under_way
            self._lines.sure("served", at_ns, stream.under_way)

    def came(self, client: int, at_ns: int) -> None:
        """Data reached the server, and no stream that receives."""
        for stream in self._of_client.get(client, ())[-1:]:
            stream.came.append(at_ns)

    def finish(self) -> Iterator[StreamRow]:
        """The truth has ended: compare every stream, and yield its row."""
        for streams in self._of_client.values():
            for stream in streams:
                yield self._compare(stream)
        for reported in self._sending.rest():
            if reported.end is not None:
                if not (reported.end.cut_short and not _sent_by(reported.end)):
                    self._differ(None, reported, "stream", None, f"opened at {reported.opened_ns}")
                self._told(reported, reported.end, 0)

    def _stream(self, client: int, name: str) -> _Sent | None:
        return next((each for each in self._of_client.get(client, ()) if each.name == name), None)

    def _is_sent(self, address: str, at_ns: int, kind: Kind) -> bool:
        if kind is not Kind.WELCOME:
            return self._original is Direction.PULL
        sending, receiving = (
            min((abs(each - at_ns) for each in streams.openings(address)), default=NEVER_NS)
            for streams in (self._sending, self._receiving)
        )
        return sending < receiving

    def _compare(self, stream: _Sent) -> StreamRow:
        reported, before = stream.reported, self._found
        end = None if reported is None else reported.end
        whole = stream.whole == stream.plan.final_frame * stream.plan.frame_size
        if reported is None:
            self._differ(stream, None, "stream", f"sent from {stream.named_ns}", None)
        elif end is not None:
            self._times(stream, reported, end)
            self._amounts(stream, reported, end)
            self._ends(stream, reported, end)
            self._told(reported, end, stream.whole)
        return StreamRow(
            stream=None if reported is None else reported.number,
            client=stream.client,
            direction=Direction.PULL.value,
            address=stream.address,
            opened_ns=stream.named_ns if end is None else end.started_ns,
            ended_ns=(stream.last_ns or stream.named_ns) if end is None else end.ended_ns,
            known_after_ns=0 if end is None else stream.named_ns - end.started_ns,
            result=SUCCEEDED if whole else None,
            frames=0,
            frames_by_datagram=0,
            order_open_frames=0,
            late_datagrams=0,
            undecidable_frames=0,
            undecidable=None,
            differences=self._found - before,
            times_apart_ns=0,
        )

    def _times(self, stream: _Sent, reported: ReportedStream, end: ReportedEnd) -> None:
        slack_ns = self._tolerance_ns + MAKING_NS
        asked_ns = stream.named_ns if stream.asked_ns is None else stream.asked_ns
        begins = Bounds(asked_ns - slack_ns, stream.named_ns + self._tolerance_ns)
        self._within(stream, "time_ns of stream_opened", begins, reported.opened_ns)
        self._within(stream, "started_ns", Bounds(reported.opened_ns, begins.high), end.started_ns)
        last_ns = stream.named_ns if stream.last_ns is None else stream.last_ns
        ends = Bounds(last_ns - slack_ns, NEVER_NS)
        if end.result == SUCCEEDED:
            ends.high = end.started_ns + stream.plan.send_offset_ns(stream.plan.final_frame) + slack_ns
            ends.high = max(ends.high, last_ns + slack_ns)
        self._within(stream, "time_ns of stream_ended", ends, end.ended_ns)

    def _amounts(self, stream: _Sent, reported: ReportedStream, end: ReportedEnd) -> None:
        plan, counts = stream.plan, dict(zip(COUNTS, end.counts, strict=True))
        total = plan.final_frame * plan.frame_size
        unsent = end.unsent * plan.frame_size
        least = max(stream.whole, total - unsent) if end.result == SUCCEEDED else stream.whole
        self._within(stream, "bytes_sent of stream_ended", Bounds(least, total - unsent), counts["bytes_sent"] or 0)
        bits, took_ns = 8 * (counts["bytes_sent"] or 0) * SECOND, end.ended_ns - end.started_ns
        rate = Bounds(bits // max(1, took_ns + self._tolerance_ns), bits // max(1, took_ns - self._tolerance_ns))
        self._within(stream, "bits_per_second", rate, end.bits_per_second)
        if wrong := stream.seen - set(plan.datagram_sizes):
            right = " ".join(map(str, sorted(wrong)))
            self._differ(
                stream, reported, "datagram sizes", right, " ".join(map(str, sorted(set(plan.datagram_sizes))))
            )
        unexpected = Bounds()
        for at_ns in stream.came:
            if end.started_ns - self._tolerance_ns <= at_ns <= end.ended_ns + HELD_NS + self._tolerance_ns:
                sure = end.started_ns + self._tolerance_ns <= at_ns < end.ended_ns - self._tolerance_ns
                unexpected.add(1, sure)
        self._within(stream, "arrivals.unexpected", unexpected, counts["arrivals.unexpected"] or 0)
        for key in ("frames.completed", "frames.dropped", "frames.repeated", "bytes_received", "bytes_on_time"):
            self._within(stream, key, Bounds(), counts[key] or 0)

    def _ends(self, stream: _Sent, reported: ReportedStream, end: ReportedEnd) -> None:
        opened = (reported.local, reported.remote, "sender")
        for what, right, told in zip(("local", "remote", "role"), opened, end.ends, strict=True):
            if told != right:
                self._differ(stream, reported, f"{what} of stream_ended", right, told)
        if not stream.by_hello and end.connection_id != stream.name:
            self._differ(stream, reported, "id", stream.name, end.connection_id)

    def _told(self, reported: ReportedStream, end: ReportedEnd, seen: int) -> None:
        """Enter a stream into the status lines by what the events say of it, for no truth knows more."""
        held_ns = EXCHANGED_NS
        self._lines.ended(reported.opened_ns, end.ended_ns, end.outcome, held_ns=held_ns)
        for key, value in zip(COUNTS, end.counts, strict=True):
            if value:
                sent = key == "bytes_sent"
                self._lines.maybe("served" if sent else key, reported.opened_ns, value)
                self._lines.sure("served" if sent else key, end.ended_ns + held_ns, value - seen if sent else value)

    def _within(self, stream: _Sent, what: str, bounds: Bounds, told: int) -> None:
        if told not in bounds:
            self._differ(stream, stream.reported, what, _said(bounds), told)

    def _differ(
        self, stream: _Sent | None, reported: ReportedStream | None, what: str, truth: Value, events: Value
    ) -> None:
        self._found += 1
        client = None if stream is None else stream.client
        number = None if reported is None else reported.number
        self._differences.add(Difference(what, number, client, None, truth, events))


def _sent_by(end: ReportedEnd) -> int:
    return dict(zip(COUNTS, end.counts, strict=True))["bytes_sent"] or 0


def _said(bounds: Bounds) -> Value:
    if bounds.high == NEVER_NS:
        return f"{bounds.low} or more"
    return bounds.low if bounds.low == bounds.high else str(bounds)
