from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cts.errors import DecodeError
from cts.protocol.control.datagrams import (
    HEADER,
    HELLO_SIZE,
    MAX_CONTROL_SIZE,
    VERSION,
    controls_apart,
    decode_control_untrusted,
    encode_control,
    transcript,
    with_tag,
)
from cts.protocol.control.fields import FIELD_HEADER, MAX_FIELDS, MUST_UNDERSTAND, Field
from cts.protocol.control.limits import Reason, Refusal, WantedPlan
from cts.protocol.control.messages import (
    Hello,
    Message,
    MessageType,
    OpeningMessage,
    Ping,
    Refused,
    Results,
    ResultsAck,
    Welcome,
)
from cts.protocol.roles import Direction
from cts.protocol.task import DatagramBatch
from cts.protocol.wire import CONTROL_FLAG, decode_untrusted, is_control
from tests.protocol.control.ends import (
    CAPS,
    CHALLENGES,
    HELLOS,
    NAME,
    NONCE,
    OF_STREAM,
    OPENING,
    PLAN,
    REFUSEDS,
    U64,
    WELCOMES,
)

TOKEN, TAG = b"t" * 8, b"g" * 16
HELLO = Hello(NONCE, WantedPlan.of(PLAN), Direction.PUSH)
PING = with_tag(encode_control(Ping(7), token=TOKEN, sequence=3), TAG)
FIELDS_ANYHOW = st.lists(
    st.tuples(st.one_of(st.sampled_from(Field), st.integers(0, 2**16 - 1)), st.binary(max_size=200)), max_size=12
)
FRAMED = st.builds(
    lambda kind, fields: HEADER.pack(CONTROL_FLAG, VERSION, kind) + b"".join(field(*each) for each in fields),
    st.one_of(st.sampled_from(MessageType), st.integers(0, 255)),
    FIELDS_ANYHOW,
)


def field(number: int, value: bytes) -> bytes:
    return FIELD_HEADER.pack(number, len(value)) + value


def hello_with(*more: bytes, hello: Hello = HELLO) -> bytes:
    return encode_control(hello) + b"".join(more)


# ------------------------------------------------------------------------------------------------ there and back


@settings(deadline=None)
@given(OPENING)
def test_a_message_that_opens_a_stream_survives_the_round_trip(message: Message) -> None:
    datagram = encode_control(message)
    assert decode_control_untrusted(datagram) == (message, None, None, None, datagram)
    assert decode_control_untrusted(memoryview(datagram)).message == message


@settings(deadline=None)
@given(OPENING)
def test_a_tag_comes_apart_from_what_it_covers(message: Message) -> None:
    covered = encode_control(message, tagged=True)
    assert decode_control_untrusted(with_tag(covered, TAG)) == (message, None, None, TAG, covered)


@settings(deadline=None)
@given(OF_STREAM, U64)
def test_a_message_of_a_stream_survives_the_round_trip(message: Message, sequence: int) -> None:
    covered = encode_control(message, token=TOKEN, sequence=sequence)
    assert decode_control_untrusted(with_tag(covered, TAG)) == (message, TOKEN, sequence, TAG, covered)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=1300), FRAMED, FRAMED.map(lambda framed: framed.ljust(HELLO_SIZE, b"\0"))))
@example(b"")
@example(b"\0\x20\1")
def test_any_bytes_are_a_control_datagram_or_the_one_error(datagram: bytes) -> None:
    try:
        control = decode_control_untrusted(datagram)
    except DecodeError:
        return
    assert is_control(datagram)
    # What was read can be written, and is read as the same.
    again = encode_control(control.message, token=control.token or b"", sequence=control.sequence or 0)
    again = again if control.token is None else with_tag(again, TAG)
    message = decode_control_untrusted(again).message
    if not (isinstance(control.message, Hello) and control.message.unknown) and "\\" not in repr(control.message):
        assert message == control.message


