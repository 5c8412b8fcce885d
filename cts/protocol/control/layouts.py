"""Which fields each message has, and what the bytes of each field are: the tables of ``docs/reference/handshake.md``."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from attrs import astuple, fields

from cts.errors import DecodeError
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.fields import (
    COOKIE_SIZE,
    NONCE_SIZE,
    TAG_SIZE,
    TOKEN_SIZE,
    Codec,
    Field,
    key_name,
    number,
    octets,
    record,
    text,
    uuid_text,
)
from cts.protocol.control.limits import Caps, Reason, Refusal, WantedPlan
from cts.protocol.control.messages import (
    ALL_FEATURES,
    Challenge,
    Counts,
    Feature,
    Hello,
    Message,
    MessageType,
    Ping,
    Pong,
    Refused,
    Results,
    ResultsAck,
    Welcome,
)
from cts.protocol.roles import Direction
from cts.units import MAX_QUANTITY, FrameRate

__all__ = ["CODECS", "LAYOUTS", "Carried", "Layout"]

_DIRECTIONS = {1: Direction.PULL, 2: Direction.PUSH}
_REASONS = {reason.value: reason for reason in Reason}
_DIRECTION_NUMBERS = {direction: number for number, direction in _DIRECTIONS.items()}


def _mapped(codec: Codec, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Codec:
    """Return the codec of a value that another codec's value stands for."""
    return Codec(lambda value: codec.pack(pack(value)), lambda value: unpack(codec.unpack(value)), codec.layout)


def _direction(value: int) -> Direction:
    if value not in _DIRECTIONS:
        raise DecodeError(f"there is no direction {value}")
    return _DIRECTIONS[value]


def _frame_rate(above: int, below: int) -> FrameRate:
    if not (0 < above <= MAX_QUANTITY and 0 < below <= MAX_QUANTITY):
        raise DecodeError(f"{above}/{below} is not a frame rate")
    return FrameRate(above, below)


def _plan_numbers(plan: WantedPlan) -> tuple[int, ...]:
    above, below = plan.frame_rate.numerator, plan.frame_rate.denominator
    return plan.bits_per_second, above, below, plan.stream_length_ns, plan.buffer_depth_ns, plan.datagram_max_size


def _plan(numbers: tuple[int, ...]) -> WantedPlan:
    bits, above, below, length_ns, depth_ns, size = numbers
    if max(bits, length_ns, depth_ns) > MAX_QUANTITY:
        raise DecodeError("a number of the plan is too large")
    return WantedPlan(bits, _frame_rate(above, below), length_ns, depth_ns, size)


def _caps_numbers(caps: Caps) -> tuple[int, ...]:
    rate = caps.frame_rate or FrameRate(0)
    numbers = caps.bits_per_second, rate.numerator, rate.denominator, caps.stream_length_ns, caps.buffer_depth_ns
    return tuple(value or 0 for value in (*numbers, caps.datagram_max_size, caps.frame_size))


def _caps(numbers: tuple[int, ...]) -> Caps:
    bits, above, below, length_ns, depth_ns, size, frame_size = numbers
    rate = _frame_rate(above, below) if above else None
    return Caps(bits or None, rate, length_ns or None, depth_ns or None, size or None, frame_size or None)


def _counted(kind: type[Any]) -> Codec:
    """Return the codec of counts, each a u64 in the order of the attributes."""
    names = [attribute.name for attribute in fields(kind)]
    layout = struct.Struct(f"<{len(names)}Q")
    words = record(layout, f"{len(names)} of u64, or more", open_ended=True)
    return _mapped(words, astuple, lambda numbers: kind(*numbers))


def _reason(value: int) -> Reason:
    return _REASONS.get(value, Reason.OTHER)


