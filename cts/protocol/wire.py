"""Datagrams and their bytes (little-endian, offsets absolute).

======================  ===========================================================  ==================
datagram                layout                                                       length
======================  ===========================================================  ==================
:class:`Start`          ASCII ``START``                                              exactly 5
:class:`ConnectionId`   u16 0x1000, 36 characters of UUID, NUL                       39, longer accepted
:class:`Data`           u16 0x0000, i64 sequence, i64 QPC, i64 QPF, payload          26 + at least 1
======================  ===========================================================  ==================

The order of checks is fixed: START by length and content, then the flag, then the length that the flag needs.

The payload is a pattern: the 16-bit numbers 0, 1, 2 … 32767, repeated; each datagram starts at number 0.
"""

from __future__ import annotations

import re
import struct

from attrs import frozen

from cts.errors import DecodeError

__all__ = [
    "CONNECTION_ID_LENGTH",
    "CONTROL_FLAG",
    "DATA_FLAG",
    "DATA_HEADER",
    "HEADER_SIZE",
    "MAX_DATAGRAM_SIZE",
    "NANOSECONDS_PER_TICK",
    "PATTERN",
    "START",
    "TICKS_PER_SECOND",
    "ConnectionId",
    "Data",
    "Datagram",
    "Start",
    "decode_untrusted",
    "is_control",
    "is_start",
    "matches_pattern",
]

START = b"START"
DATA_FLAG = 0x0000
CONNECTION_ID_FLAG = 0x1000
CONNECTION_ID_LENGTH = 39
CONTROL_FLAG = 0x2000
"""Of what two ends of cts tell each other beside this (``cts.protocol.control``); the original refuses it."""
_CONTROL = CONTROL_FLAG.to_bytes(2, "little")
FLAG = struct.Struct("<H")
DATA_HEADER = struct.Struct("<Hqqq")
"""Flag, sequence number, QPC (ticks), QPF (ticks per second)."""
HEADER_SIZE = DATA_HEADER.size
MAX_DATAGRAM_SIZE = 65_500

_NUMBERS = 32768
PATTERN: bytes = struct.pack(f"<{_NUMBERS}H", *range(_NUMBERS))
"""One period, 65 536 bytes: longer than any UDP payload, so that every datagram's payload is a prefix of it."""

TICKS_PER_SECOND = 10_000_000
"""QPF that cts sends: 100 ns ticks, as Windows has. Larger ones overflow in the original's client."""
NANOSECONDS_PER_TICK = 1_000_000_000 // TICKS_PER_SECOND

# A peer's text reaches logs that quote nothing, so only a UUID passes.
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@frozen
class Start:
    """A client asks for a stream."""

    def encode(self) -> bytes:
        """Return the datagram."""
        return START


@frozen
class ConnectionId:
    """A server names the stream; both ends log the name. ``text`` is a UUID of 36 characters."""

    text: str

    def encode(self) -> bytes:
        """Return the datagram."""
        return FLAG.pack(CONNECTION_ID_FLAG) + self.text.encode("ascii") + b"\0"


@frozen
class Data:
    """A piece of frame ``sequence`` (from 1), stamped with the sender's clock: ``qpc`` ticks of 1/``qpf`` seconds."""

    sequence: int
    qpc: int
    qpf: int
    payload: bytes | memoryview

    def encode(self) -> bytes:
        """Return the datagram."""
        return DATA_HEADER.pack(DATA_FLAG, self.sequence, self.qpc, self.qpf) + bytes(self.payload)


Datagram = Start | ConnectionId | Data


def is_start(datagram: bytes | memoryview) -> bool:
    """Tell whether these bytes from the network are START."""
    return len(datagram) == len(START) and datagram == START


def is_control(datagram: bytes | memoryview) -> bool:
    """Tell whether these bytes from the network have the flag of control datagrams."""
    return datagram[:2] == _CONTROL


def matches_pattern(payload: bytes | memoryview) -> bool:
    """Tell whether ``payload`` is the pattern from its first number on."""
    return PATTERN.startswith(bytes(payload))


def decode_untrusted(datagram: bytes | memoryview) -> Datagram:
    """Return the datagram that these bytes from the network are.

    Raises:
        DecodeError: they are none; nothing else is ever raised.
    """
    if is_start(datagram):
        return Start()
    length = len(datagram)
    if length < FLAG.size:
        raise DecodeError(f"{length} bytes are too few for a flag")
    (flag,) = FLAG.unpack_from(datagram)
    if flag == DATA_FLAG:
        if length <= HEADER_SIZE:
            raise DecodeError(f"a data datagram of {length} bytes has no payload")
        _, sequence, qpc, qpf = DATA_HEADER.unpack_from(datagram)
        return Data(sequence, qpc, qpf, datagram[HEADER_SIZE:])
    if flag == CONNECTION_ID_FLAG:
        if length < CONNECTION_ID_LENGTH:
            raise DecodeError(f"a connection id of {length} bytes is cut short")
        text = bytes(datagram[FLAG.size : CONNECTION_ID_LENGTH - 1])
        if datagram[CONNECTION_ID_LENGTH - 1] != 0 or _UUID.fullmatch(text) is None:
            raise DecodeError("a connection id is not a UUID")
        return ConnectionId(text.decode("ascii"))
    raise DecodeError(f"unknown flag 0x{flag:04x}")