@settings(deadline=None)
@given(OPENING, st.data())
def test_a_datagram_with_a_flipped_bit_is_another_one_or_refused(message: Message, data: st.DataObject) -> None:
    datagram = bytearray(encode_control(message))
    at = data.draw(st.integers(0, len(datagram) - 1))
    datagram[at] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(DecodeError):
        assert isinstance(decode_control_untrusted(bytes(datagram)).message, Message)


@settings(deadline=None)
@given(st.one_of(HELLOS, CHALLENGES, WELCOMES, OF_STREAM))
def test_a_datagram_cut_short_anywhere_is_refused(message: Message) -> None:
    datagram = encode_control(message, token=TOKEN)
    datagram = datagram if isinstance(message, OpeningMessage) else with_tag(datagram, TAG)
    for length in range(len(datagram)):
        with pytest.raises(DecodeError):
            decode_control_untrusted(datagram[:length])


# ------------------------------------------------------------------------------------------------ sizes


@settings(deadline=None)
@given(HELLOS, st.booleans())
def test_every_hello_has_the_same_size(hello: Hello, tagged: bool) -> None:
    covered = encode_control(hello, tagged=tagged)
    assert len(with_tag(covered, TAG) if tagged else covered) == HELLO_SIZE


@settings(deadline=None)
@given(st.one_of(WELCOMES, REFUSEDS))
def test_no_answer_to_hello_is_larger_than_it(answer: Message) -> None:
    assert len(with_tag(encode_control(answer, tagged=True), TAG)) <= HELLO_SIZE


def test_the_longest_refusal_is_no_larger_than_hello() -> None:
    long = "ü" * 2000
    datagram = encode_control(Refused(NONCE, Refusal(Reason.OTHER, long, long, long)))
    assert len(datagram) <= HELLO_SIZE
    message = decode_control_untrusted(datagram).message
    assert isinstance(message, Refused)
    assert message.refusal == Refusal(Reason.OTHER, "ü" * 120, "ü" * 20, "ü" * 20)


def test_a_hello_that_is_not_filled_up_is_refused() -> None:
    short = encode_control(HELLO)[: HELLO_SIZE - 1]
    with pytest.raises(DecodeError, match="512 are the least"):
        decode_control_untrusted(short)


