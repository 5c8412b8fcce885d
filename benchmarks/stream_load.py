"""Many streams over loopback, server and client a process each: frames, lateness of sends, CPU time and memory of both.

    python benchmarks/stream_load.py --connections 1000 --bits 1M --rate 60 --seconds 10 --spread 3s

Frames are the receiving side's, lateness is the sending side's. ``--spread`` is over how long streams begin: to make a stream
takes its time, too, and streams that begin all at once are late from the beginning.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from attrs import frozen

CONFIGS = Path(__file__).parents[1] / "configs"


@frozen
class Finished:
    """A side that ended: its ``--json``, seconds of CPU time, greatest resident size in KiB."""

    report: dict[str, object]
    cpu_seconds: float
    resident_kib: int


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def start(role: str, settings: list[str], terminal: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    sets = [argument for setting in settings for argument in ("--set", setting)]
    command = [sys.executable, "-m", "cts", "run", str(CONFIGS / f"{role}.toml"), "--json", *sets]
    return subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True)


def finish(process: subprocess.Popen[str]) -> Finished:
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Finished(report, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def run(options: argparse.Namespace) -> dict[str, Finished]:
    address = f"127.0.0.1:{free_port()}"
    common = [
        "output.console=quiet",
        f"stream.direction={options.direction}",
        f"stream.bits_per_second={options.bits}",
        f"stream.frame_rate={options.rate}",
        f"stream.stream_length={options.seconds}s",
    ]
    limits = [f"server.accept_limit={options.connections}", f"server.server_exit_limit={options.connections}"]
    server = start("server", [*common, f"server.listen={address}", *limits])
    # The client's START is repeated until the server listens.
    connections = [f"client.connections={options.connections}", f"client.start_spread={options.spread}"]
    client = start("client", [*common, f"client.target={address}", *connections])
    try:
        asked = finish(client)
        if not all_successful(asked.report, options.connections):
            # It waits for as many as were to come.
            server.send_signal(signal.SIGINT)
        return {"client": asked, "server": finish(server)}
    finally:
        for process in (client, server):
            if process.returncode is None:
                process.kill()
                process.wait()


def all_successful(report: dict[str, object], connections: int) -> bool:
    outcomes = report["connections"]
    assert isinstance(outcomes, dict)
    return bool(outcomes["successful"] == connections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direction", choices=["pull", "push"], default="pull")
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--bits", default="1M", help="bits per second of each stream")
    parser.add_argument("--rate", type=int, default=60, help="frames per second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--spread", default="10ms", help="over how long the streams begin")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    sending, receiving = ("server", "client") if options.direction == "pull" else ("client", "server")
    for _ in range(options.rounds):
        sides = run(options)
        lateness = sides[sending].report["send_lateness_seconds"]
        assert isinstance(lateness, dict)
        late = ", ".join(f"{name} {lateness[name] * 1e3:.3f}" for name in ("p50", "p99", "p999", "greatest"))
        print(f"frames {sides[receiving].report['frames']}; sends late by (ms) {late}")
        for name, side in sides.items():
            print(f"  {name}: {side.cpu_seconds:.1f} s of CPU, {side.resident_kib / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
