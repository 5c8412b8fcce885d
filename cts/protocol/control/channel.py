"""What one end of a stream says to the other beside media, from WELCOME to its end: clocks, counts, results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from cts.metrics.peer_clock import ClockSample
from cts.protocol.control.belief import Seen, believed
from cts.protocol.control.datagrams import Control
from cts.protocol.control.messages import ALL_FEATURES, Counts, Feature, Ping, Pong, Results, StreamMessage
from cts.protocol.control.messages import ResultsAck as Ack
from cts.protocol.control.pinging import PING_INTERVAL_NS, Allowance, Pinger
from cts.protocol.control.results import CUT_OFF, ResultsExchange
from cts.protocol.control.session import Session
from cts.protocol.control.states import Event, State, next_state
from cts.protocol.plan import StreamPlan
from cts.protocol.remark import FELL_SILENT
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS
from cts.units import SECOND, counted, format_duration

__all__ = ["CONFIRMED_WITHIN_NS", "StreamChannel"]

CONFIRMED_WITHIN_NS = 5 * SECOND
"""From WELCOME to giving up where nothing more comes."""
_NOT_HEARD = (
    f"the stream was agreed on, and then nothing came of the other end for {format_duration(CONFIRMED_WITHIN_NS)}"
)
_Told = TypeVar("_Told", Counts, Results)

_ANSWERS_AT_ONCE = 4
_ANSWER_INTERVAL_NS = SECOND // 10


class StreamChannel:
    """One end of one stream, client or server.

    Send what :meth:`poll` returns until it returns None, now, at :attr:`due_ns`, and after each call of another method.
    Holds a bounded number of values, whatever comes.

    Args:
        session: seals and opens its datagrams.
        now_ns: this instant.
        jitter: draws from 0 (included) to 1, for the intervals between PINGs.
        features: what both ends can do.
        plan: the stream's arithmetic, beyond which nothing is believed; None to believe all.
        seen: returns what this end knows of the stream, against which nothing is believed; None where it knows nothing.
        ping_interval_ns: from one PING to the next at least; five a second by default, which is the most.

    Attributes:
        state: WELCOMED, then CONFIRMED or UNCONFIRMED.
        peer_counts: the newest that came.
        peer_results: those that came; None for "not received".
        ignored: messages of the peer's that came too fast to be answered, that were out of place, or told what cannot be.
    """

    def __init__(
        self,
        session: Session,
        *,
        now_ns: int,
        jitter: Callable[[], float],
        features: Feature = ALL_FEATURES,
        plan: StreamPlan | None = None,
        seen: Callable[[], Seen] | None = None,
        ping_interval_ns: int = PING_INTERVAL_NS,
    ) -> None:
        self.state = State.WELCOMED
        self.peer_counts: Counts | None = None
        self.peer_results: Results | None = None
        self.ignored = 0
        self.session = session
        self._features = features
        self._plan = plan
        self._seen = seen
        self._pinger = Pinger(now_ns, jitter=jitter, interval_ns=max(ping_interval_ns, PING_INTERVAL_NS))
        self._allowance = Allowance(_ANSWERS_AT_ONCE, _ANSWER_INTERVAL_NS)
        self._confirmed_until_ns = now_ns + CONFIRMED_WITHIN_NS
        self._pings: deque[tuple[Ping, int]] = deque()
        self._owes_ack = False
        self._counts: Counts | None = None
        self._counts_number = 0
        self._exchange: ResultsExchange | None = None

    def heard_data(self) -> None:
        """Take note that data of the peer's has come: it streams."""
        self._turn(Event.HEARD)

    def hear(self, control: Control, received_ns: int) -> ClockSample | Counts | Results | None:
        """Take a control datagram from the peer's address.

        Args:
            control: the datagram.
            received_ns: when it came: the kernel's receive time where there is one.

        Returns:
            What it tells that was not known: a look at the peer's clock, newer counts, its results; None for nothing.
        """
        message = self.session.open(control)
        if message is None or self.state is State.UNCONFIRMED:
            return None
        self._turn(Event.HEARD)
        self._pinger.peer_heard(received_ns)
        return self._takes(message, control.sequence or 0, received_ns)

    @property
    def explanation(self) -> str | None:
        """What a person should hear of a peer that was never heard, without a full stop; None while there is nothing to say."""
        return _NOT_HEARD if self.state is State.UNCONFIRMED else None

    def silence(self, now_ns: int) -> str | None:
        """Say that a peer which was there says nothing any more, without a full stop; None while it may, or need not."""
        if self.state is not State.CONFIRMED or self._exchange is not None:
            return None
        silence_ns = self._pinger.silence_ns(now_ns)
        if silence_ns is None:
            return None
        lasted = format_duration(silence_ns // SECOND * SECOND)
        return f"{FELL_SILENT}: nothing came of it for {lasted}, though it was asked {counted(self._pinger.in_vain, 'time')}"

    def tell(self, counts: Counts) -> None:
        """Have counts told to the peer; where earlier ones still wait, in their place."""
        if Feature.COUNTS in self._features and self._exchange is None:
            self._counts = counts

    def finish(self, results: Results, now_ns: int, *, peer_ends_ns: int) -> None:
        """Begin to tell the results of this side, which is over; once.

        Args:
            results: what it came to.
            now_ns: this instant.
            peer_ends_ns: when the other end's side is over by the plan, in this end's clock.
        """
        if self._exchange is None:
            if self.peer_results is not None:
                # What came behind them may speak against them.
                self.peer_results = self._believed(self.peer_results)
            self._counts = None
            self._exchange = ResultsExchange(results, now_ns, peer_ends_ns=peer_ends_ns)

    def is_over(self, now_ns: int) -> bool:
        """Tell whether this end has nothing more to say or to wait for; only after :meth:`finish`, or if it is unconfirmed."""
        if self.state is State.UNCONFIRMED:
            return True
        if self._exchange is None or self._owes_ack:
            return False
        if Feature.RESULTS not in self._features:
            return True
        peers = self.peer_results
        if peers is not None and peers.outcome == CUT_OFF and self._exchange.sent:
            # It has left with that word: nobody is there to acknowledge.
            return True
        return self._exchange.is_over(now_ns, has_peers=peers is not None)

    @property
    def acknowledged(self) -> bool:
        """Whether the peer has this end's results."""
        return self._exchange is not None and self._exchange.acknowledged

    @property
    def due_ns(self) -> int:
        """When to poll next, if nothing happens before."""
        if self.state is State.UNCONFIRMED:
            return FOREVER_NS
        due_ns = FOREVER_NS
        if self.state is State.WELCOMED:
            due_ns = self._confirmed_until_ns + JUST_AFTER_NS
        if self._exchange is None:
            return min(due_ns, self._pinger.due_ns)
        if Feature.RESULTS not in self._features:
            return due_ns
        return min(due_ns, self._exchange.due_ns(has_peers=self.peer_results is not None))

    def poll(self, now_ns: int) -> bytes | None:
        """Return the next datagram to send now; None where there is none, and it may be that this was the end of waiting."""
        if now_ns > self._confirmed_until_ns:
            self._turn(Event.TIME_OUT)
        if self.state is State.UNCONFIRMED:
            return None
        message = self._next(now_ns)
        return None if message is None else self.session.seal(message)

    def _next(self, now_ns: int) -> StreamMessage | None:
        if self._pings:
            ping, received_ns = self._pings.popleft()
            return Pong(ping.sent_ns, received_ns, now_ns)
        if self._owes_ack:
            self._owes_ack = False
            return Ack()
        if self._exchange is not None:
            return self._exchange.poll(now_ns) if Feature.RESULTS in self._features else None
        if self._counts is not None:
            counts, self._counts = self._counts, None
            return counts
        return self._pinger.ping(now_ns) if now_ns >= self._pinger.due_ns else None

    def _turn(self, event: Event) -> None:
        self.state = next_state(self.state, event) or self.state

    def _takes(self, message: StreamMessage, number: int, received_ns: int) -> ClockSample | Counts | Results | None:
        if isinstance(message, Ping):
            if len(self._pings) < _ANSWERS_AT_ONCE and self._allowance.take(received_ns):
                self._pings.append((message, received_ns))
            else:
                self.ignored += 1
            return None
        if isinstance(message, Pong):
            return self._pinger.heard(message, received_ns)
        if isinstance(message, Counts):
            if number < self._counts_number or self.peer_results is not None:
                return None
            self._counts_number, self.peer_counts = number, self._believed(message)
            return self.peer_counts
        if isinstance(message, Results):
            return self._has_results(message, received_ns)
        if self._exchange is None:
            self.ignored += 1
        else:
            self._exchange.acknowledged = True
        return None

    def _has_results(self, results: Results, received_ns: int) -> Results | None:
        # One of them is acknowledged at least; what comes faster than any end of cts repeats is not.
        if self._allowance.take(received_ns):
            self._owes_ack = True
        else:
            self.ignored += 1
        if self.peer_results is not None:
            return None
        self.peer_results = self._believed(results)
        return self.peer_results

    def _believed(self, told: _Told) -> _Told:
        """Return what is told without what the stream cannot come to."""
        if self._plan is None:
            return told
        kept = believed(told, self._plan, None if self._seen is None else self._seen())
        self.ignored += kept != told
        return kept
