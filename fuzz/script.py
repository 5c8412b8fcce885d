"""What a fuzzer's bytes mean to the receive path: one byte of settings, then eight for each step of an attack.

======  ==============================================================================================================
byte    of a step
======  ==============================================================================================================
0       whom it is for and whose address it bears (three bits), and the number of a stranger or of a client (five)
1       what passes before it: nothing below 96, a turn of the tasks below 128, else up to 16 ms; 300 ms for 255
2       what it begins as: START, a connection id, a captured datagram, a frame of the stream, bytes of its own; from 192 on a
        control datagram (:mod:`fuzz.controls`)
3       what is done to it (:data:`CHANGES`)
4 to 6  with what: two bytes of number, one of choice
7       how many copies, each a little further on (five bits), and whether they come as one coalesced batch (a bit)
======  ==============================================================================================================

Steps of one size keep a mutation of one step from changing those behind it, and any bytes are a script.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from cts.protocol.wire import MAX_DATAGRAM_SIZE, PATTERN, START, ConnectionId, Data

__all__ = ["CHANGES", "STEP_SIZE", "Settings", "Step", "captured", "settings_of", "steps_of"]

STEP_SIZE = 8
VECTORS = Path(__file__).resolve().parents[1] / "tests" / "vectors"
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"

_EXTREMES = (0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63), -(2**62), 10_000_000, 10**9, 20, 21, 30, 31)
_NUMBER = struct.Struct("<q")
_CONTROLS_FROM = 192
_SEQUENCE_AT, _QPC_AT, _QPF_AT = 2, 10, 18


@frozen
class Settings:
    """What is attacked.

    Attributes:
        push: whether the client sends.
        verify: ``data``, ``count`` or ``connection``.
        verdict: ``distinct`` or ``bytes``.
        original: whether the stream is like the captured one, a datagram a frame; else of small datagrams, three a frame.
        handshake: how the clients' streams begin.
        keyed: whether both ends have a key.
    """

    push: bool
    verify: str
    verdict: str
    original: bool
    handshake: str = "original"
    keyed: bool = False


@frozen
class Step:
    """Datagrams that come together.

    Attributes:
        to_client: whom they are for.
        stranger: whose address they bear: 0 for the peer's own, else that of a stranger.
        client: which client is meant, where one is.
        gap_ns: what passes before; 0 for nothing, 1 for no time in which the tasks have a turn.
        datagrams: what they are; of one size if ``coalesced``, but for the last.
        coalesced: whether they are one batch.
    """

    to_client: bool
    stranger: int
    client: int
    gap_ns: int
    datagrams: Sequence[bytes]
    coalesced: bool


def captured() -> list[bytes]:
    """Return the datagrams of the captured streams, rebuilt from their heads."""
    datagrams = []
    for path in sorted(VECTORS.glob("*.json")):
        for record in json.loads(path.read_text(encoding="utf-8"))["datagrams"]:
            head = bytes.fromhex(record["head"])
            whole = head[:26] + PATTERN[: record["length"] - 26] if head[:2] == b"\0\0" else head
            datagrams.append(whole)
    return datagrams


def settings_of(data: bytes) -> Settings:
    """Return what a script's first byte says."""
    first = data[0] if data else 0
    return Settings(
        push=bool(first & 1),
        verify=("data", "count", "connection", "data")[first >> 1 & 3],
        verdict=("distinct", "bytes")[first >> 4 & 1],
        original=bool(first & 8),
        handshake=("original", "cts", "auto", "cts")[first >> 5 & 3],
        # Who has no key is not served then: clients that begin by START would never have a stream.
        keyed=bool(first & 128) and bool(first & 32),
    )


