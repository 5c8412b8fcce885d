"""Compare the goodput of one stream with and without its events being recorded, in alternating rounds over loopback.

Server and client are a process each, the client records. README.md beside this file says how to read the figures.

    python benchmarks/events_cost.py --rounds 7
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_COMMAND = [sys.executable, "-m", "cts", "run"]


def run_stream(offered: int, frame_rate: int, events: Path | None) -> float:
    """Run one stream; return the goodput received in Gbit/s, 0 where it failed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = f"""
        [stream]
        bits_per_second = {offered}
        frame_rate = {frame_rate}
        stream_length = "2s"
        buffer_depth = "60s"
        [server]
        listen = ["127.0.0.1:{port}"]
        server_exit_limit = 1
        [client]
        target = ["127.0.0.1:{port}"]
        [output]
        console = "quiet"
        """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "stream.toml"
        config.write_text(stream, encoding="utf-8")
        arguments = [*_COMMAND, str(config), "--json"]
        record = ["--set", f"output.events_file={json.dumps(str(events))}"] if events is not None else []
        with subprocess.Popen([*arguments, "--set", "run.role=server"], stdout=subprocess.DEVNULL) as server:
            client = subprocess.run([*arguments, "--set", "run.role=client", *record], capture_output=True, check=False)
            server.terminate()
    streams = json.loads(client.stdout)["streams"] if client.stdout else []
    return max((stream["bits_per_second"] for stream in streams), default=0) / 1e9


def main() -> None:
    """Run the rounds and print medians and ratios, taken round by round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--offered", type=int, default=24_000_000_000, help="bits per second offered to the stream")
    parser.add_argument("--frame-rate", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = {"nothing": None, "events": Path(folder) / "e.jsonl", "gzip": Path(folder) / "e.jsonl.gz"}
        results: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(chosen.rounds):
            for name in sorted(ways, reverse=bool(number % 2)):
                results[name].append(run_stream(chosen.offered, chosen.frame_rate, ways[name]))
            print(f"round {number + 1}:", ", ".join(f"{name} {results[name][-1]:.2f}" for name in results), flush=True)
    for name in ("events", "gzip"):
        ratios = [with_it / without for with_it, without in zip(results[name], results["nothing"], strict=True)]
        print(f"with {name}: {statistics.median(ratios):.3f} of without ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
