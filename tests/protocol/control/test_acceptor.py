from __future__ import annotations

import pytest
from attrs import evolve

from cts.protocol.control.acceptor import Accepted, Acceptor, Incoming, Repeated, Unfit
from cts.protocol.control.client import HELLO_RETRY_NS
from cts.protocol.control.cookie import COOKIE_SLOT_NS, cookie_of
from cts.protocol.control.datagrams import HelloDatagram, decode_control_untrusted, encode_control
from cts.protocol.control.fields import FIELD_HEADER, MUST_UNDERSTAND
from cts.protocol.control.keys import Key
from cts.protocol.control.limits import Reason, Refusal
from cts.protocol.control.messages import ALL_FEATURES, Challenge, Feature, Hello, Message, Refused, Welcome
from cts.protocol.control.states import State
from tests.protocol.control.ends import (
    ADDRESS,
    CAPS,
    KEY,
    NAME,
    NONCE,
    PLAN,
    PORT,
    SECRET,
    SERVER_NONCE,
    accept,
    acceptor_of,
    challenged,
    client_of,
    hear,
    tell,
)

BUSY = Refusal(Reason.BUSY, "it is full")


def answer_in(answer: object) -> Message:
    if isinstance(answer, Unfit):
        answer = answer.answer
    assert isinstance(answer, bytes)
    return decode_control_untrusted(answer).message


def refusal_in(answer: object) -> Refusal:
    message = answer_in(answer)
    assert isinstance(message, Refused)
    return message.refusal


def hello_of(number: int, now_ns: int = 0, *, key: Key | None = None) -> bytes:
    """Return a HELLO of another client, with the right cookie."""
    client = client_of(nonce=number.to_bytes(16, "big"), now_ns=now_ns, key=key)
    return challenged(client, Acceptor(SECRET), now_ns)


# ------------------------------------------------------------------------------------------------ cookies


def test_a_hello_is_answered_by_a_smaller_challenge_and_nothing_is_kept() -> None:
    acceptor = acceptor_of()
    for number in range(1000):
        hello = client_of(nonce=number.to_bytes(16, "big")).poll(0)
        assert hello is not None
        answer = hear(acceptor, hello, port=number)
        assert isinstance(answer_in(answer), Challenge)
        assert isinstance(answer, bytes)
        assert len(answer) * 10 < len(hello)
    assert acceptor.decisions == 0


def test_a_hello_with_the_right_cookie_is_to_be_decided_and_nothing_is_kept_until_it_is() -> None:
    acceptor = acceptor_of()
    incoming = hear(acceptor, challenged(client_of(), acceptor))
    assert isinstance(incoming, Incoming)
    assert (incoming.hello.plan.plan(), incoming.key) == (PLAN, None)
    assert acceptor.decisions == 0
    accept(acceptor, incoming)
    assert acceptor.decisions == 1


def test_the_cookie_of_another_peer_or_time_is_answered_by_a_challenge() -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    assert isinstance(answer_in(hear(acceptor, hello, port=PORT + 1)), Challenge)
    assert isinstance(answer_in(hear(acceptor, hello, 2 * COOKIE_SLOT_NS)), Challenge)
    assert acceptor.decisions == 0


def test_a_client_whose_server_has_begun_anew_gets_another_cookie_and_is_welcomed() -> None:
    client, acceptor = client_of(), acceptor_of()
    hello = challenged(client, Acceptor(b"of an earlier run"))
    assert tell(client, hear(acceptor, hello))
    assert client.poll(1) is None
    accepted = accept(acceptor, hear(acceptor, client.poll(HELLO_RETRY_NS)))
    assert tell(client, accepted.answer)
    assert client.state is State.WELCOMED


@pytest.mark.parametrize("what", ["challenge", "welcome"])
def test_what_a_server_answers_is_no_hello(what: str) -> None:
    acceptor, client = acceptor_of(), client_of()
    answers = {"challenge": hear(acceptor, client.poll(0))}
    answers["welcome"] = accept(acceptor, hear(acceptor, challenged(client_of(), acceptor))).answer
    answer = answers[what]
    assert isinstance(answer, bytes)
    assert HelloDatagram.of(decode_control_untrusted(answer)) is None