def steps_of(
    data: bytes, vectors: Sequence[bytes], control: Callable[[int, int, int, int], bytes] | None = None
) -> Iterator[Step]:
    """Yield a script's steps.

    Args:
        data: the script.
        vectors: the captured datagrams.
        control: makes a control datagram of a kind and a number, that bears the address of a stranger, or of a client;
            called as the step's turn comes. None for an attack without any.
    """
    for at in range(1, len(data) - STEP_SIZE + 1, STEP_SIZE):
        whom, gap, kind, change, low, high, choice, copies = data[at : at + STEP_SIZE]
        number = low | high << 8
        stranger, client = 1 + (whom >> 3) if whom & 7 > 5 else 0, whom >> 3
        if kind >= _CONTROLS_FROM and control is not None:
            whole = control(kind - _CONTROLS_FROM, number, stranger, client)
        else:
            whole = _begins_as(kind, data[at + 4 : at + STEP_SIZE], number, vectors)
        changed = CHANGES[change % len(CHANGES)]
        datagrams = [changed(whole, number + copy, choice)[:MAX_DATAGRAM_SIZE] for copy in range((copies & 31) + 1)]
        coalesced = bool(copies & 32) and len({len(each) for each in datagrams}) == 1 and len(datagrams[0]) > 0
        if coalesced and len(datagrams) * len(datagrams[0]) > MAX_DATAGRAM_SIZE:
            coalesced = False
        yield Step(
            to_client=3 <= whom & 7 <= 5,
            stranger=stranger,
            client=client,
            gap_ns=_gap_ns(gap),
            datagrams=datagrams,
            coalesced=coalesced,
        )


def _gap_ns(gap: int) -> int:
    if gap < 128:
        return 0 if gap < 96 else 1
    return 300_000_000 if gap == 255 else (gap - 128) ** 2 * 1_000


def _begins_as(kind: int, own: bytes, number: int, vectors: Sequence[bytes]) -> bytes:
    kind %= 8
    if kind == 0:
        return START
    if kind == 1:
        return ConnectionId(NAME).encode()
    if kind == 2:
        return vectors[number % len(vectors)]
    if kind == 3:
        return own
    # The sizes of the two streams' datagrams, and others.
    size = (400, 200, 4_166, 27 + number % 1_500)[kind & 3]
    return Data(1 + number % 40, 1_000_000 + 333_333 * (number % 40), 10_000_000, PATTERN[: size - 26]).encode()


def _with_number(datagram: bytes, at: int, number: int) -> bytes:
    if len(datagram) < at + _NUMBER.size:
        return datagram
    return datagram[:at] + _NUMBER.pack((number + 2**63) % 2**64 - 2**63) + datagram[at + _NUMBER.size :]


def _extreme(number: int, choice: int) -> int:
    return _EXTREMES[choice % len(_EXTREMES)] + (number & 7)


def _flipped(datagram: bytes, number: int, choice: int) -> bytes:
    if not datagram:
        return datagram
    # Mostly in the header.
    bit = number % (8 * len(datagram) if choice & 1 else min(27, len(datagram)) * 8)
    changed = bytearray(datagram)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


CHANGES: tuple[Callable[[bytes, int, int], bytes], ...] = (
    lambda datagram, number, choice: datagram,
    lambda datagram, number, choice: _with_number(datagram, _SEQUENCE_AT, number % 64),
    lambda datagram, number, choice: _with_number(datagram, _SEQUENCE_AT, _extreme(number, choice)),
    lambda datagram, number, choice: _with_number(datagram, _QPC_AT, _extreme(number, choice)),
    lambda datagram, number, choice: _with_number(datagram, _QPF_AT, _extreme(number, choice)),
    lambda datagram, number, choice: _with_number(datagram, _QPC_AT, number * (choice + 1) * 10_000),
    lambda datagram, number, choice: datagram[: number % (len(datagram) + 1)],
    lambda datagram, number, choice: datagram + bytes([choice]) * (number % 2_048),
    lambda datagram, number, choice: number.to_bytes(4, "little")[:2] + datagram[2:],
    _flipped,
    lambda datagram, number, choice: datagram[:27] + bytes([choice]) + datagram[28:],
)
"""What can be done to a datagram, given a number (one more for each copy) and a choice."""
