from __future__ import annotations

import pytest
from attrs import evolve

from cts.protocol.control.acceptor import Unfit
from cts.protocol.control.client import GIVES_UP_NS, HELLO_RETRY_NS, ClientHandshake, HandshakeMode
from cts.protocol.control.cookie import COOKIE_SLOT_NS
from cts.protocol.control.datagrams import decode_control_untrusted, encode_control, with_tag
from cts.protocol.control.keys import Key
from cts.protocol.control.limits import Reason, Refusal
from cts.protocol.control.messages import Challenge, Feature, Hello, Ping, Refused, Welcome
from cts.protocol.control.states import State
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.protocol.task import FOREVER_NS
from cts.units import MILLISECOND, SECOND
from tests.protocol.control.ends import (
    CAPS,
    KEY,
    NAME,
    NONCE,
    PLAN,
    SERVER_NONCE,
    accept,
    acceptor_of,
    challenged,
    client_of,
    hear,
    tell,
)

REFUSED = encode_control(Refused(NONCE, Refusal(Reason.BUSY, "it is full")))
COOKIE = b"c" * 16
CHALLENGE = encode_control(Challenge(NONCE, COOKIE))


def hello_in(datagram: bytes | None) -> Hello:
    assert datagram is not None
    message = decode_control_untrusted(datagram).message
    assert isinstance(message, Hello)
    return message


def polled(client: ClientHandshake, until_ns: int) -> list[int]:
    """Poll a client whenever it wants to be, and return when it sent."""
    sent = []
    while (due_ns := client.due_ns) <= until_ns:
        if client.poll(due_ns) is not None:
            sent.append(due_ns)
    return sent


# ------------------------------------------------------------------------------------------------ who answers


def test_a_server_of_cts_welcomes_a_client_after_two_hellos() -> None:
    client, acceptor = client_of(), acceptor_of()
    hello = challenged(client, acceptor, now_ns=5)
    assert client.state is State.CHALLENGED
    accepted = accept(acceptor, hear(acceptor, hello, 6), now_ns=6)
    assert tell(client, accepted.answer, 7)
    assert (client.state, client.hellos, client.pending, client.due_ns) == (State.WELCOMED, 2, False, FOREVER_NS)
    assert client.welcome is not None
    assert client.welcome.plan.plan() == PLAN
    assert (client.welcome.connection_id, client.welcome.caps, client.welcome.clock_ns) == (NAME, CAPS, 6)
    assert client.explanation is None
    assert client.session is not None
    assert accepted.session.open(decode_control_untrusted(client.session.seal(Ping(1)))) == Ping(1)


def test_a_refusal_is_told_with_what_the_server_says() -> None:
    client = client_of()
    client.poll(0)
    assert tell(client, REFUSED)
    assert (client.state, client.explanation) == (State.REFUSED, "the server refuses: it is full")
    assert client.poll(SECOND) is None


def test_a_refusal_without_a_text_is_told_by_its_reason() -> None:
    client = client_of()
    client.poll(0)
    tell(client, CHALLENGE)
    assert tell(client, encode_control(Refused(NONCE, Refusal(Reason.BUSY, ""))))
    assert client.explanation == "the server refuses: BUSY, without another word"


# ------------------------------------------------------------------------------------------------ who does not


def test_a_client_falls_back_one_second_after_the_first_of_four_hellos_that_nothing_answers() -> None:
    client = client_of()
    assert polled(client, 4 * HELLO_RETRY_NS) == [number * HELLO_RETRY_NS for number in range(4)]
    assert client.pending
    assert polled(client, 4 * HELLO_RETRY_NS + 1) == []
    assert client.state is State.ORIGINAL
    assert client.explanation is not None
    assert "does not answer HELLO" in client.explanation


def test_a_client_whose_server_is_not_there_does_not_say_that_it_answers_no_hello() -> None:
    told: list[bool] = []
    client = client_of(on_fall_back=lambda: told.append(True))
    client.not_reached = True
    polled(client, 4 * HELLO_RETRY_NS + 1)
    assert client.state is State.ORIGINAL
    assert client.explanation is None
    assert told == []


