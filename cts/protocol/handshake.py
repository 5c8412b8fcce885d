"""How a stream begins: who asks, who names it, how often each says so, and from when both schedules count.

::

    client (asks)                                server (names)
    START, from its base on,            ──────►  begins: base = now
    every interval + 500 ms,
    until it is settled and named
                                        ◄──────  connection id: at once, and again for each START
    settled by data (pull): nothing moves
    settled by the id (push): base = its         settled by data; before that a START that comes again
    receive time, and frames are sent            begins the stream anew: base = its receive time. One that
                                                 comes a buffer depth after the first begins and is told nothing

A name is taken once. A client that nothing answers gives up at the first render time, when the receiving side has given up,
too: to ask for longer would start a stream that nobody waits for. One that has data and no name asks no longer than the server
sends, for the same reason.

A START that can repeat none of this stream's is another stream's, of a client that has the port now (``begins_another``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS, DatagramBatch, IOAction, IOTask, StreamError
from cts.protocol.wire import START, ConnectionId, is_start

__all__ = ["START_RETRY_NS", "Answering", "Asking", "Handshake", "handshake_of", "retry_ns", "starts_apart"]

START_RETRY_NS = 500_000_000
"""A client repeats START this long, plus one frame interval, after the one before."""

_UNDER_WAY_NS = START_RETRY_NS
"""How much longer one START may be under way than another of its client."""


def retry_ns(plan: StreamPlan) -> int:
    """Return the time from a client's START to the next one, nanoseconds."""
    return plan.interval_ns + START_RETRY_NS


