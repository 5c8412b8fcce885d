"""What one end can say to the other, as values. Times are nanoseconds of the clock that stamps the sayer's data."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from attrs import frozen

from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.limits import Caps, Refusal, WantedPlan
from cts.protocol.roles import Direction

__all__ = [
    "ALL_FEATURES",
    "Challenge",
    "Counts",
    "Feature",
    "Hello",
    "Message",
    "MessageType",
    "OpeningMessage",
    "Ping",
    "Pong",
    "Refused",
    "Results",
    "ResultsAck",
    "StreamMessage",
    "Welcome",
]


class MessageType(IntEnum):
    """The number of each message; those from 16 on belong to a stream and are sealed."""

    HELLO = 1
    CHALLENGE = 2
    WELCOME = 3
    REFUSED = 4
    PING = 16
    PONG = 17
    COUNTS = 18
    RESULTS = 19
    RESULTS_ACK = 20


class Feature(IntFlag):
    """What an end can do beside streaming; in force is what both can. To answer PING is no choice."""

    COUNTS = 1
    """It tells its counts while the stream runs."""
    RESULTS = 2
    """It tells its results at the end, and acknowledges the peer's."""


ALL_FEATURES = Feature.COUNTS | Feature.RESULTS


@frozen
class Hello:
    """A client asks for a stream.

    Attributes:
        nonce: names the attempt; drawn anew for each, from a source that nobody can foresee.
        plan, direction: the stream that it wants.
        features: what it can do.
        key_name: which of the server's keys it has; None for one without a name, or none.
        cookie: what CHALLENGE brought; None the first time.
        unknown: fields that must be understood and are not (of a received one).
    """

    nonce: bytes
    plan: WantedPlan
    direction: Direction
    features: Feature = ALL_FEATURES
    key_name: str | None = None
    cookie: bytes | None = None
    unknown: tuple[int, ...] = ()


@frozen
class Challenge:
    """A server wants to see that the address receives: HELLO is to come again, with the cookie."""

    nonce: bytes
    cookie: bytes


@frozen
class Welcome:
    """A server serves the stream, which begins.

    Attributes:
        nonce: that of HELLO.
        server_nonce: the server's part in the keys of the stream.
        connection_id: the name under which both ends log it, a UUID of 36 characters.
        plan, direction: the stream as accepted, which is the one that was asked for.
        features: what both ends can do.
        caps: what this server allows one stream.
        clock_ns: the server's clock as it sent this first.
    """

    nonce: bytes
    server_nonce: bytes
    connection_id: str
    plan: WantedPlan
    direction: Direction
    features: Feature
    caps: Caps
    clock_ns: int


@frozen
class Refused:
    """A server does not serve the stream."""

    nonce: bytes
    refusal: Refusal


@frozen
class Ping:
    """Asks for the peer's clock. ``sent_ns`` is T1 of RFC 5905, section 8."""

    sent_ns: int


@frozen
class Pong:
    """Answers a PING.

    Attributes:
        ping_ns: what the PING said (T1).
        received_ns: when it came (T2).
        sent_ns: when this left (T3).
    """

    ping_ns: int
    received_ns: int
    sent_ns: int


@frozen
class Counts:
    """What an end has counted so far; None for a part that it does not play."""

    received: ReceiverCounts | None = None
    sent: SenderCounts | None = None


@frozen
class Results:
    """What an end has counted when its side of the stream is over.

    Attributes:
        outcome: ``Succeeded`` or the name of an error, as in the logs.
        received, sent: as in :class:`Counts`.
    """

    outcome: str
    received: ReceiverCounts | None = None
    sent: SenderCounts | None = None


@frozen
class ResultsAck:
    """The peer's RESULTS have come."""


OpeningMessage = Hello | Challenge | Welcome | Refused
StreamMessage = Ping | Pong | Counts | Results | ResultsAck
Message = OpeningMessage | StreamMessage
