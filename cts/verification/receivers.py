"""Follows every receiving stream through a ground truth: when it began, what reached it and in which order.

A pull's receiver is a client: it begins when its first START is offered to the network. A push's is at the server: it begins
when the server answers START with a connection id, which it does at once unless all its slots are taken. (A simulated network
does not tell what is sent to a host that is gone; then the events say when the server answered, and the START must be there.)
On a real machine a stream begins a little before the datagram leaves that tells of it; milliseconds, if the machine is busy.
No truth holds that instant, so the events are taken at their word as far as the truth allows: a push's stream begins between
START and answer, a pull's no longer before START than it may take to make a stream.
A port that asks again after its stream has ended begins another one; so does one that pushes and has shown to be done with it:
the final sequence has come, or its time to be sent has passed, or no data came for longer than a client takes to ask again. The
stream before gets nothing more then, and goes on to its end. A pull that ends without its name has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush

from attrs import define, field

from cts.protocol.roles import Direction
from cts.protocol.task import StreamError, Verify
from cts.records.reported_run import ReportedOtherEnd
from cts.records.stream_results import SUCCEEDED, UNKNOWN_CONNECTION_ID
from cts.records.truth_reader import Arrivals, TruthVisitor
from cts.verification.arithmetic import Arithmetic
from cts.verification.arrivals import Decoder, Kind
from cts.verification.compare import Comparison, StreamRow
from cts.verification.differences import Difference, Differences
from cts.verification.expected import ExpectedStream
from cts.verification.greeted import GIVES_UP_NS, GreetedStream, speaks
from cts.verification.links import MAKING_NS, READ_AT_ONCE, Happening, Link
from cts.verification.pairing import ReportedStreams
from cts.verification.senders import Sending
from cts.verification.served import Served
from cts.verification.status import EXCHANGED_NS, HELD_NS, NEVER_NS, StatusLines
from cts.verification.waits import waited_too_long

__all__ = ["Receivers"]

_NO_STAMP = (0, 0)
_REFUSED = "00200104"
_ASKS = (Kind.START, Kind.HELLO)
_ANSWERS = (Kind.CONNECTION_ID, Kind.WELCOME, Kind.REFUSED)

_ASKED, _ANSWERED, _ANSWERED_UNSEEN = -1, 1 << 62, 1 << 63
"""A client asks before anything can answer; a server answers what has come."""


@define(eq=False, kw_only=True)
class Receivers(TruthVisitor):
    """Takes what a truth tells and compares each stream as it goes.

    Args:
        pull: whether frames went to the clients.
        plan: the streams' arithmetic.
        verify: what receivers do about wrong payloads.
        by_bytes: whether frames are judged by their bytes, whatever they were.
        tolerance_ns: how far times of truth and run may lie apart.
        simulated: whether the truth is a simulation's.
        disorder_ns: how far the truth's lines may be out of the order of their times.
        reported: the streams that the events report.
        differences: where what does not agree goes.
        lines: the status lines, which tell of all streams.
        refused_lines: the same, of what a server answers with nothing.
        own_clients: whether the events are those of a server and its clients, which send.
        lone: the sending ends of the events that no receiving one is there for.
        cut: whether the run was cut short.
        served: takes the streams that a server sent; None where the events are not a server's.

    Attributes:
        unanswered: STARTs that arrived at the server and began nothing.
        datagram_sizes: of the data that was sent, by senders that sent more than a frame.
    """

    _pull: bool
    _plan: Arithmetic
    _verify: Verify
    _by_bytes: bool
    _tolerance_ns: int
    _simulated: bool
    _disorder_ns: int
    _reported: ReportedStreams
    _differences: Differences
    _lines: StatusLines
    _refused_lines: StatusLines
    _own_clients: bool
    _lone: Sequence[ReportedOtherEnd]
    _cut: bool
    _served: Served | None
    unanswered: int = field(default=0, init=False)
    datagram_sizes: set[int] = field(factory=set, init=False)
    _decoder: Decoder = field(factory=Decoder, init=False)
    _links: dict[int, Link] = field(factory=dict, init=False)
    _rows: list[StreamRow] = field(factory=list, init=False)
    _waits: list[tuple[int, int, int]] = field(factory=list, init=False)
    """Client, when it asked, and when the server began its stream."""

    @property
    def _making_ns(self) -> int:
        return 0 if self._simulated else MAKING_NS

    def client(self, client: int, address: str, upstream: str) -> None:
        """A client appeared."""
        sending = Sending(self._plan, self._lines, pull=self._pull)
        link = self._links[client] = Link(client, address if self._pull else upstream, self._plan, sending)
        if not self._pull and self._simulated:
            for opened_ns in self._reported.openings(link.address):
                heappush(link.pending, (opened_ns, _ANSWERED_UNSEEN, Kind.CONNECTION_ID, True, 0, 0, "", _NO_STAMP))

    def offered(
        self, at_ns: int, client: int, to_client: bool, number: int, size: int, head: str, arrivals: Arrivals
    ) -> None:
        """A datagram was sent."""
        link = self._links[client]
        pending = link.pending
        settled_ns = at_ns - self._disorder_ns
        while pending and pending[0][0] < settled_ns:
            self._happened(link, heappop(pending))
        if to_client is not self._pull:
            kind, sequence, text, _ = self._decoder.decode(head, size, None)
            if self._served is not None:
                self._served.offered(client, link.address, at_ns, kind, text, sequence, size)
            if kind in (_ASKS if self._pull else _ANSWERS):
                heappush(pending, (at_ns, _ASKED if self._pull else _ANSWERED, kind, True, 0, size, text, _NO_STAMP))
            for arrived_ns, bit in arrivals:
                arrived = self._decoder.decode(head, size, bit).kind
                link.sending.heard(arrived_ns, arrived)
                link.altered |= arrived is Kind.ALTERED
                if arrived is Kind.CHALLENGE:
                    link.challenged_ns = min(arrived_ns, link.challenged_ns or arrived_ns)
            return
        # Spelled out, as is `ExpectedStream.data`: this runs once for every datagram of the truth.
        sending = link.sending
        if head == sending.head and size == sending.size and at_ns <= sending.alike_until_ns:
            sending.alike += 1
        else:
            sending.offered(at_ns, size, head)
            if head.startswith(_REFUSED):
                self._refused(at_ns, False)
        order = 2 * number
        for arrived_ns, bit in arrivals:
            kind, sequence, text, stamp = self._decoder.decode(head, size, bit)
            if kind is Kind.HELLO and (link.challenged_ns is None or at_ns < link.challenged_ns):
                # Without its cookie it begins and repeats nothing.
                continue
            heappush(pending, (arrived_ns, order, kind, False, sequence, size, text, stamp))
            order += 1

    def finish(self) -> list[StreamRow]:
        """The truth has ended: let every stream come to its end, and return the rows of all."""
        for link in self._links.values():
            while link.pending:
                self._happened(link, heappop(link.pending))
            self._close(link)
            self.unanswered += link.asked_ns is not None
            self._sent(link)
        if self._served is not None:
            self._rows += self._served.finish()
        for difference in waited_too_long(self._rows, self._waits, self._tolerance_ns):
            self._differences.add(difference)
        return self._rows

    def _happened(self, link: Link, happening: Happening) -> None:
        at_ns, _, kind, sent, sequence, size, text, stamp = happening
        stream = link.stream
        if kind is Kind.DATA or kind is Kind.WRONG_DATA:
            if stream is not None:
                stream.data(at_ns, sequence, size, kind is Kind.DATA, stamp)
                if kind is Kind.DATA or self._verify is Verify.CONNECTION:
                    link.data_ns = at_ns
                if stream.ended_ns is None or self._pull:
                    return
            elif self._served is not None:
                self._served.came(link.client, at_ns)
        elif sent:
            self._asked_or_answered(link, at_ns, kind, text)
        elif kind >= Kind.HELLO:
            self._control(link, at_ns, kind, text)
            return
        elif kind is Kind.START and not self._pull:
            self._refused(at_ns, self._start_repeated(link, at_ns))
            return
        elif stream is not None:
            if kind is Kind.CONNECTION_ID and self._pull:
                stream.named(at_ns, text)
            else:
                stream.junk(at_ns, "undecodable" if kind is Kind.JUNK else "unexpected")
        if not sent and not self._pull and (stream is None or stream.over(at_ns)):
            free = stream is None or (at_ns > (stream.ended_ns or 0) + HELD_NS and not speaks(stream))
            self._refused(at_ns, free and size < READ_AT_ONCE)

    def _control(self, link: Link, at_ns: int, kind: Kind, nonce: str) -> None:
        """Take a control datagram that arrived where frames are received."""
        stream = link.stream
        if isinstance(stream, GreetedStream):
            stream.control(at_ns, kind.name.lower(), nonce)
        elif self._pull or kind is not Kind.HELLO:
            link.altered |= kind is Kind.ALTERED
            if stream is None or stream.over(at_ns):
                self._refused(at_ns, kind is Kind.CONTROL and not speaks(stream) and not self._pull)
            elif not speaks(stream):
                stream.junk(at_ns, "undecodable")
                if kind is Kind.ALTERED:
                    stream.doubt = "a control datagram was altered on its way"
        elif nonce != link.nonce:
            link.nonce = nonce
            link.asked_ns = link.asked_first_ns = at_ns
        elif link.asked_ns is not None:
            link.asked_ns = at_ns
        elif stream is not None:
            stream.start_repeated(at_ns)

    def _asked_or_answered(self, link: Link, at_ns: int, kind: Kind, text: str) -> None:
        """A pull's client asked, or a push's server answered: one that has no stream begins one."""
        if self._pull:
            copies = isinstance(link.stream, GreetedStream) and text == link.stream.nonce
            if link.free(at_ns, self._tolerance_ns) and not copies:
                self._open(link, at_ns, at_ns - self._making_ns, nonce=text if kind is Kind.HELLO else None)
            elif kind is Kind.START and isinstance(link.stream, GreetedStream):
                link.stream.asked_by_start(at_ns)
            return
        if kind is Kind.REFUSED:
            link.asked_ns = None
            self._refused(at_ns, False)
            return
        if self._served is not None and self._served.asked(link.client, text, link.asked_ns and link.asked_first_ns):
            self._close(link)
            link.asked_ns = None
            return
        if link.altered and link.asked_ns is None and link.stream is None:
            # What asked was altered where it says nothing.
            link.asked_ns = link.asked_first_ns = at_ns
        if link.asked_ns is not None:
            welcomed = kind is Kind.WELCOME
            stream = self._open(link, at_ns, link.asked_first_ns, patience_ns=GIVES_UP_NS if welcomed else 0)
            link.nonce, stream.connection_id = (text, None) if welcomed else (None, text or None)
            if link.asked_ns > stream.opened_ns:
                stream.start_repeated(link.asked_ns)
            read_ns = HELD_NS if welcomed else 0  # HELLO is one of the larger datagrams
            if stream.opened_ns - link.asked_ns > self._tolerance_ns + self._making_ns + read_ns:
                self._waits.append((link.client, link.asked_ns, stream.opened_ns))
            link.asked_ns = None

    def _start_repeated(self, link: Link, at_ns: int) -> bool:
        """Take a START that reached a push's server; tell whether it repeats the present stream's."""
        stream, done = link.stream, link.done(at_ns)
        if stream is not None and not stream.over(at_ns) and not done:
            stream.start_repeated(at_ns)
            return True
        if done or link.free(at_ns, self._tolerance_ns):
            if link.asked_ns is None:
                link.asked_first_ns = at_ns
            link.asked_ns = at_ns
        return False

    def _open(
        self, link: Link, at_ns: int, earliest_ns: int, *, nonce: str | None = None, patience_ns: int = 0
    ) -> ExpectedStream:
        """Begin a client's next stream, of which a datagram tells that was sent at an instant."""
        self._close(link)
        link.streams += 1
        link.data_ns = None
        reported = self._reported.take(link.address, at_ns)
        end = None if reported is None else reported.end
        own = None if reported is None else reported.plan
        link.plan = self._plan if own is None else Arithmetic.of(own)
        opened_ns = at_ns
        if end is not None and not self._simulated:
            in_doubt = range(earliest_ns - self._tolerance_ns, at_ns + self._tolerance_ns + 1)
            opened_ns = end.started_ns if end.started_ns in in_doubt else at_ns
        comparison = link.comparison = Comparison(
            plan=link.plan,
            reported=reported,
            client=link.client,
            direction=Direction.PULL if self._pull else Direction.PUSH,
            address=link.address,
            tolerance_ns=self._tolerance_ns,
            known_ns=at_ns,
            making_ns=self._making_ns,
            differences=self._differences,
        )
        make = ExpectedStream if nonce is None else partial(GreetedStream, nonce=nonce)
        stream = link.stream = make(
            plan=link.plan,
            verify=self._verify,
            opened_ns=opened_ns,
            tolerance_ns=self._tolerance_ns,
            cut_ns=end.ended_ns if end is not None and end.cut_short else NEVER_NS,
            on_frame=comparison.frame,
            by_bytes=self._by_bytes,
            lines=self._lines,
            patience_ns=patience_ns,
        )
        if link.altered:
            stream.doubt = "a control datagram was altered on its way"
        return stream

    def _close(self, link: Link) -> None:
        if link.stream is not None and link.comparison is not None:
            ended_ns = link.ended_ns = link.stream.finish()
            named = isinstance(link.stream, GreetedStream) and link.stream.named_by_welcome
            if self._pull and link.stream.connection_id is None and not named:
                link.stream.connection_id = UNKNOWN_CONNECTION_ID
                if link.stream.result == SUCCEEDED:
                    link.stream.result = StreamError.NO_CONNECTION_ID.value
            link.sender_failed |= any(other.failed for other in link.comparison.others)
            self._rows.append(link.comparison.finish(link.stream, ended_ns))
            link.disagreed |= link.comparison.disagreed
            self._told(link.stream, link.comparison, ended_ns)
            link.stream = link.comparison = None

    def _told(self, stream: ExpectedStream, comparison: Comparison, ended_ns: int) -> None:
        """Enter a stream that has ended into the status lines."""
        if comparison.outcome is not None:
            held_ns = EXCHANGED_NS if speaks(stream) else HELD_NS
            self._lines.ended(stream.opened_ns, ended_ns, comparison.outcome, comparison.others, held_ns)
        if stream.doubt is not None:
            self._lines.doubtful(stream.opened_ns)

    def _sent(self, link: Link) -> None:
        """Look at a link's sender, as far as the status lines rest on it.

        It must have sent what the stream is, on a simulated network at its time; a client that got no answer must be told of.
        """
        sending = link.sending
        if link.plan is self._plan and not link.disagreed and (link.streams or self._served is None):
            self.datagram_sizes |= sending.datagram_sizes
        if not self._simulated:
            return
        if late_ns := sending.late_ns:
            self._differences.add(Difference("sent", None, link.client, None, "when due", f"{late_ns} ns after"))
        sending.tell()
        if self._pull:
            sending.unseen(link.ended_ns)
            for at_ns, sure in sending.refused():
                self._refused(at_ns, sure and not link.sender_failed)
        elif (
            self._own_clients
            and (sending.in_vain and not self._cut and not link.streams)
            and not any(end.failed and end.client == link.address for end in self._lone)
        ):
            self._differences.add(Difference("stream", None, link.client, None, "a sender that got no answer", None))

    def _refused(self, at_ns: int, sure: bool) -> None:
        """A server read something that it may have answered with nothing."""
        self._refused_lines.maybe("refused", at_ns)
        if sure:
            self._refused_lines.sure("refused", at_ns)