class Handshake(ABC):
    """One side of the beginning.

    Attributes:
        base_ns: the instant from which this side's schedule is computed.
        connection_id: the UUID that the server gave the stream, once known.
        gives_up_ns: when this side stops waiting for the other.
        pending: whether it has something to send, now or later.
        settled: whether the peer has shown that it takes part, after which nothing begins anew.
        asks: whether this is the client's side, which is told the stream's name.
        began: whether this side's schedule counts, from ``base_ns``; until then it waits for an answer, and nothing is due.
        patience_ns: how long this side waits for data at least, nanoseconds after ``base_ns``.
        asked: STARTs that this side has sent, or has got again.
        in_vain_ns: how long this side had asked by HELLO before, which nothing answered.
    """

    asks: bool

    def __init__(self, base_ns: int, connection_id: str | None) -> None:
        self.base_ns = base_ns
        self.connection_id = connection_id
        self.gives_up_ns = FOREVER_NS
        self.pending = True
        self.settled = False
        self.asked = 0
        self.began = True
        self.patience_ns = 0
        self.in_vain_ns = 0

    @property
    def agreed(self) -> bool:
        """Whether both ends have said what the stream is, so that nothing that comes puts its settings in doubt."""
        return False

    def not_reached(self) -> None:  # noqa: B027 (most have nothing to do by it)
        """Take note that the network says that the peer is not reached."""

    @property
    def failure(self) -> tuple[StreamError, str] | None:
        """Why there will be no stream, with a sentence for a person; None while there may be one."""
        return None

    @abstractmethod
    def task(self, now_ns: int) -> IOTask:
        """Return the task that sends its next datagram; only while it is ``pending``."""

    @abstractmethod
    def sent(self) -> None:
        """Take note that the task's datagram went."""

    def data_came(self) -> None:
        """Take note that the peer's stream has reached this side."""
        self.settled = True

    def named(self, name: str, received_ns: int) -> bool:
        """Take the stream's name; tell whether this side's schedule begins with it."""
        return False

    def control(self, datagram: bytes | memoryview, received_ns: int) -> bool:
        """Take a control datagram of the peer; False if this side has no use for any."""
        return False

    def data_first(self, sequence: int, received_ns: int) -> bool:
        """Take note of data of a frame before this side's schedule has begun; tell whether that begins with it."""
        return False

    def asked_again(self, received_ns: int) -> bool:
        """Take note that START, or HELLO, came once more; tell whether this side's schedule begins anew."""
        return False

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether a START that comes then cannot repeat the one that this stream began with (to a sender)."""
        return False


class Asking(Handshake):
    """A client's side.

    Args:
        plan: the stream's arithmetic.
        base_ns: when it begins.
        name_settles: whether the stream's name is what it waits for, as a sender does; a receiver waits for data.
    """

    asks = True

    def __init__(self, plan: StreamPlan, base_ns: int, *, name_settles: bool) -> None:
        super().__init__(base_ns, None)
        self._plan = plan
        self._retry_ns = retry_ns(plan)
        self._name_settles = name_settles
        self.begin(base_ns)

    def begin(self, base_ns: int) -> None:
        """Have the schedule count from an instant; only before anything was sent or has come."""
        self.base_ns = self._began_ns = base_ns
        self.gives_up_ns = base_ns + self._plan.render_offset_ns(1)
        # The server began later than this side, so that until then it sends.
        self._sent_until_ns = base_ns + self._plan.send_offset_ns(self._plan.final_frame)

    def task(self, now_ns: int) -> IOTask:
        """Return the next START."""
        # One that repeats another leaves just after its time, so that an answer of that instant wins.
        due_ns = self._began_ns + self.asked * self._retry_ns + (JUST_AFTER_NS if self.asked else 0)
        return IOTask(IOAction.SEND, due_ns, datagram=START)

    def sent(self) -> None:
        """Count it."""
        self.asked += 1

    def data_came(self) -> None:
        """Ask no more, unless the name is missing: then for no longer than the server sends."""
        self.settled = True
        self.pending = self.connection_id is None
        self.gives_up_ns = min(self.gives_up_ns, self._sent_until_ns)

    def named(self, name: str, received_ns: int) -> bool:
        """Take the name, if it is the first and came in time."""
        in_vain = self._name_settles and (self.settled or received_ns > self.gives_up_ns)
        if self.connection_id is not None or in_vain:
            return False
        self.connection_id = name
        if self._name_settles:
            self.base_ns = received_ns
            self.settled = True
        self.pending = not self.settled
        return self._name_settles


class Answering(Handshake):
    """A server's side.

    Args:
        plan: the stream's arithmetic.
        base_ns: when it begins.
        connection_id: the name that it gives the stream.
        follows: whether its schedule follows the peer's, as a receiver's does.
        answer: the datagram that tells the client; None for the connection id, which answers START.
        patience_ns: how long after the first time, at least, who asks again is taken for the same client, and how long after
            that its data is waited for, nanoseconds.
    """

    asks = False

    def __init__(
        self,
        plan: StreamPlan,
        base_ns: int,
        connection_id: str,
        *,
        follows: bool,
        answer: bytes | None = None,
        patience_ns: int = 0,
    ) -> None:
        super().__init__(base_ns, connection_id)
        self._answer = ConnectionId(connection_id).encode() if answer is None else answer
        self._agreed = answer is not None
        self._follows = follows
        self._retry_ns = retry_ns(plan)
        self._asked_ns = base_ns
        self.patience_ns = patience_ns
        self._asks_until_ns = base_ns + max(plan.render_offset_ns(1), patience_ns)

    @property
    def agreed(self) -> bool:
        """Whether HELLO asked for it."""
        return self._agreed

    def task(self, now_ns: int) -> IOTask:
        """Return the answer, which is due at once."""
        return IOTask(IOAction.SEND, now_ns, datagram=self._answer)

    def sent(self) -> None:
        """Owe no answer until START comes again."""
        self.pending = False

    def asked_again(self, received_ns: int) -> bool:
        """Answer again; unless data has come, a sender begins anew, and so does this side, which receives from it.

        Not for ever, or who repeats START would keep the stream's place: one that comes after the first one's client has given
        up is another client's, who is to get a stream of its own once this one has ended.
        """
        follows = self._follows and not self.settled
        if follows and received_ns > self._asks_until_ns:
            return False
        self.pending = True
        self.asked += 1
        self._asked_ns = received_ns
        if follows:
            self.base_ns = received_ns
        return follows

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether a START that comes then cannot repeat one of the client that is being sent to.

        It gives up at its first render; before that, no more than one START in a row is taken to have been lost.
        """
        until_ns = min(self._asks_until_ns, self._asked_ns + 2 * self._retry_ns)
        return received_ns > until_ns + _UNDER_WAY_NS


def handshake_of(plan: StreamPlan, base_ns: int, *, role: Role, connection_id: str | None) -> Handshake:
    """Return the side that names the stream ``connection_id``, or where that is None the one that asks."""
    if connection_id is None:
        return Asking(plan, base_ns, name_settles=role is Role.SENDER)
    return Answering(plan, base_ns, connection_id, follows=role is Role.RECEIVER)


def starts_apart(batch: DatagramBatch) -> tuple[int, DatagramBatch | None]:
    """Return how many datagrams of a batch are START, and the others as one batch; None for no others."""
    size, length = batch.segment_size, len(batch.data)
    if size != len(START) and length % size != len(START):
        return 0, batch
    datagrams = batch.datagrams()
    others = [datagram for datagram in datagrams if not is_start(datagram)]
    if not others:
        return len(datagrams), None
    if len(others) == len(datagrams):
        return 0, batch
    return len(datagrams) - len(others), DatagramBatch(b"".join(others), size, batch.received_ns)