_TIME = number("q", "i64")
CODECS: dict[Field, Codec] = {
    Field.NONCE: octets(NONCE_SIZE),
    Field.PLAN: _mapped(record(struct.Struct("<5QI"), "5 of u64, u32"), _plan_numbers, _plan),
    Field.DIRECTION: _mapped(number("B", "u8"), _DIRECTION_NUMBERS.__getitem__, _direction),
    Field.FEATURES: _mapped(number("Q", "u64"), int, lambda bits: Feature(bits & ALL_FEATURES)),
    Field.KEY_NAME: key_name,
    Field.COOKIE: octets(COOKIE_SIZE),
    Field.TAG: octets(TAG_SIZE),
    Field.SERVER_NONCE: octets(NONCE_SIZE),
    Field.CONNECTION_ID: uuid_text,
    Field.CAPS: _mapped(record(struct.Struct("<7Q"), "7 of u64, or more", open_ended=True), _caps_numbers, _caps),
    Field.CLOCK: _TIME,
    Field.REASON: _mapped(number("H", "u16"), int, _reason),
    Field.TEXT: text(240),
    Field.CAP: text(40),
    Field.LIMIT: text(40),
    Field.TOKEN: octets(TOKEN_SIZE),
    Field.SEQUENCE: number("Q", "u64"),
    Field.PING: _TIME,
    Field.PONG: record(struct.Struct("<3q"), "3 of i64"),
    Field.RECEIVED: _counted(ReceiverCounts),
    Field.SENT: _counted(SenderCounts),
    Field.OUTCOME: text(100),
}
"""What the bytes of each field are; PADDING's mean nothing."""


class Carried(NamedTuple):
    """A field of a message, and whether it has to be there."""

    field: Field
    required: bool = True


class Layout(NamedTuple):
    """A message on the wire.

    Attributes:
        message: the class of the value.
        carried: its fields, in the order in which they are sent.
        take: returns the values of the fields of a message, in that order; None for one that is not there.
        make: makes the message of them.
    """

    message: type[Any]
    carried: tuple[Carried, ...]
    take: Callable[[Any], tuple[Any, ...]]
    make: Callable[..., Message]


def _attributes(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    return lambda message: tuple(getattr(message, name) for name in names)


def _refusal_values(refused: Refused) -> tuple[Any, ...]:
    refusal = refused.refusal
    return refused.nonce, refusal.reason, refusal.text, refusal.cap, refusal.limit


LAYOUTS: dict[MessageType, Layout] = {
    MessageType.HELLO: Layout(
        Hello,
        (
            Carried(Field.NONCE),
            Carried(Field.PLAN),
            Carried(Field.DIRECTION),
            Carried(Field.FEATURES),
            Carried(Field.KEY_NAME, required=False),
            Carried(Field.COOKIE, required=False),
        ),
        _attributes("nonce", "plan", "direction", "features", "key_name", "cookie"),
        Hello,
    ),
    MessageType.CHALLENGE: Layout(
        Challenge, (Carried(Field.NONCE), Carried(Field.COOKIE)), _attributes("nonce", "cookie"), Challenge
    ),
    MessageType.WELCOME: Layout(
        Welcome,
        (
            Carried(Field.NONCE),
            Carried(Field.SERVER_NONCE),
            Carried(Field.CONNECTION_ID),
            Carried(Field.PLAN),
            Carried(Field.DIRECTION),
            Carried(Field.FEATURES),
            Carried(Field.CAPS),
            Carried(Field.CLOCK),
        ),
        _attributes("nonce", "server_nonce", "connection_id", "plan", "direction", "features", "caps", "clock_ns"),
        Welcome,
    ),
    MessageType.REFUSED: Layout(
        Refused,
        (
            Carried(Field.NONCE),
            Carried(Field.REASON),
            Carried(Field.TEXT),
            Carried(Field.CAP, required=False),
            Carried(Field.LIMIT, required=False),
        ),
        _refusal_values,
        lambda nonce, *refusal: Refused(nonce, Refusal(*refusal)),
    ),
    MessageType.PING: Layout(Ping, (Carried(Field.PING),), _attributes("sent_ns"), Ping),
    MessageType.PONG: Layout(Pong, (Carried(Field.PONG),), lambda pong: (astuple(pong),), lambda stamps: Pong(*stamps)),
    MessageType.COUNTS: Layout(
        Counts,
        (Carried(Field.RECEIVED, required=False), Carried(Field.SENT, required=False)),
        _attributes("received", "sent"),
        Counts,
    ),
    MessageType.RESULTS: Layout(
        Results,
        (Carried(Field.OUTCOME), Carried(Field.RECEIVED, required=False), Carried(Field.SENT, required=False)),
        _attributes("outcome", "received", "sent"),
        Results,
    ),
    MessageType.RESULTS_ACK: Layout(ResultsAck, (), lambda _: (), ResultsAck),
}
