"""What crosses a host's cable, read from the link itself: the IP headers of UDP datagrams, and what each one is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field, frozen

from tests.cli.running_cts import PATIENCE_S
from tests.hosts.namespaces import Host

_SCRIPT = """
import json, socket, sys, threading
link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
link.bind(("cable", 0))
link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
link.settimeout(0.05)
seen, ended = set(), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
print("ready", flush=True)
while True:
    try:
        packet = link.recv(65536)
    except TimeoutError:
        if ended.is_set():
            break
        continue
    if packet[0] >> 4 == 4 and packet[9] == 17:
        source, octet, hops, udp = packet[12:16], packet[1], packet[8], packet[4 * (packet[0] & 15):]
        host = socket.inet_ntop(socket.AF_INET, source)
    elif packet[0] >> 4 == 6 and packet[6] == 17:
        source, octet, hops, udp = packet[8:24], (packet[0] << 4 | packet[1] >> 4) & 255, packet[7], packet[40:]
        host = socket.inet_ntop(socket.AF_INET6, source)
    else:
        continue
    said = udp[8:]
    what = "START" if said == b"START" else "id" if said[:2] == b"\\x00\\x10" else "data" if said[:2] == b"\\0\\0" else "other"
    seen.add((host, int.from_bytes(udp[:2], "big"), what, octet, hops))
print(json.dumps(sorted(seen)))
"""


@frozen
class Header:
    """A kind of datagram that was seen.

    Attributes:
        host, port: where it came from.
        what: START, id, data or other.
        octet: the TOS octet or the traffic class.
        hops: TTL or hop limit.
    """

    host: str
    port: int
    what: str
    octet: int
    hops: int

    @property
    def dscp(self) -> int:
        return self.octet >> 2


@define
class Capture:
    """A capture; ``headers`` are there once it has ended."""

    headers: list[Header] = field(factory=list)

    def sent_by(self, host: str) -> list[Header]:
        return [each for each in self.headers if each.host == host]


@contextmanager
def captured(host: Host) -> Iterator[Capture]:
    """Capture both ways on a host's cable while the block runs."""
    command = ["ip", "netns", "exec", host.name, sys.executable, "-c", _SCRIPT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            capture = Capture()
            yield capture
            said, _ = process.communicate(timeout=PATIENCE_S)
            capture.headers = [Header(*each) for each in json.loads(said)]
        finally:
            process.kill()