def test_an_answer_in_the_instant_of_falling_back_has_come_in_time() -> None:
    client = client_of()
    polled(client, SECOND)
    assert tell(client, CHALLENGE, SECOND)
    assert hello_in(client.poll(SECOND)).cookie == COOKIE
    assert polled(client, 2 * SECOND)
    assert client.state is State.CHALLENGED


def test_a_client_that_was_answered_does_not_fall_back() -> None:
    client = client_of()
    client.poll(0)
    tell(client, CHALLENGE, 1)
    sent = polled(client, 60 * SECOND)
    assert sent == [1 + each * HELLO_RETRY_NS for each in range(20)]
    assert client.state is State.UNANSWERED
    assert client.explanation is not None
    assert "not the one with its cookie, within 5 s" in client.explanation


@pytest.mark.parametrize(
    ("mode", "key", "hint"),
    [
        (HandshakeMode.CTS, None, "original"),
        (HandshakeMode.CTS, KEY, "no key is used"),
        (HandshakeMode.AUTO, KEY, "no key is used"),
    ],
)
def test_a_client_that_must_not_fall_back_asks_for_five_seconds(
    mode: HandshakeMode, key: Key | None, hint: str
) -> None:
    client = client_of(mode=mode, key=key)
    assert polled(client, 60 * SECOND) == list(range(0, GIVES_UP_NS + 1, HELLO_RETRY_NS))
    assert client.state is State.UNANSWERED
    assert client.explanation is not None
    assert "no cts server answers within 5 s" in client.explanation
    assert hint in client.explanation


def test_a_client_asks_no_longer_than_a_server_remembers() -> None:
    nonce = bytes(16)
    for wanted_ns, until_ns in ((2 * SECOND, 2 * SECOND), (60 * SECOND, COOKIE_SLOT_NS)):
        client = ClientHandshake(
            PLAN, Direction.PUSH, nonce=nonce, now_ns=0, mode=HandshakeMode.CTS, gives_up_ns=wanted_ns
        )
        assert until_ns - HELLO_RETRY_NS < polled(client, 60 * SECOND)[-1] <= until_ns


def test_a_client_of_the_original_kind_sends_no_hello() -> None:
    client = client_of(mode=HandshakeMode.ORIGINAL)
    assert (client.state, client.pending, client.due_ns, client.poll(0)) == (State.ORIGINAL, False, FOREVER_NS, None)
    assert client.explanation is None
    assert not tell(client, CHALLENGE)


def test_a_client_that_stood_still_waits_for_its_other_hellos_all_the_same() -> None:
    client = client_of()
    assert client.poll(0) is not None
    since = 3 * SECOND
    for number in range(3):
        assert client.poll(since + number * HELLO_RETRY_NS) is not None
    assert client.poll(since + 3 * HELLO_RETRY_NS) is None
    assert client.state is State.ASKING


# ------------------------------------------------------------------------------------------------ what changes nothing


def test_nothing_is_sent_before_it_is_due() -> None:
    client = client_of(now_ns=100)
    assert client.poll(99) is None
    assert client.poll(100) is not None
    assert client.poll(100) is None


def test_what_comes_again_or_late_changes_nothing() -> None:
    client, acceptor = client_of(), acceptor_of()
    first = client.poll(0)
    challenge = hear(acceptor, first)
    assert tell(client, challenge)
    accepted = accept(acceptor, hear(acceptor, client.poll(0)))
    assert not tell(client, challenge)
    assert tell(client, accepted.answer)
    session = client.session
    for late in (challenge, accepted.answer, REFUSED, first):
        assert not tell(client, late)
    assert (client.state, client.session, client.refusal, client.ignored) == (State.WELCOMED, session, None, 5)


def test_a_welcome_before_the_cookie_went_is_made_up() -> None:
    client, acceptor = client_of(), acceptor_of()
    client.poll(0)
    twin = client_of()
    welcome = accept(acceptor, hear(acceptor, challenged(twin, acceptor))).answer
    assert not tell(client, welcome)
    assert client.state is State.ASKING


