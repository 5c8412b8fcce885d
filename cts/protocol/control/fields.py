"""Type-length-value fields: the envelope of everything that a control datagram says, and how values become bytes.

A field is u16 type, u16 length, value (little-endian). Bit 15 of the type says that whoever does not know the field must not
act on the datagram; the other 15 bits are its number. No number comes twice in a datagram.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

from cts.errors import DecodeError, printable

__all__ = [
    "COOKIE_SIZE",
    "FIELD_HEADER",
    "MAX_FIELDS",
    "MUST_UNDERSTAND",
    "NONCE_SIZE",
    "TAG_SIZE",
    "TOKEN_SIZE",
    "Codec",
    "Field",
    "RawField",
    "is_key_name",
    "key_name",
    "number",
    "octets",
    "pack_field",
    "read_fields",
    "record",
    "text",
    "uuid_text",
]

FIELD_HEADER = struct.Struct("<HH")
"""Type with the bit, bytes of the value."""
MUST_UNDERSTAND = 0x8000
MAX_FIELDS = 32
"""Fields in a datagram at most."""

NONCE_SIZE = 16
COOKIE_SIZE = 16
TAG_SIZE = 16
TOKEN_SIZE = 8

_KEY_NAME = re.compile(rb"[A-Za-z0-9._@-]{1,64}")


class Field(IntEnum):
    """The number of each field, without the bit."""

    PADDING = 0
    NONCE = 1
    PLAN = 2
    DIRECTION = 3
    FEATURES = 4
    KEY_NAME = 5
    COOKIE = 6
    TAG = 7
    SERVER_NONCE = 8
    CONNECTION_ID = 9
    CAPS = 10
    CLOCK = 11
    REASON = 12
    TEXT = 13
    CAP = 14
    LIMIT = 15
    TOKEN = 16
    SEQUENCE = 17
    PING = 18
    PONG = 19
    RECEIVED = 20
    SENT = 21
    OUTCOME = 22


class RawField(NamedTuple):
    """A field as it is on the wire.

    Attributes:
        number: its type without the bit.
        marked: whether it must be understood.
        value: its bytes.
    """

    number: int
    marked: bool
    value: bytes

    def encode(self) -> bytes:
        """Return its bytes."""
        kind = self.number | (MUST_UNDERSTAND if self.marked else 0)
        return FIELD_HEADER.pack(kind, len(self.value)) + self.value


def pack_field(number: Field, value: bytes) -> bytes:
    """Return a field of this version, which an end of the version knows: nothing is marked."""
    return FIELD_HEADER.pack(number, len(value)) + value


def read_fields(body: bytes) -> list[RawField]:
    """Return the fields of a datagram from the network, in its order.

    Raises:
        DecodeError: they do not fill it exactly, one comes twice, or there are too many.
    """
    fields: list[RawField] = []
    seen: set[int] = set()
    at, end = 0, len(body)
    while at < end:
        if end - at < FIELD_HEADER.size:
            raise DecodeError("a field is cut short")
        kind, length = FIELD_HEADER.unpack_from(body, at)
        at += FIELD_HEADER.size
        if length > end - at:
            raise DecodeError(f"a field of {length} bytes is cut short")
        field = RawField(kind & ~MUST_UNDERSTAND, bool(kind & MUST_UNDERSTAND), body[at : at + length])
        if field.number in seen:
            raise DecodeError(f"field {field.number} comes twice")
        if len(fields) == MAX_FIELDS:
            raise DecodeError(f"there are more than {MAX_FIELDS} fields")
        seen.add(field.number)
        fields.append(field)
        at += length
    return fields


class Codec(NamedTuple):
    """How a value becomes bytes and back.

    Attributes:
        pack: returns the bytes of a value of ours.
        unpack: returns the value of bytes from the network; raises DecodeError, and nothing else.
        layout: what the bytes are, as the reference says it.
    """

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    layout: str


def octets(size: int) -> Codec:
    """Return the codec of exactly so many bytes."""

    def check(value: bytes) -> bytes:
        if len(value) != size:
            raise DecodeError(f"{len(value)} bytes where {size} are wanted")
        return value

    return Codec(check, check, f"{size} bytes")


def record(layout: struct.Struct, words: str, *, open_ended: bool = False) -> Codec:
    """Return the codec of a tuple of numbers.

    Args:
        layout: theirs.
        words: the same in words.
        open_ended: whether a later version may append to it, which is then passed over.
    """

    def pack(values: tuple[int, ...]) -> bytes:
        return layout.pack(*values)

    def unpack(value: bytes) -> tuple[int, ...]:
        if len(value) < layout.size or (len(value) > layout.size and not open_ended):
            raise DecodeError(f"{len(value)} bytes where {layout.size} are wanted")
        return layout.unpack_from(value)

    return Codec(pack, unpack, words)


def number(letter: str, words: str) -> Codec:
    """Return the codec of one number, given its letter as ``struct`` has it."""
    one = record(struct.Struct(f"<{letter}"), words)
    return Codec(lambda value: one.pack((value,)), lambda value: one.unpack(value)[0], words)


def text(size: int) -> Codec:
    """Return the codec of text for people: UTF-8 of so many bytes at most, cut where it is longer.

    What a terminal would act on, and what would make lines and columns of its own, is written as an escape when it is read.
    """

    def pack(words: str) -> bytes:
        return words.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode("utf-8")

    def unpack(value: bytes) -> str:
        if len(value) > size:
            raise DecodeError(f"a text of {len(value)} bytes; {size} are allowed")
        try:
            return printable(value.decode("utf-8")).replace("\n", "\\n").replace("\t", "\\t")
        except UnicodeDecodeError:
            raise DecodeError("a text is not UTF-8") from None

    return Codec(pack, unpack, f"UTF-8, at most {size} bytes")


def is_key_name(name: str) -> bool:
    """Tell whether a key may be called that: 1 to 64 of ASCII letters, digits and ``._@-``."""
    return _KEY_NAME.fullmatch(name.encode("utf-8", "replace")) is not None


def _unpack_key_name(value: bytes) -> str:
    if _KEY_NAME.fullmatch(value) is None:
        raise DecodeError("a key's name has bytes that no name has")
    return value.decode("ascii")


key_name = Codec(lambda name: name.encode("ascii"), _unpack_key_name, "1 to 64 of `A-Z a-z 0-9 . _ @ -`")


def _unpack_uuid(value: bytes) -> str:
    digits = _UUID_OCTETS.unpack(value).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_UUID_OCTETS = octets(16)
uuid_text = Codec(
    lambda name: _UUID_OCTETS.pack(bytes.fromhex(name.replace("-", ""))),
    _unpack_uuid,
    "16 bytes, those of the UUID's digits in their order",
)