# ------------------------------------------------------------------------------------------------ decisions


def test_a_hello_that_comes_again_is_answered_by_the_same_bytes() -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    accepted = accept(acceptor, hear(acceptor, hello))
    assert [hear(acceptor, hello, now_ns) for now_ns in (1, COOKIE_SLOT_NS, 2 * COOKIE_SLOT_NS - 1)] == [
        Repeated(accepted.answer)
    ] * 3
    assert acceptor.decisions == 1


def test_who_was_refused_is_not_accepted_when_its_hello_comes_again() -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    incoming = hear(acceptor, hello)
    assert isinstance(incoming, Incoming)
    answer = acceptor.refuse(incoming, BUSY)
    assert refusal_in(answer) == BUSY
    assert hear(acceptor, hello, 5) == Repeated(answer or b"")


def test_a_hello_that_is_left_undecided_can_be_decided_when_it_comes_again() -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    assert isinstance(hear(acceptor, hello), Incoming)
    assert isinstance(hear(acceptor, hello), Incoming)


@pytest.mark.parametrize("decided_ns", [0, COOKIE_SLOT_NS - 1, COOKIE_SLOT_NS, 2 * COOKIE_SLOT_NS - 1])
def test_a_hello_begins_nothing_again_however_late_its_copy_comes(decided_ns: int) -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    accepted = accept(acceptor, hear(acceptor, hello, decided_ns))
    for number in range(8):
        now_ns = decided_ns + number * COOKIE_SLOT_NS // 2
        assert isinstance(hear(acceptor, hello_of(number + 1, now_ns), now_ns), Incoming)
        answer = hear(acceptor, hello, now_ns)
        assert answer == Repeated(accepted.answer) or isinstance(answer_in(answer), Challenge)


def test_decisions_are_forgotten_when_no_cookie_can_ask_for_them() -> None:
    acceptor = acceptor_of()
    for slot, left in ((0, 10), (1, 20), (2, 20), (3, 20), (9, 10)):
        now_ns = slot * COOKIE_SLOT_NS
        for number in range(10):
            accept(acceptor, hear(acceptor, hello_of(100 * slot + number, now_ns), now_ns), now_ns)
        assert acceptor.decisions == left


def test_of_more_streams_than_may_be_kept_the_oldest_is_forgotten_and_a_copy_of_its_hello_is_decided_anew() -> None:
    acceptor = acceptor_of(remembered=3)
    hellos = [hello_of(number) for number in range(5)]
    for hello in hellos[:3]:
        accept(acceptor, hear(acceptor, hello))
    # Of the first a copy comes: it is not the oldest any more.
    assert isinstance(hear(acceptor, hellos[0]), Repeated)
    for hello in hellos[3:]:
        accept(acceptor, hear(acceptor, hello))
    assert acceptor.decisions == 3
    heard = [hear(acceptor, hello) for hello in hellos]
    assert [isinstance(each, Repeated) for each in heard] == [True, False, False, True, True]
    assert isinstance(heard[1], Incoming)


def test_those_of_the_slot_before_are_forgotten_first() -> None:
    acceptor = acceptor_of(remembered=2)
    old, new, newest = hello_of(1), hello_of(2, COOKIE_SLOT_NS), hello_of(3, COOKIE_SLOT_NS)
    accept(acceptor, hear(acceptor, old))
    for hello in (new, newest):
        accept(acceptor, hear(acceptor, hello, COOKIE_SLOT_NS), COOKIE_SLOT_NS)
    heard = [hear(acceptor, hello, COOKIE_SLOT_NS) for hello in (new, newest, old)]
    assert [isinstance(each, Repeated) for each in heard] == [True, True, False]


