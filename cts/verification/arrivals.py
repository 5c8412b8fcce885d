"""What a datagram was when it arrived, by the bytes that the truth keeps of it and the bit that was flipped on its way."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from cts.errors import DecodeError
from cts.impairment.link import flipped
from cts.protocol.wire import HEADER_SIZE, PATTERN, ConnectionId, Start, decode_untrusted, is_control

__all__ = ["Arrived", "Decoder", "Kind"]

_DECODED_SIZE = 64
"""More than any header has: how many bytes of a datagram decoding looks at, at most."""


class Kind(IntEnum):
    """What a receiver takes a datagram for."""

    DATA = 0
    WRONG_DATA = 1
    """Its payload is not the pattern."""
    START = 2
    CONNECTION_ID = 3
    JUNK = 4
    """Nothing of the protocol."""
    HELLO = 5
    CHALLENGE = 6
    WELCOME = 7
    REFUSED = 8
    CONTROL = 9
    """Another control datagram."""
    ALTERED = 10
    """One of them, in which a bit was flipped on its way: of most of it the truth keeps nothing."""


_CONTROLS = {1: Kind.HELLO, 2: Kind.CHALLENGE, 3: Kind.WELCOME, 4: Kind.REFUSED}
_NONCE = slice(8, 24)
"""Of the messages that open a stream; it is their first field."""
_CONTROL_VERSION = 1


class Arrived(NamedTuple):
    """One arrival: ``sequence`` of data and the sender's ``stamp``, its ticks and ticks per second; ``text`` of a connection
    id, the nonce of a control datagram."""

    kind: Kind
    sequence: int = 0
    text: str = ""
    stamp: tuple[int, int] = (0, 0)


class Decoder:
    """Tells what datagrams are; remembers the last one that came intact, for a frame's datagrams begin alike."""

    def __init__(self) -> None:
        self._last = ("", 0)
        self._last_arrived = Arrived(Kind.JUNK)

    def decode(self, head: str, size: int, bit: int | None) -> Arrived:
        """Return what a datagram was.

        Args:
            head: its first 39 bytes as they were sent, hexadecimal.
            size: its bytes.
            bit: which bit was flipped.
        """
        if bit is not None:
            known = bytes.fromhex(head)
            if is_control(known):
                after = flipped(known, bit) if bit // 8 < len(known) else known
                return Arrived(Kind.ALTERED if is_control(after) else Kind.JUNK)
            return _decode(flipped(known, bit) if bit // 8 < len(known) else known, size, bit // 8 >= HEADER_SIZE)
        if (head, size) != self._last:
            self._last = (head, size)
            self._last_arrived = _decode(bytes.fromhex(head), size, False)
        return self._last_arrived


def _decode(head: bytes, size: int, wrong: bool) -> Arrived:
    """Decode a datagram of which ``head`` is known; ``wrong`` says that its payload is known not to be the pattern."""
    if is_control(head):
        known = len(head) > 3 and head[2] == _CONTROL_VERSION
        kind = _CONTROLS.get(head[3], Kind.CONTROL) if known else Kind.CONTROL
        return Arrived(kind, text=head[_NONCE].hex())
    try:
        decoded = decode_untrusted(head.ljust(min(size, _DECODED_SIZE), b"\0"))
    except DecodeError:
        return Arrived(Kind.JUNK)
    if isinstance(decoded, Start):
        return Arrived(Kind.START)
    if isinstance(decoded, ConnectionId):
        return Arrived(Kind.CONNECTION_ID, text=decoded.text)
    wrong = wrong or not PATTERN.startswith(head[HEADER_SIZE:])
    stamp = decoded.qpc, decoded.qpf
    return Arrived(Kind.WRONG_DATA if wrong else Kind.DATA, decoded.sequence, stamp=stamp)
