from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.errors import DecodeError
from cts.protocol.control.datagrams import Control, decode_control_untrusted, encode_control, with_tag
from cts.protocol.control.fields import FIELD_HEADER, TAG_SIZE
from cts.protocol.control.keys import Key, StreamKeys
from cts.protocol.control.messages import Challenge, Message, Ping, Pong, ResultsAck
from cts.protocol.control.session import WINDOW, Rejected, ReplayWindow, Session
from tests.protocol.control.ends import KEY, NONCE, OF_STREAM

KEYS = StreamKeys.of(KEY, b"hello", b"welcome")


def pair(keys: StreamKeys = KEYS) -> tuple[Session, Session]:
    return Session(keys, is_client=True), Session(keys, is_client=False)


def received(datagram: bytes) -> Control:
    return decode_control_untrusted(datagram)


@settings(deadline=None)
@given(st.lists(OF_STREAM, max_size=5))
def test_what_one_end_seals_the_other_opens(messages: list[Message]) -> None:
    for ours, theirs in (pair(), pair()[::-1]):
        opened = [theirs.open(received(ours.seal(message))) for message in messages]  # type: ignore[arg-type]
        assert opened == messages
        assert theirs.rejected == {}


def test_a_datagram_that_comes_again_is_not_taken() -> None:
    client, server = pair()
    ping = received(client.seal(Ping(1)))
    assert [server.open(ping) for _ in range(3)] == [Ping(1), None, None]
    assert server.rejected == Counter({Rejected.REPLAYED: 2})


def test_a_datagram_that_is_sent_back_is_not_taken() -> None:
    client, _ = pair()
    assert client.open(received(client.seal(Ping(1)))) is None
    assert client.rejected == Counter({Rejected.FORGED: 1})


def test_a_datagram_of_an_earlier_stream_is_told_from_a_forged_one() -> None:
    earlier, _ = pair(StreamKeys.of(KEY, b"hello", b"earlier"))
    _, server = pair()
    assert server.open(received(earlier.seal(Ping(1)))) is None
    assert server.rejected == Counter({Rejected.OTHER_STREAM: 1})


def test_a_message_that_opens_a_stream_is_none_of_it() -> None:
    _, server = pair()
    assert server.open(received(encode_control(Challenge(NONCE, NONCE)))) is None
    assert server.rejected == Counter({Rejected.OTHER_STREAM: 1})


@settings(deadline=None)
@given(st.integers(1, 2**64 - 1), st.binary(min_size=TAG_SIZE, max_size=TAG_SIZE))
def test_who_knows_the_token_but_no_key_can_neither_speak_nor_move_the_window(number: int, tag: bytes) -> None:
    client, server = pair()
    forged = with_tag(encode_control(ResultsAck(), token=KEYS.token, sequence=number), tag)
    assert server.open(received(forged)) is None
    assert server.rejected == Counter({Rejected.FORGED: 1})
    assert server.open(received(client.seal(Ping(1)))) == Ping(1)


@settings(deadline=None)
@given(st.data())
def test_a_sealed_datagram_that_was_altered_anywhere_is_not_taken(data: st.DataObject) -> None:
    client, server = pair()
    datagram = bytearray(client.seal(Pong(1, 2, 3)))
    # But for the type and the length of the tag itself, which say nothing.
    places = [*range(len(datagram) - TAG_SIZE - FIELD_HEADER.size), *range(len(datagram) - TAG_SIZE, len(datagram))]
    datagram[data.draw(st.sampled_from(places))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        control = received(bytes(datagram))
    except DecodeError:
        return
    assert server.open(control) is None


@pytest.mark.parametrize("key", [None, KEY, Key("alice", b"j" * 32)])
def test_a_stream_of_another_key_understands_nothing(key: Key | None) -> None:
    client, _ = pair(StreamKeys.of(key, b"hello", b"welcome"))
    _, server = pair()
    assert (server.open(received(client.seal(Ping(1)))) is None) == (key is not KEY)


# ------------------------------------------------------------------------------------------------ the window


@settings(deadline=None)
@given(st.lists(st.integers(-3, 300), max_size=200))
def test_no_number_passes_twice_and_every_new_one_of_the_window_does(numbers: list[int]) -> None:
    window, seen = ReplayWindow(), set[int]()
    for number in numbers:
        passes = number >= 1 and number not in seen and number > max(seen, default=0) - WINDOW
        assert window.take(number) == passes
        if passes:
            seen.add(number)


def test_a_number_far_ahead_costs_no_memory() -> None:
    window = ReplayWindow()
    assert [window.take(number) for number in (1, 2**64 - 1, 2**64 - 1, 1, 2**64 - WINDOW)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert window._seen.bit_length() <= WINDOW