def test_refusals_take_no_room_from_those_who_are_served_and_each_is_told() -> None:
    acceptor = acceptor_of(remembered=3)
    served = hello_of(9)
    accept(acceptor, hear(acceptor, served))
    answers = []
    for number in range(5):
        incoming = hear(acceptor, hello_of(number))
        assert isinstance(incoming, Incoming)
        answers.append(acceptor.refuse(incoming, BUSY))
    assert [refusal_in(each) for each in answers] == [BUSY] * 5
    assert acceptor.decisions == 4
    assert isinstance(hear(acceptor, served), Repeated)


def test_a_stream_that_was_accepted_and_then_could_not_be_made_is_refused_from_then_on() -> None:
    acceptor = acceptor_of()
    hello = challenged(client_of(), acceptor)
    incoming = hear(acceptor, hello)
    assert isinstance(incoming, Incoming)
    accept(acceptor, incoming)
    answer = acceptor.refuse(incoming, BUSY)
    assert refusal_in(answer) == BUSY
    assert hear(acceptor, hello) == Repeated(answer or b"")


def test_in_force_is_what_both_ends_can_do() -> None:
    acceptor = acceptor_of()
    incoming = hear(acceptor, challenged(client_of(features=Feature.COUNTS), acceptor))
    accepted = accept(acceptor, incoming)
    assert isinstance(accepted, Accepted)
    assert accepted.features == Feature.COUNTS
    assert isinstance(incoming, Incoming)
    less = acceptor.accept(
        incoming._replace(hello=evolve(incoming.hello, features=ALL_FEATURES)),
        PLAN,
        connection_id=NAME,
        server_nonce=SERVER_NONCE,
        caps=CAPS,
        now_ns=0,
        features=Feature.RESULTS,
    )
    message = answer_in(less.answer)
    assert isinstance(message, Welcome)
    assert message.features == less.features == Feature.RESULTS


# ------------------------------------------------------------------------------------------------ refused by itself


def test_a_field_that_must_be_understood_is_named_to_the_client() -> None:
    acceptor = acceptor_of()
    cookie = cookie_of(SECRET, ADDRESS, PORT, NONCE, 0)
    wanted = decode_control_untrusted(challenged(client_of(), acceptor)).message
    assert isinstance(wanted, Hello)
    hello = encode_control(evolve(wanted, cookie=cookie)) + FIELD_HEADER.pack(99 | MUST_UNDERSTAND, 0)
    refusal = refusal_in(hear(acceptor, hello))
    assert refusal.reason is Reason.UNSUPPORTED
    assert "field 99" in refusal.text


@pytest.mark.parametrize(
    ("client_key", "server_keys", "text"),
    [
        (KEY, (), "it has no keys"),
        (None, (KEY,), "it serves only who has a key"),
        (Key("alice", b"j" * 32), (KEY,), "not one of this server's"),
        (Key("bob", b"k" * 32), (KEY,), "not one of this server's"),
        (Key(None, b"k" * 32), (KEY,), "not one of this server's"),
    ],
)
def test_who_has_not_the_key_is_refused_and_nothing_is_kept(
    client_key: Key | None, server_keys: tuple[Key, ...], text: str
) -> None:
    acceptor, client = acceptor_of(*server_keys), client_of(key=client_key)
    answer = hear(acceptor, challenged(client, acceptor))
    refusal = refusal_in(answer)
    assert (refusal.reason, acceptor.decisions) == (Reason.KEY, 0)
    assert text in refusal.text
    assert tell(client, answer)
    assert client.state is State.REFUSED


def test_whether_a_name_or_its_key_is_wrong_is_not_told() -> None:
    acceptor = acceptor_of(KEY)
    answers = [
        hear(acceptor, challenged(client_of(key=key), acceptor))
        for key in (Key("alice", b"j" * 32), Key("bob", b"k" * 32))
    ]
    assert answers[0] == answers[1]


def test_the_server_knows_whose_key_it_is() -> None:
    bob = Key("bob", b"b" * 20)
    acceptor = acceptor_of(KEY, bob)
    incoming = hear(acceptor, challenged(client_of(key=bob), acceptor))
    assert isinstance(incoming, Incoming)
    assert incoming.key is bob
