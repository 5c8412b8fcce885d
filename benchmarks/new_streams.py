"""What new streams cost those that run: frames of pulled streams while STARTs come, of two trees of cts in turn.

    python benchmarks/new_streams.py --against ../main --per-second 2000 --rounds 3

A server, a client of some streams, and STARTs from as many addresses as the server has places. Each tree's server runs in turn,
in an order that changes from round to round; the client is always this tree's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stream_load import CONFIGS, free_port

__all__ = ["main", "round_of"]

HERE = Path(__file__).parents[1]


def run_cts(tree: Path, role: str, settings: Sequence[str]) -> subprocess.Popen[str]:
    sets = [argument for setting in settings for argument in ("--set", setting)]
    command = [sys.executable, "-m", "cts", "run", str(CONFIGS / f"{role}.toml"), "--json", *sets]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tree)


def round_of(tree: Path, options: argparse.Namespace, server_settings: Sequence[str] = ()) -> str:
    """Run the streams once against that tree's server; return a line of what became of them."""
    address = f"127.0.0.1:{free_port()}"
    common = [
        "output.console=quiet",
        f"stream.bits_per_second={options.bits}",
        f"stream.frame_rate={options.rate}",
        f"stream.stream_length={options.seconds}s",
    ]
    server = run_cts(tree, "server", [*common, f"server.listen={address}", "run.grace=0s", *server_settings])
    time.sleep(2)
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        asking = [f"client.target={address}", f"client.connections={options.streams}", f"output.events_file={events}"]
        client = run_cts(HERE, "client", [*common, *asking])
        # Until a frame has been rendered, which is a second after the streams began.
        while not events.exists() or '"frame"' not in events.read_text(encoding="utf-8"):
            time.sleep(0.05)
        flood = _flood(address, options)
        received = json.loads(client.communicate()[0])
    resident = _resident_kib(server.pid)
    server.terminate()
    report = server.communicate()[0]
    if not report:
        return (
            f"{received['frames']}; STARTs {flood}; the server was too late to tell, and left with {server.returncode}"
        )
    served = json.loads(report)
    lateness = served["send_lateness_seconds"] or {}
    late = ", ".join(f"{name} {lateness[name] * 1e3:.1f}" for name in ("p50", "p99", "greatest") if name in lateness)
    return (
        f"{received['frames']}; STARTs {flood}; server: {len(served['streams']):,} streams, late by (ms) {late}, "
        f"{resident / 1024:.0f} MiB, refused {served['refused']}, overflowed {served.get('overflowed')}"
    )


def _flood(address: str, options: argparse.Namespace) -> str:
    rate = ["--per-second", str(options.per_second)] if options.per_second else []
    program = [sys.executable, str(HERE / "benchmarks" / "start_flood.py"), address]
    length = ["--addresses", str(options.addresses), "--seconds", str(options.seconds - 2)]
    hellos = ["--hellos"] if options.hellos else []
    done = subprocess.run([*program, *length, *rate, *hellos], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _resident_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmHWM:")[2].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another tree of cts, to be run in turn")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--bits", default="8M")
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=7)
    parser.add_argument("--addresses", type=int, default=4096)
    parser.add_argument("--per-second", type=int, default=2000)
    parser.add_argument("--hellos", action="store_true", help="every other one is a HELLO without a cookie")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="a key of this tree's server")
    options = parser.parse_args()
    trees = [HERE] if options.against is None else [options.against.resolve(), HERE]
    for number in range(options.rounds):
        for tree in trees if number % 2 == 0 else trees[::-1]:
            print(f"{tree.name}: {round_of(tree, options, options.set if tree == HERE else ())}", flush=True)


if __name__ == "__main__":
    main()