@pytest.mark.parametrize("kind", ["challenge", "refused", "hello", "sealed"])
def test_what_has_not_the_nonce_of_the_attempt_changes_nothing(kind: str) -> None:
    client, other = client_of(), bytes(16)
    client.poll(0)
    datagrams = {
        "challenge": encode_control(Challenge(other, COOKIE)),
        "refused": encode_control(Refused(other, Refusal(Reason.BUSY, ""))),
        "hello": client_of().poll(0),
        "sealed": with_tag(encode_control(Ping(1), token=b"t" * 8, sequence=1), b"g" * 16),
    }
    assert not tell(client, datagrams[kind])
    assert (client.state, client.ignored) == (State.ASKING, 1)


def test_a_newer_cookie_goes_with_the_next_hello_and_makes_none_be_sent() -> None:
    client = client_of()
    client.poll(0)
    tell(client, CHALLENGE)
    client.poll(0)
    newer = encode_control(Challenge(NONCE, b"n" * 16))
    for number in range(100):
        assert tell(client, (newer, CHALLENGE)[number % 2])
        assert client.poll(1) is None
    tell(client, newer)
    assert hello_in(client.poll(HELLO_RETRY_NS)).cookie == b"n" * 16


def test_a_server_that_accepts_another_stream_is_not_streamed_with() -> None:
    client, acceptor = client_of(), acceptor_of()
    incoming = hear(acceptor, challenged(client, acceptor))
    shorter = StreamPlan(PLAN.bits_per_second, PLAN.frame_rate, SECOND)
    assert tell(client, accept(acceptor, incoming, plan=shorter).answer)
    assert (client.state, client.session) == (State.ALTERED, None)
    assert client.explanation == "the server has accepted another stream than was asked for"


def test_another_stream_changes_nothing_once_the_right_one_was_accepted() -> None:
    client, acceptor = client_of(), acceptor_of()
    answer = accept(acceptor, hear(acceptor, challenged(client, acceptor))).answer
    tell(client, answer)
    welcome = decode_control_untrusted(answer).message
    assert isinstance(welcome, Welcome)
    other = evolve(welcome, plan=evolve(welcome.plan, bits_per_second=16_000_000))
    assert not tell(client, encode_control(other))
    assert client.state is State.WELCOMED


# ------------------------------------------------------------------------------------------------ with a key


def welcomed(client_key: Key | None, server_key: Key) -> ClientHandshake:
    """Bring a client to the WELCOME of a server that has this key, whatever the client's is."""
    client, twin, acceptor = client_of(key=client_key), client_of(key=server_key), acceptor_of(server_key)
    tell(client, hear(acceptor, client.poll(0)))
    tell(client, accept(acceptor, hear(acceptor, challenged(twin, acceptor))).answer)
    return client


def test_a_client_with_a_key_takes_a_welcome_of_the_same_key_alone() -> None:
    assert welcomed(KEY, KEY).state is State.WELCOMED
    assert welcomed(Key("alice", b"j" * 32), KEY).state is State.CHALLENGED


def test_a_client_with_a_key_takes_no_welcome_without_a_tag() -> None:
    client, acceptor = client_of(key=KEY), acceptor_of(KEY)
    answer = accept(acceptor, hear(acceptor, challenged(client, acceptor))).answer
    assert not tell(client, answer[:-20])
    assert not tell(client, with_tag(answer[:-20], b"g" * 16))
    assert tell(client, answer)


@pytest.mark.parametrize("clock_ns", [1, 2, -1])
def test_a_welcome_that_was_altered_on_the_way_is_not_taken(clock_ns: int) -> None:
    client, acceptor = client_of(key=KEY), acceptor_of(KEY)
    answer = bytearray(accept(acceptor, hear(acceptor, challenged(client, acceptor))).answer)
    message = Welcome(NONCE, SERVER_NONCE, NAME, client._wanted, client._direction, client._features, CAPS, clock_ns)
    assert not tell(client, with_tag(encode_control(message), bytes(answer[-16:])))
    assert client.state is State.CHALLENGED


def test_what_a_hello_asks_for_cannot_be_altered_on_the_way() -> None:
    client, acceptor = client_of(key=KEY), acceptor_of(KEY)
    hello = challenged(client, acceptor)
    altered = encode_control(evolve(hello_in(hello), features=Feature(0)), tagged=True)
    answer = hear(acceptor, with_tag(altered, hello[-16:]), 3 * MILLISECOND)
    assert isinstance(answer, Unfit)
    assert answer.reason is Reason.KEY
