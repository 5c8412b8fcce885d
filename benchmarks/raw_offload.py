"""Compare cts's offload primitives with a C loop and with iperf3, in alternating rounds over loopback.

Sender and receiver are processes of their own, on processors of their own. Each pair gives the goodput received, of 1400-byte
datagrams; C and Python compare every payload byte, iperf3 compares none. README.md beside this file has figures.

    python benchmarks/raw_offload.py --rounds 7 --seconds 3
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cts.api import Address
from cts.net.addresses import pack_sockaddr
from cts.net.coalescing import CoalescedReceiver
from cts.net.segmentation import SegmentedSender
from cts.protocol.wire import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

DATAGRAM: Final = 1400
SEGMENTS: Final = 46
SOCKET_BUFFER: Final = 4 * 1024 * 1024
IDLE_NS: Final = 500_000_000
QPF: Final = 10_000_000
ALL_PROCESSORS: Final = os.sched_getaffinity(0)
STAMP: Final = struct.Struct("<qq")
PATTERN: Final = struct.pack(f"<{(DATAGRAM - HEADER_SIZE) // 2}H", *range((DATAGRAM - HEADER_SIZE) // 2))


def send(port: int, seconds: float) -> None:
    """Send full batches to ``port`` for so long."""
    peer = pack_sockaddr(Address("127.0.0.1", port))
    payloads = (memoryview(PATTERN),) * SEGMENTS
    header = bytearray(struct.pack("<Hqqq", 0, 0, 0, QPF))
    calls = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        sender = SegmentedSender(sock.fileno())
        end = time.monotonic_ns() + int(seconds * 1e9)
        while (now := time.monotonic_ns()) < end:
            STAMP.pack_into(header, 2, calls + 1, now // 100)
            try:
                sender.send(peer, header, payloads)
            except BlockingIOError:
                select.select([], [sock], [], IDLE_NS / 1e9)
            else:
                calls += 1
    print(json.dumps({"sent_bytes": calls * SEGMENTS * DATAGRAM}))


def receive(max_seconds: float) -> None:
    """Print the port, then read until half a second passes without a datagram; time is the kernel's receive time."""
    total = calls = first = last = drops = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        receiver = CoalescedReceiver(sock.fileno())
        memory, repeats = receiver.into.memory, receiver.into.repeats
        sock.bind(("127.0.0.1", 0))
        print("port", sock.getsockname()[1], flush=True)
        started = time.time_ns()
        while True:
            received = receiver.receive()
            if received is None:
                now = time.time_ns()
                if (first and now - last > IDLE_NS) or now - started > max_seconds * 1e9:
                    break
                select.select([sock], [], [], IDLE_NS / 1e9)
                continue
            _remote, length, segment_size, last, drops = received
            # The first datagram against the pattern, the others against their predecessors.
            if (
                segment_size != DATAGRAM
                or not memory.startswith(PATTERN, HEADER_SIZE)
                or not repeats(length, segment_size)
            ):
                verify_each(memory, length, segment_size)
            first = first or last
            total += length
            calls += 1
    print(json.dumps({"bytes": total, "calls": calls, "drops": drops, "seconds": (last - first) / 1e9}))


def verify_each(memory: bytearray, length: int, segment_size: int) -> None:
    """Compare every datagram's payload with the pattern."""
    for at in range(0, length, segment_size):
        size = min(segment_size, length - at)
        if not HEADER_SIZE < size <= DATAGRAM or not memory.startswith(PATTERN[: size - HEADER_SIZE], at + HEADER_SIZE):
            raise SystemExit("a payload is not the pattern")


def use_processor(share: int) -> None:
    """Let what is started from here on run on one half of the processors, so that sender and receiver never share one."""
    processors = sorted(ALL_PROCESSORS)
    os.sched_setaffinity(0, processors[share::2] or processors)


def run_pair(command: list[str], seconds: float) -> float:
    """Run ``command`` as receiver and sender; give the goodput received in Gbit/s."""
    use_processor(1)
    with subprocess.Popen([*command, "receive", str(seconds + 5)], stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        port = receiver.stdout.readline().split()[1]
        use_processor(0)
        subprocess.run([*command, "send", port, str(seconds)], check=True, stdout=subprocess.DEVNULL)
        result = json.loads(receiver.stdout.read())
    return float(result["bytes"] * 8 / result["seconds"] / 1e9)


def run_iperf3(seconds: float) -> float:
    """Run one iperf3 test, one datagram a call; give the goodput received in Gbit/s."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    use_processor(1)
    server_command = ["iperf3", "--server", "--one-off", "--bind", "127.0.0.1", "--port", port, "--forceflush"]
    with subprocess.Popen(server_command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while "listening" not in server.stdout.readline():
            pass
        use_processor(0)
        client_command = [
            "iperf3",
            "--client",
            "127.0.0.1",
            "--port",
            port,
            "--udp",
            "--bitrate",
            "0",
            "--length",
            str(DATAGRAM),
        ]
        options = ["--time", str(max(1, round(seconds))), "--window", "4M", "--json", "--get-server-output"]
        done = subprocess.run([*client_command, *options], check=True, capture_output=True, text=True)
        server.stdout.read()
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9)


def compare(rounds: int, seconds: float) -> None:
    """Run every contestant once a round; print each round, the medians and the ratios to the C loop, taken round by round."""
    with tempfile.TemporaryDirectory() as folder:
        loop = str(Path(folder) / "c_loop")
        source = str(Path(__file__).with_name("c_loop.c"))
        subprocess.run(["gcc", "-O2", "-Wall", "-o", loop, source], check=True)
        contestants: dict[str, Callable[[], float]] = {
            "C loop": lambda: run_pair([loop], seconds),
            "Python": lambda: run_pair([sys.executable, __file__], seconds),
        }
        if shutil.which("iperf3"):
            contestants["iperf3"] = lambda: run_iperf3(seconds)
        results: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds):
            order = list(contestants) if number % 2 == 0 else list(contestants)[::-1]
            for name in order:
                results[name].append(contestants[name]())
            print(
                f"round {number + 1}:", ", ".join(f"{name} {results[name][-1]:.1f}" for name in contestants), flush=True
            )
    yardstick = results["C loop"]
    for name, values in results.items():
        ratio = statistics.median(value / reference for value, reference in zip(values, yardstick, strict=True))
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:8} median {statistics.median(values):5.1f} Gbit/s ({spread}), {ratio:.2f} of the C loop")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parts = parser.add_subparsers(dest="part", description="What the rounds start as processes.")
    sending = parts.add_parser("send")
    sending.add_argument("port", type=int)
    sending.add_argument("send_seconds", type=float)
    parts.add_parser("receive").add_argument("max_seconds", type=float)
    chosen = parser.parse_args()
    if chosen.part == "send":
        send(chosen.port, chosen.send_seconds)
    elif chosen.part == "receive":
        receive(chosen.max_seconds)
    else:
        compare(chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
