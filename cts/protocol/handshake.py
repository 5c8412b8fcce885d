"""How a stream begins: who asks, who names it, how often each says so, and from when both schedules count.

::

    client (asks)                                server (names)
    START, from its base on,            ──────►  begins: base = now
    every interval + 500 ms,
    until it is settled
                                        ◄──────  connection id: at once; in a push again for each START
    settled by data (pull): nothing moves
    settled by the id (push): base = its         settled by data; before that a START that comes
    receive time, and frames are sent            again begins the stream anew: base = its receive time

A name is taken once. A client that nothing answers gives up at the first render time, when the receiving side has given up,
too: to ask for longer would start a stream that nobody waits for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS, DatagramBatch, IOAction, IOTask
from cts.protocol.wire import START, ConnectionId, is_start

__all__ = ["START_RETRY_NS", "Answering", "Asking", "Handshake", "handshake_of", "starts_apart"]

START_RETRY_NS = 500_000_000
"""A client repeats START this long, plus one frame interval, after the one before."""


class Handshake(ABC):
    """One side of the beginning.

    Attributes:
        base_ns: the instant from which this side's schedule is computed.
        connection_id: the UUID that the server gave the stream, once known.
        gives_up_ns: when this side stops waiting for the other.
        pending: whether it has something to send, now or later.
        settled: whether the peer has shown that it takes part, after which nothing begins anew.
        asks: whether this is the client's side, which is told the stream's name.
    """

    asks: bool

    def __init__(self, base_ns: int, connection_id: str | None) -> None:
        self.base_ns = base_ns
        self.connection_id = connection_id
        self.gives_up_ns = FOREVER_NS
        self.pending = True
        self.settled = False

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

    def asked_again(self, received_ns: int) -> bool:
        """Take note that START came once more; tell whether this side's schedule begins anew."""
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
        self._began_ns = base_ns
        self._retry_ns = plan.interval_ns + START_RETRY_NS
        self._asked = 0
        self._name_settles = name_settles
        self.gives_up_ns = base_ns + plan.render_offset_ns(1)

    def task(self, now_ns: int) -> IOTask:
        """Return the next START."""
        # One that repeats another leaves just after its time, so that an answer of that instant wins.
        due_ns = self._began_ns + self._asked * self._retry_ns + (JUST_AFTER_NS if self._asked else 0)
        return IOTask(IOAction.SEND, due_ns, datagram=START)

    def sent(self) -> None:
        """Count it."""
        self._asked += 1

    def data_came(self) -> None:
        """Ask no more."""
        self.settled = True
        self.pending = False

    def named(self, name: str, received_ns: int) -> bool:
        """Take the name, if it is the first and came in time."""
        in_vain = self._name_settles and (self.settled or received_ns > self.gives_up_ns)
        if self.connection_id is not None or in_vain:
            return False
        self.connection_id = name
        if self._name_settles:
            self.base_ns = received_ns
            self.data_came()
        return self._name_settles


class Answering(Handshake):
    """A server's side.

    Args:
        base_ns: when it begins.
        connection_id: the name that it gives the stream.
        repeats: whether it answers each START anew, as a receiver does; a sender's frames are answer enough.
    """

    asks = False

    def __init__(self, base_ns: int, connection_id: str, *, repeats: bool) -> None:
        super().__init__(base_ns, connection_id)
        self._answer = ConnectionId(connection_id).encode()
        self._repeats = repeats

    def task(self, now_ns: int) -> IOTask:
        """Return the answer, which is due at once."""
        return IOTask(IOAction.SEND, now_ns, datagram=self._answer)

    def sent(self) -> None:
        """Owe no answer until START comes again."""
        self.pending = False

    def asked_again(self, received_ns: int) -> bool:
        """Answer again; unless data has come, the peer begins anew, and so does this side."""
        if not self._repeats:
            return False
        self.pending = True
        if not self.settled:
            self.base_ns = received_ns
        return not self.settled


def handshake_of(plan: StreamPlan, base_ns: int, *, role: Role, connection_id: str | None) -> Handshake:
    """Return the side that names the stream ``connection_id``, or where that is None the one that asks."""
    if connection_id is None:
        return Asking(plan, base_ns, name_settles=role is Role.SENDER)
    return Answering(base_ns, connection_id, repeats=role is Role.RECEIVER)


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
