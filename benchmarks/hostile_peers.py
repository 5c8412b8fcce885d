"""Peers that are broken or mean harm: what nobody should send a server, from a few sockets that stay and many that do not."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable

from cts.api import Address
from cts.errors import DecodeError
from cts.protocol.control.datagrams import decode_control_untrusted, encode_control, with_tag
from cts.protocol.control.fields import TAG_SIZE, TOKEN_SIZE
from cts.protocol.control.limits import WantedPlan
from cts.protocol.control.messages import Challenge, Hello, Ping
from cts.protocol.roles import Direction
from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from cts.units import SECOND, FrameRate

__all__ = ["hostile"]

NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"


def hello_of(chance: random.Random, cookie: bytes | None = None, nonce: bytes | None = None) -> bytes:
    """Return a HELLO for a stream as those of the clients, or a nonsensical one."""
    rate = FrameRate(30 if cookie or nonce else chance.choice([30, 1, 10**9]))
    plan = WantedPlan(500_000, rate, 2 * SECOND, SECOND // 2, 1400)
    direction = chance.choice(list(Direction))
    return encode_control(Hello(nonce or chance.randbytes(16), plan, direction, cookie=cookie))


def control_of(chance: random.Random) -> bytes:
    """Return a control datagram of a stream that is not there."""
    ping = encode_control(
        Ping(chance.getrandbits(62)), token=chance.randbytes(TOKEN_SIZE), sequence=chance.getrandbits(20)
    )
    return with_tag(ping, chance.randbytes(TAG_SIZE))


def is_welcomed(chance: random.Random, address: Address) -> bool:
    """Ask as a client does, up to the cookie, and leave; tell whether it came."""
    nonce = chance.randbytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as leaving:
        leaving.settimeout(0.2)
        leaving.connect(address)
        leaving.send(hello_of(chance, nonce=nonce))
        try:
            message = decode_control_untrusted(leaving.recv(2048)).message
        except (OSError, DecodeError):
            return False
        if not isinstance(message, Challenge):
            return False
        leaving.send(hello_of(chance, message.cookie, nonce))
    return True


def hostile(addresses: list[Address], stop: threading.Event, sent: Counter[str], rate: float) -> None:
    """Send what nobody should, ``rate`` datagrams a second, from a few sockets that stay and many that do not."""
    chance = random.Random(1)
    lasting = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
    whole = Data(1, 0, 10_000_000, PATTERN[:974]).encode()

    def data() -> bytes:
        sequence = chance.choice([0, -1, 1, chance.randrange(100), 2**63 - 1, -(2**63)])
        payload = PATTERN[: chance.randrange(1, 1_400)] if chance.random() < 0.5 else chance.randbytes(40)
        return Data(sequence, chance.randrange(-(2**63), 2**63), chance.choice([0, 1, 10**7, -1]), payload).encode()

    kinds: dict[str, Callable[[], bytes]] = {
        "garbage": lambda: chance.randbytes(chance.randrange(80)),
        "data": data,
        "part": lambda: whole[: chance.randrange(len(whole))],
        "name": lambda: ConnectionId(NAME).encode(),
        "START": lambda: START,
        "HELLO": lambda: hello_of(chance),
        "HELLO with a cookie": lambda: hello_of(chance, cookie=chance.randbytes(16)),
        "control": lambda: control_of(chance),
    }
    while not stop.wait(0.05):
        for _ in range(int(rate / 20)):
            kind = chance.choices(list(kinds), [3, 4, 2, 1, 1, 2, 1, 2])[0]
            sent[kind] += 1
            with_socket = chance.choice(lasting)
            with_socket.sendto(kinds[kind](), chance.choice(addresses))
            with_socket.setblocking(False)
        # A client that asks and leaves: the answer, and in pull its frames, go to nobody.
        if chance.random() < 0.15:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as leaving:
                leaving.sendto(START, chance.choice(addresses))
                sent["asks and leaves"] += 1
        if chance.random() < 0.15:
            sent["is welcomed and leaves"] += is_welcomed(chance, chance.choice(addresses))
    for each in lasting:
        each.close()
