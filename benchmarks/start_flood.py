"""Sends START, with ``--hellos`` HELLO in turn, from many source addresses of 127.0.0.0/8 at a rate: for ``new_streams.py``.

    python benchmarks/start_flood.py 127.0.0.1:4444 --addresses 4096 --per-second 2000 --seconds 5

One socket sends from every address (IP_PKTINFO), so whatever is answered comes back to it; it reads nothing of that. Prints how
many it sent. Without ``--per-second`` as fast as it goes.
"""

from __future__ import annotations

import argparse
import socket
import struct
import time

from cts.api import StreamPlan
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.roles import Direction
from cts.protocol.wire import START
from cts.units import SECOND

__all__ = ["FIRST_SOURCE", "hello", "main"]

FIRST_SOURCE = 0x7F010000
"""127.1.0.0: the addresses count up from here."""

_IP_PKTINFO = 8
_IN_PKTINFO = struct.Struct("=i4s4s")
_AT_ONCE = 16
"""Datagrams between two looks at the clock."""


def hello() -> bytes:
    """Return a HELLO as a client sends it first."""
    plan = StreamPlan(8_000_000, 30, 60 * SECOND)
    asking = ClientHandshake(plan, Direction.PULL, nonce=bytes(16), now_ns=0, mode=HandshakeMode.CTS)
    datagram = asking.poll(0)
    assert datagram is not None
    return datagram


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--addresses", type=int, default=65_000)
    parser.add_argument("--per-second", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--hellos", action="store_true", help="every other one is a HELLO without a cookie")
    options = parser.parse_args()
    datagrams = (START, hello()) if options.hellos else (START,)
    host, _, port = options.target.rpartition(":")
    sources = [
        [(socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, struct.pack("!I", FIRST_SOURCE + number), bytes(4)))]
        for number in range(options.addresses)
    ]
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("0.0.0.0", 0))
        target = host, int(port)
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < options.seconds:
            ahead = sent - elapsed * options.per_second if options.per_second else -_AT_ONCE
            if ahead >= 0:
                time.sleep((ahead + 1) / options.per_second)
                continue
            for _ in range(min(_AT_ONCE, int(-ahead) + 1)):
                sock.sendmsg([datagrams[sent % len(datagrams)]], sources[sent % len(sources)], 0, target)
                sent += 1
        elapsed = time.monotonic() - began
    print(f"{sent} in {elapsed:.2f} s: {sent / elapsed:,.0f} a second", flush=True)


if __name__ == "__main__":
    main()
