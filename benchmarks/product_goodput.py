"""Compare a whole cts stream with the C loop and with iperf3, in alternating rounds over loopback.

The stream is a real one: a server and a client process, 1400-byte datagrams, every payload byte compared, offered more than it
can carry. README.md beside this file says how to read the figures.

    python benchmarks/product_goodput.py --rounds 5
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import trio
from raw_offload import ALL_PROCESSORS, run_iperf3, run_pair

from cts.bench.trials import StreamLoad, run_trial


def run_cts(offered: int) -> float:
    """Run one stream; give the goodput received in Gbit/s, 0 where it failed."""
    os.sched_setaffinity(0, ALL_PROCESSORS)
    load = StreamLoad(offered, frame_rate=1000, seconds=2, buffer="60s")
    report = trio.run(run_trial, load, print)
    return max((result.bits_per_second for result in report.results), default=0) / 1e9


def main() -> None:
    """Run the rounds and print medians and ratios, taken round by round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--offered", type=int, default=24_000_000_000, help="bits per second offered to the stream")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loop = str(Path(folder) / "c_loop")
        source = str(Path(__file__).with_name("c_loop.c"))
        subprocess.run(["gcc", "-O2", "-Wall", "-o", loop, source], check=True)
        contestants = {"C loop": lambda: run_pair([loop], 2), "cts": lambda: run_cts(chosen.offered)}
        if shutil.which("iperf3"):
            contestants["iperf3"] = lambda: run_iperf3(2)
        results: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(chosen.rounds):
            for name in sorted(contestants, reverse=bool(number % 2)):
                results[name].append(contestants[name]())
            print(f"round {number + 1}:", ", ".join(f"{name} {results[name][-1]:.1f}" for name in results), flush=True)
    for name, values in results.items():
        for other in results.keys() - {name}:
            ratio = statistics.median(value / each for value, each in zip(values, results[other], strict=True))
            print(f"{name} is {ratio:.2f} of {other}")
        print(f"{name}: median {statistics.median(values):.1f} Gbit/s ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
