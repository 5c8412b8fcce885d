"""Simulates runs over bad paths, in both directions, until so many datagrams have been sent, and verifies each run.

    python benchmarks/verify_datagrams.py --datagrams 1000000

A line for each run: differences, frames compared datagram by datagram, late datagrams, datagrams, and how long each command
took.
Exits with 1 if anything differs, or a run has no stream.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory

SEED = 2
"""Of the first run. A push has time for one START: by other seeds some run loses it, and verifies nothing."""

CONFIG = """
[run]
role = "loopback"
[stream]
direction = "{direction}"
bits_per_second = "25 Mbit/s"
frame_rate = 60
stream_length = "60s"
buffer_depth = "500ms"
verify = "count"
[client]
connections = 1
[sender]
strategy = "{sender}"
[network]
{path}
[output]
console = "quiet"
events_file = "run.jsonl"
truth_file = "truth.jsonl"
"""
PATHS = {
    "loss": """
latency = "20ms"
jitter = "2ms"
loss = 0.01""",
    "bursts and copies": """
latency = "20ms"
loss = {model = "gilbert-elliott", p = 0.004, r = 0.3}
duplicate = 0.05""",
    "own ways": """
latency = {model = "uniform", low = "5ms", high = "60ms"}
keep_order = false
loss = 0.005
duplicate = 0.01""",
    "a heavy tail": """
latency = {model = "pareto", minimum = "20ms", shape = 1.3}
keep_order = false
duplicate = 0.1
corrupt = 0.001""",
    "late": """
latency = "20ms"
reorder = 0.05
reorder_delay = "700ms"
duplicate = 0.02
corrupt = 0.0005""",
}


def call(folder: Path, *arguments: str) -> tuple[str, float]:
    """Return what a command of cts printed, and how long it took, in seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cts", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.stderr:
        print(done.stderr, file=sys.stderr)
    return done.stdout, time.perf_counter() - began


def main() -> None:
    """Run and verify until enough has been sent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    wanted = parser.parse_args().datagrams
    sent = frames = late = differences = empty = 0
    kinds = list(product(("pull", "push"), ("auto", "spread"), PATHS))
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number in count():
            if sent >= wanted:
                break
            direction, sender, path = kinds[number * 7 % len(kinds)]
            (folder / "run.toml").write_text(CONFIG.format(direction=direction, sender=sender, path=PATHS[path]))
            _, simulated = call(folder, "sim", "run.toml", "--seed", str(number + SEED))
            text, verified = call(folder, "verify-run", "run.jsonl", "truth.jsonl", "--json")
            found = json.loads(text)
            own, total = found["frames"], found["differences"]["total"]
            print(
                f"{path}, {direction}, {sender}: {total} differences, {own['by_datagram']:,} frames, "
                f"{own['late_datagrams']:,} late, {found['datagrams']:,} datagrams; {simulated:.1f} s and {verified:.1f} s"
            )
            for each in found["differences"]["listed"][:5]:
                print(f"    {each}")
            sent += found["datagrams"]
            frames += own["by_datagram"]
            late += own["late_datagrams"]
            differences += total
            if not found["streams"]["compared"]:
                print("    no stream: its only START, or the answer, was lost; choose another SEED")
                empty += 1
    print(f"{differences} differences in {sent:,} datagrams: {frames:,} frames, {late:,} late datagrams")
    sys.exit(differences > 0 or empty > 0)


if __name__ == "__main__":
    main()