def test_a_larger_hello_is_taken_up_to_the_limit() -> None:
    room = MAX_CONTROL_SIZE - HELLO_SIZE - FIELD_HEADER.size
    assert decode_control_untrusted(hello_with(field(99, bytes(room)))).message == HELLO
    with pytest.raises(DecodeError, match="1201 bytes"):
        decode_control_untrusted(hello_with(field(99, bytes(room + 1))))


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("datagram", "problem"),
    [
        (b"\0\x20\1", "3 bytes"),
        (b"\0\x10" + PING[2:], "flag 0x1000"),
        (b"\0\x20\2" + PING[3:], "version 2"),
        (b"\0\x20\1\0" + PING[4:], "no control datagram of type 0"),
        (PING + b"\0\0\0", "cut short"),
        (PING + b"\0\0\1\0", "cut short"),
        (PING + field(99, b""), "behind the tag"),
        (PING[:4] + field(99, b"") * 2 + PING[4:], "field 99 comes twice"),
        (PING[:4] + b"".join(field(100 + n, b"") for n in range(MAX_FIELDS)) + PING[4:], "more than 32 fields"),
        (PING[:-20], "PING has no TAG"),
        (PING[:4] + PING[16:], "PING has no TOKEN"),
        (PING[:4] + field(Field.PING, bytes(8)), "PING has no TOKEN"),
        (with_tag(encode_control(ResultsAck(), token=TOKEN[1:]), TAG), "7 bytes where 8 are wanted"),
        (b"\0\x20\1\1" + bytes(508), "comes twice"),
        (
            b"\0\x20\1\2" + field(1, NONCE),
            "CHALLENGE has no COOKIE",
        ),
    ],
)
def test_what_is_no_control_datagram_is_refused_with_the_reason(datagram: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decode_control_untrusted(datagram)


def replaced(number: Field, value: bytes, kind: MessageType = MessageType.HELLO) -> bytes:
    """Return a HELLO (or WELCOME) with another value in one of its fields."""
    if kind is MessageType.HELLO:
        datagram = encode_control(HELLO)
    else:
        welcome = Welcome(NONCE, NONCE, NAME, HELLO.plan, Direction.PULL, HELLO.features, CAPS, 5)
        datagram = encode_control(welcome)
    out, at = datagram[:4], 4
    while at < len(datagram):
        kind_number, length = FIELD_HEADER.unpack_from(datagram, at)
        old = datagram[at + 4 : at + 4 + length]
        out += field(kind_number, value if kind_number == number else old)
        at += 4 + length
    return out.ljust(HELLO_SIZE, b"\0") if len(out) >= HELLO_SIZE else out + field(98, bytes(HELLO_SIZE))


@pytest.mark.parametrize(
    ("number", "value", "problem"),
    [
        (Field.PLAN, struct.pack("<5QI", 8, 0, 1, 1, 1, 1400), "0/1 is not a frame rate"),
        (Field.PLAN, struct.pack("<5QI", 8, 1, 0, 1, 1, 1400), "1/0 is not a frame rate"),
        (Field.PLAN, struct.pack("<5QI", 8, 2**63, 1, 1, 1, 1400), "is not a frame rate"),
        (Field.PLAN, struct.pack("<5QI", 2**63, 1, 1, 1, 1, 1400), "too large"),
        (Field.PLAN, bytes(45), "45 bytes where 44 are wanted"),
        (Field.DIRECTION, b"\3", "no direction 3"),
        (Field.NONCE, bytes(15), "15 bytes"),
    ],
)
def test_a_field_with_a_wrong_value_is_refused(number: Field, value: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decode_control_untrusted(replaced(number, value))


@pytest.mark.parametrize("name", [b"", b"a" * 65, b"a b", b"\xff", b"a\n"])
def test_a_key_that_no_key_is_called_is_refused(name: bytes) -> None:
    datagram = encode_control(HELLO)[:4] + field(Field.KEY_NAME, name) + encode_control(HELLO)[4:]
    with pytest.raises(DecodeError, match="name"):
        decode_control_untrusted(datagram)


def refused_with(text: bytes) -> bytes:
    return HEADER.pack(CONTROL_FLAG, VERSION, MessageType.REFUSED) + b"".join(
        field(number, value) for number, value in ((Field.NONCE, NONCE), (Field.REASON, b"\x63\0"), (Field.TEXT, text))
    )


def test_a_text_that_is_too_long_or_not_utf_8_is_refused() -> None:
    with pytest.raises(DecodeError, match="241 bytes; 240 are allowed"):
        decode_control_untrusted(refused_with(b"a" * 241))
    with pytest.raises(DecodeError, match="not UTF-8"):
        decode_control_untrusted(refused_with(b"\xff"))


def test_a_text_cannot_steer_a_terminal_and_an_unknown_reason_is_another_one() -> None:
    refused = Refused(NONCE, Refusal(Reason.OTHER, "\\x1b[31mred"))
    assert decode_control_untrusted(refused_with(b"\x1b[31mred")).message == refused


def test_a_text_is_one_line_so_that_it_cannot_pass_for_lines_of_this_end() -> None:
    refused = Refused(NONCE, Refusal(Reason.OTHER, "full\\n1.000\\t0 bits"))
    assert decode_control_untrusted(refused_with(b"full\n1.000\t0 bits")).message == refused


# ------------------------------------------------------------------------------------------------ what is not known


def test_a_field_that_is_not_known_is_passed_over() -> None:
    assert decode_control_untrusted(PING[:4] + field(99, b"new") + PING[4:]).message == Ping(7)


def test_a_field_of_other_messages_is_passed_over() -> None:
    assert decode_control_untrusted(PING[:4] + field(Field.COOKIE, b"?") + PING[4:]).message == Ping(7)


@pytest.mark.parametrize("number", [99, Field.COOKIE])
def test_a_field_that_must_be_understood_and_is_not_is_refused(number: int) -> None:
    with pytest.raises(DecodeError, match=f"field {int(number)} must be understood"):
        decode_control_untrusted(PING[:4] + field(number | MUST_UNDERSTAND, b"") + PING[4:])


def test_a_known_field_may_be_marked() -> None:
    body = PING[:4] + field(Field.PING | MUST_UNDERSTAND, bytes(8)) + PING[4:28] + PING[40:]
    assert decode_control_untrusted(body).message == Ping(0)


def test_of_a_hello_the_client_can_be_told_what_is_not_understood() -> None:
    message = decode_control_untrusted(hello_with(field(99 | MUST_UNDERSTAND, b""), field(98, b""))).message
    assert isinstance(message, Hello)
    assert message.unknown == (99,)


def test_features_that_are_not_known_are_passed_over() -> None:
    message = decode_control_untrusted(replaced(Field.FEATURES, b"\xfd" + b"\xff" * 7)).message
    assert isinstance(message, Hello)
    assert message.features == 1


def test_numbers_that_a_later_version_appends_are_passed_over() -> None:
    message = decode_control_untrusted(
        replaced(Field.CAPS, struct.pack("<8Q", *range(1, 9)), MessageType.WELCOME)
    ).message
    assert isinstance(message, Welcome)
    assert message.caps.frame_size == 7


def test_counts_with_fewer_numbers_than_this_version_has_are_refused() -> None:
    covered = encode_control(Results("Succeeded"), token=TOKEN) + field(Field.SENT, bytes(8 * 9))
    with pytest.raises(DecodeError, match="72 bytes where 80 are wanted"):
        decode_control_untrusted(with_tag(covered, TAG))


# ------------------------------------------------------------------------------------------------ transcript, batches


def test_the_transcript_is_the_same_with_and_without_cookie_and_tag() -> None:
    first = encode_control(HELLO)
    second = encode_control(Hello(NONCE, HELLO.plan, Direction.PUSH, cookie=b"c" * 16), tagged=True)
    assert transcript(first) == transcript(second) == transcript(with_tag(second, TAG))
    other = Hello(NONCE, HELLO.plan, Direction.PULL)
    assert transcript(encode_control(other)) != transcript(first)


def test_control_datagrams_are_taken_out_of_a_batch() -> None:
    media = b"\0\0" + bytes(len(PING) - 2)
    batch = DatagramBatch(media + PING + media + PING[:30], len(PING), 5)
    controls, others = controls_apart(batch)
    assert controls == [PING, PING[:30]]
    assert others == DatagramBatch(media + media, len(PING), 5)
    assert controls_apart(DatagramBatch(memoryview(PING), len(PING), 5)) == ([PING], None)


@pytest.mark.parametrize("data", [b"", b"\0", b"START", b"\0\0" + bytes(98)])
def test_a_batch_without_control_datagrams_stays_as_it_is(data: bytes) -> None:
    batch = DatagramBatch(data, 50, 5)
    assert controls_apart(batch) == ([], batch)
    assert controls_apart(batch)[1] is batch


# ------------------------------------------------------------------------------------------------ the original


@settings(deadline=None)
@given(st.one_of(OPENING, OF_STREAM))
def test_an_end_that_knows_the_original_alone_refuses_every_control_datagram(message: Message) -> None:
    with pytest.raises(DecodeError, match="unknown flag 0x2000"):
        decode_untrusted(encode_control(message, token=TOKEN))


def test_no_captured_datagram_of_the_original_is_a_control_datagram() -> None:
    captures = sorted((Path(__file__).parents[2] / "vectors").glob("*.json"))
    heads = [
        bytes.fromhex(datagram["head"])
        for path in captures
        for datagram in json.loads(path.read_text(encoding="utf-8"))["datagrams"]
    ]
    assert len(heads) == 164
    for head in heads:
        assert not is_control(head)
        with pytest.raises(DecodeError):
            decode_control_untrusted(head)
