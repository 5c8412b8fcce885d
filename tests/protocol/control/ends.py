"""What the tests of control datagrams have in common: a plan, both ends, values of each kind."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from cts.protocol.control.acceptor import Accepted, Acceptor, Incoming, Repeated, Unfit
from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.datagrams import HelloDatagram, decode_control_untrusted
from cts.protocol.control.keys import Key, KeyRing
from cts.protocol.control.limits import Caps, Reason, Refusal, WantedPlan
from cts.protocol.control.messages import (
    ALL_FEATURES,
    Challenge,
    Counts,
    Feature,
    Hello,
    Message,
    Ping,
    Pong,
    Refused,
    Results,
    ResultsAck,
    Welcome,
)
from cts.protocol.control.session import Session
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.units import MAX_QUANTITY, MILLISECOND, SECOND, FrameRate

PLAN = StreamPlan(8_000_000, FrameRate(30_000, 1001), 5 * SECOND)
NONCE, SERVER_NONCE = bytes(range(16)), bytes(range(16, 32))
SECRET = b"only of this run" * 2
NAME = "0b6f4f27-0f5b-4c0e-a6a4-7f2f6f3b6a10"
ADDRESS, PORT = b"192.0.2.7", 50_000
CAPS = Caps(bits_per_second=100_000_000, frame_rate=240)
KEY = Key("alice", b"k" * 32)
MS = MILLISECOND


def client_of(
    *,
    plan: StreamPlan = PLAN,
    nonce: bytes = NONCE,
    now_ns: int = 0,
    mode: HandshakeMode = HandshakeMode.AUTO,
    key: Key | None = None,
    features: Feature = ALL_FEATURES,
    on_fall_back: Callable[[], None] | None = None,
) -> ClientHandshake:
    return ClientHandshake(
        plan,
        Direction.PULL,
        nonce=nonce,
        now_ns=now_ns,
        mode=mode,
        key=key,
        features=features,
        on_fall_back=on_fall_back,
    )


def acceptor_of(*keys: Key, remembered: int = 100) -> Acceptor:
    return Acceptor(SECRET, keys=KeyRing(keys) if keys else None, remembered=remembered)


def hear(
    acceptor: Acceptor, datagram: bytes | None, now_ns: int = 0, port: int = PORT
) -> bytes | Repeated | Unfit | Incoming:
    """Hand what a client sent, which must be a HELLO, to a server."""
    assert datagram is not None
    hello = HelloDatagram.of(decode_control_untrusted(datagram))
    assert hello is not None
    return acceptor.hear(hello, ADDRESS, port, now_ns)


def tell(client: ClientHandshake, datagram: object, now_ns: int = 0) -> bool:
    """Hand what a server sent, which must be a datagram, to a client."""
    if isinstance(datagram, Unfit):
        datagram = datagram.answer
    assert isinstance(datagram, bytes)
    return client.hear(decode_control_untrusted(datagram), now_ns)


def accept(acceptor: Acceptor, incoming: object, now_ns: int = 0, plan: StreamPlan = PLAN) -> Accepted:
    assert isinstance(incoming, Incoming)
    return acceptor.accept(incoming, plan, connection_id=NAME, server_nonce=SERVER_NONCE, caps=CAPS, now_ns=now_ns)


def challenged(client: ClientHandshake, acceptor: Acceptor, now_ns: int = 0) -> bytes:
    """Bring a client to its HELLO with the cookie, and return that."""
    assert tell(client, hear(acceptor, client.poll(now_ns), now_ns), now_ns)
    hello = client.poll(now_ns)
    assert hello is not None
    return hello


def channels(client_key: Key | None = None, now_ns: int = 0) -> tuple[StreamChannel, StreamChannel]:
    """Return both ends of a stream that was agreed on: the client's, the server's."""
    client = client_of(key=client_key, mode=HandshakeMode.CTS)
    acceptor = acceptor_of() if client_key is None else acceptor_of(client_key)
    accepted = accept(acceptor, hear(acceptor, challenged(client, acceptor)))
    assert tell(client, accepted.answer)
    assert client.session is not None
    return channel_of(client.session, now_ns), channel_of(accepted.session, now_ns)


def channel_of(session: Session, now_ns: int = 0, features: Feature = ALL_FEATURES) -> StreamChannel:
    return StreamChannel(session, now_ns=now_ns, jitter=lambda: 0.0, features=features)


def sent(channel: StreamChannel, now_ns: int = 0) -> list[bytes]:
    datagrams = []
    while (datagram := channel.poll(now_ns)) is not None:
        datagrams.append(datagram)
    return datagrams


def said(datagrams: list[bytes]) -> list[Message]:
    return [decode_control_untrusted(datagram).message for datagram in datagrams]


def give(channel: StreamChannel, datagrams: list[bytes], now_ns: int = 0) -> list[object]:
    heard = [channel.hear(decode_control_untrusted(datagram), now_ns) for datagram in datagrams]
    return [each for each in heard if each is not None]


def meet(client: StreamChannel, server: StreamChannel, now_ns: int = 0) -> None:
    """Have both ends say what they have to say, and hear it, until there is nothing left."""
    while said_by_client := sent(client, now_ns):
        give(server, said_by_client, now_ns)
        give(client, sent(server, now_ns), now_ns)
    give(client, sent(server, now_ns), now_ns)


U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
QUANTITY = st.integers(0, MAX_QUANTITY)
POSITIVE = st.integers(1, MAX_QUANTITY)
OCTETS = st.binary(min_size=16, max_size=16)
RATES = st.builds(FrameRate, POSITIVE, POSITIVE)
PLANS = st.builds(WantedPlan, QUANTITY, RATES, QUANTITY, QUANTITY, st.integers(0, 2**32 - 1))
MAYBE = st.one_of(st.none(), POSITIVE)
ALL_CAPS = st.builds(Caps, MAYBE, st.one_of(st.none(), RATES), MAYBE, MAYBE, MAYBE, MAYBE)
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
KEY_NAMES = st.from_regex(r"[A-Za-z0-9._@-]{1,64}", fullmatch=True)
RECEIVED = st.builds(ReceiverCounts, *[U64] * 22)
SENT = st.builds(SenderCounts, *[U64] * 10)
FEATURES = st.sampled_from([Feature(0), Feature.COUNTS, Feature.RESULTS, ALL_FEATURES])
DIRECTIONS = st.sampled_from(Direction)
HELLOS = st.builds(
    Hello, OCTETS, PLANS, DIRECTIONS, FEATURES, st.one_of(st.none(), KEY_NAMES), st.one_of(st.none(), OCTETS)
)
CHALLENGES = st.builds(Challenge, OCTETS, OCTETS)
WELCOMES = st.builds(Welcome, OCTETS, OCTETS, st.uuids().map(str), PLANS, DIRECTIONS, FEATURES, ALL_CAPS, I64)
REFUSALS = st.builds(Refusal, st.sampled_from(Reason), WORDS, st.one_of(st.none(), WORDS), st.one_of(st.none(), WORDS))
REFUSEDS = st.builds(Refused, OCTETS, REFUSALS)
OF_STREAM: st.SearchStrategy[Message] = st.one_of(
    st.builds(Ping, I64),
    st.builds(Pong, I64, I64, I64),
    st.builds(Counts, st.one_of(st.none(), RECEIVED), st.one_of(st.none(), SENT)),
    st.builds(Results, WORDS, st.one_of(st.none(), RECEIVED), st.one_of(st.none(), SENT)),
    st.just(ResultsAck()),
)
OPENING: st.SearchStrategy[Message] = st.one_of(HELLOS, CHALLENGES, WELCOMES, REFUSEDS)
