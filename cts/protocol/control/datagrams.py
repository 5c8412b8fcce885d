"""Control datagrams and their bytes: u16 flag 0x2000, u8 version, u8 type, and fields (little-endian).

Fields may come in any order, but that TAG is the last: it covers what is before it. A field that a message has no use for is
passed over, unless it is marked; then the datagram is refused. HELLO alone is decoded all the same, with what is not
understood in ``unknown``, so that its client can be told.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from attrs import evolve

from cts.errors import DecodeError
from cts.protocol.control.fields import FIELD_HEADER, TAG_SIZE, Field, pack_field, read_fields
from cts.protocol.control.layouts import CODECS, LAYOUTS
from cts.protocol.control.messages import Hello, Message, MessageType
from cts.protocol.task import DatagramBatch
from cts.protocol.wire import CONTROL_FLAG, is_control

__all__ = [
    "HEADER",
    "HELLO_SIZE",
    "MAX_CONTROL_SIZE",
    "VERSION",
    "Control",
    "HelloDatagram",
    "controls_apart",
    "decode_control_untrusted",
    "encode_control",
    "transcript",
    "with_tag",
]

VERSION = 1
HEADER = struct.Struct("<HBB")
"""Flag, version, type."""
HELLO_SIZE = 512
"""Bytes of HELLO at least, filled up with PADDING; no answer to it is larger."""
MAX_CONTROL_SIZE = 1200

_TAG_FIELD_SIZE = FIELD_HEADER.size + TAG_SIZE
_TYPES = {layout.message: kind for kind, layout in LAYOUTS.items()}
_OPENING = frozenset({MessageType.HELLO, MessageType.CHALLENGE, MessageType.WELCOME, MessageType.REFUSED})
_NOT_OF_TRANSCRIPT = frozenset({Field.PADDING, Field.COOKIE, Field.TAG})
_ENVELOPE_OF_STREAM = (Field.TOKEN, Field.SEQUENCE, Field.TAG)
_KINDS = {kind.value: kind for kind in MessageType}
_KNOWN = {
    kind: {Field.PADDING, Field.TAG, *(carried.field for carried in layout.carried)}
    | (set() if kind in _OPENING else set(_ENVELOPE_OF_STREAM))
    for kind, layout in LAYOUTS.items()
}
"""The fields that each message has a use for."""


class Control(NamedTuple):
    """A control datagram from the network.

    Attributes:
        message: what it says.
        token, sequence: which stream it claims to be of, and its number there; None for a message that opens one.
        tag: its last field; None where there is none.
        covered: what the tag covers: all of it before that.
    """

    message: Message
    token: bytes | None
    sequence: int | None
    tag: bytes | None
    covered: bytes


class HelloDatagram(NamedTuple):
    """A HELLO from the network.

    Attributes:
        hello: what it says.
        tag, covered: as in :class:`Control`.
    """

    hello: Hello
    tag: bytes | None
    covered: bytes

    @classmethod
    def of(cls, control: Control) -> HelloDatagram | None:
        """Return the HELLO that a control datagram is; None for another one."""
        message = control.message
        return cls(message, control.tag, control.covered) if isinstance(message, Hello) else None


def encode_control(message: Message, *, token: bytes = b"", sequence: int = 0, tagged: bool = False) -> bytes:
    """Return the datagram, up to its tag where it gets one (:func:`with_tag`).

    Args:
        message: what it says.
        token, sequence: those of a stream's message; an opening one has none.
        tagged: whether it gets one, for which HELLO leaves room.
    """
    kind = _TYPES[type(message)]
    layout = LAYOUTS[kind]
    parts = [HEADER.pack(CONTROL_FLAG, VERSION, kind)]
    if kind not in _OPENING:
        parts.append(pack_field(Field.TOKEN, token))
        parts.append(pack_field(Field.SEQUENCE, CODECS[Field.SEQUENCE].pack(sequence)))
    for carried, value in zip(layout.carried, layout.take(message), strict=True):
        if value is not None:
            parts.append(pack_field(carried.field, CODECS[carried.field].pack(value)))
    if kind is MessageType.HELLO:
        size = sum(map(len, parts)) + FIELD_HEADER.size + (_TAG_FIELD_SIZE if tagged else 0)
        parts.append(pack_field(Field.PADDING, bytes(HELLO_SIZE - size)))
    return b"".join(parts)


def with_tag(covered: bytes, tag: bytes) -> bytes:
    """Return a datagram with its tag behind it."""
    return covered + pack_field(Field.TAG, tag)


def controls_apart(batch: DatagramBatch) -> tuple[list[bytes], DatagramBatch | None]:
    """Return the control datagrams of a batch, and the others as one batch; None for no others."""
    data, size = batch.data, batch.segment_size
    # The second byte of each flag; of media none is that of control datagrams.
    if CONTROL_FLAG >> 8 not in bytes(data[1::size]):
        return [], batch
    datagrams = batch.datagrams()
    controls = [bytes(datagram) for datagram in datagrams if is_control(datagram)]
    others = [datagram for datagram in datagrams if not is_control(datagram)]
    return controls, DatagramBatch(b"".join(others), size, batch.received_ns) if others else None


def transcript(hello: bytes) -> bytes:
    """Return what both ends know of a HELLO, whichever of its copies came: all but cookie, padding and tag.

    Args:
        hello: the datagram, or what of it a tag covers.
    """
    rest = (field.encode() for field in read_fields(hello[HEADER.size :]) if field.number not in _NOT_OF_TRANSCRIPT)
    return hello[: HEADER.size] + b"".join(rest)


def decode_control_untrusted(datagram: bytes | memoryview) -> Control:
    """Return the control datagram that these bytes from the network are.

    Raises:
        DecodeError: they are none; nothing else is ever raised.
    """
    data = bytes(datagram[: MAX_CONTROL_SIZE + 1])
    if not HEADER.size <= len(data) <= MAX_CONTROL_SIZE:
        raise DecodeError(f"{len(datagram)} bytes; a control datagram has {HEADER.size} to {MAX_CONTROL_SIZE}")
    flag, version, number = HEADER.unpack_from(data)
    if flag != CONTROL_FLAG:
        raise DecodeError(f"flag 0x{flag:04x} is not that of control datagrams")
    if version != VERSION:
        raise DecodeError(f"version {version} of control datagrams is not known; this is {VERSION}")
    kind = _KINDS.get(number)
    if kind is None:
        raise DecodeError(f"there is no control datagram of type {number}")
    if kind is MessageType.HELLO and len(data) < HELLO_SIZE:
        raise DecodeError(f"HELLO has {len(data)} bytes; {HELLO_SIZE} are the least")
    raw = read_fields(data[HEADER.size :])
    came = {field.number: field.value for field in raw}
    has_tag = Field.TAG in came
    if has_tag and raw[-1].number != Field.TAG:
        raise DecodeError("there is something behind the tag")
    unknown = tuple(field.number for field in raw if field.marked and field.number not in _KNOWN[kind])
    if unknown and kind is not MessageType.HELLO:
        raise DecodeError(f"field {unknown[0]} must be understood, and is not")
    token = sequence = None
    if kind not in _OPENING:
        for field in _ENVELOPE_OF_STREAM:
            if field not in came:
                raise DecodeError(f"{kind.name} has no {field.name}")
        token = CODECS[Field.TOKEN].unpack(came[Field.TOKEN])
        sequence = CODECS[Field.SEQUENCE].unpack(came[Field.SEQUENCE])
    tag = CODECS[Field.TAG].unpack(came[Field.TAG]) if has_tag else None
    message = LAYOUTS[kind].make(*_values(kind, came))
    if isinstance(message, Hello) and unknown:
        message = evolve(message, unknown=unknown)
    return Control(message, token, sequence, tag, data[:-_TAG_FIELD_SIZE] if has_tag else data)


def _values(kind: MessageType, came: dict[int, bytes]) -> list[object]:
    """Return the values of a message's fields, in its layout's order.

    Raises:
        DecodeError: one is missing or wrong.
    """
    values: list[object] = []
    for carried in LAYOUTS[kind].carried:
        value = came.get(carried.field)
        if value is None and carried.required:
            raise DecodeError(f"{kind.name} has no {carried.field.name}")
        values.append(None if value is None else CODECS[carried.field].unpack(value))
    return values
