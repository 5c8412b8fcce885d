"""What media metrics cost: CPU time of a frame, and memory of a stream.

python benchmarks/media_metrics.py [--frames 20000] [--rounds 9]
"""

from __future__ import annotations

import argparse
import pickle
import random
import time
import tracemalloc

from cts.metrics.frame_record import FrameRecord
from cts.metrics.media import MediaMetrics

INTERVAL_NS = 16_666_667
STREAMS = (
    ("1 datagram, 0.1 ms of jitter", 1, 100_000, 0.0, 0.0),
    ("1 datagram, 5 ms of jitter", 1, 5_000_000, 0.0, 0.0),
    ("1 datagram, clocks drift", 1, 100_000, 50e-6, 0.0),
    ("24 datagrams, 1 ms of jitter", 24, 1_000_000, 0.0, 0.0),
    ("24 datagrams, 5 % of frames lack one", 24, 1_000_000, 0.0, 0.05),
)


def records(frames: int, datagrams: int, jitter_ns: int, drift: float, loss: float) -> list[FrameRecord]:
    chance, made = random.Random(1), []
    for sequence in range(1, frames + 1):
        due_ns = 10**9 + sequence * INTERVAL_NS
        transit = 123_456_789_012 + int(drift * due_ns + abs(chance.gauss(0, jitter_ns)))
        lacking = chance.random() < loss
        at = chance.randrange(datagrams)
        missing = ((at, at),) if lacking else ()
        first_ns = due_ns - 10**9 + transit
        last_ns = first_ns + 10_000 * (datagrams - 1)
        came = datagrams - lacking
        times = (first_ns, last_ns, None if lacking else last_ns, None, transit, transit, transit)
        made.append(FrameRecord(sequence, due_ns, datagrams, came, came * 1400, 0, missing, *times))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    for name, datagrams, jitter_ns, drift, loss in STREAMS:
        frames = records(options.frames, datagrams, jitter_ns, drift, loss)
        times = []
        for _ in range(options.rounds):
            take = MediaMetrics(INTERVAL_NS, datagrams).frame
            began = time.thread_time()
            for frame in frames:
                take(frame)
            times.append((time.thread_time() - began) / len(frames) * 1e6)
        tracemalloc.start()
        metrics = MediaMetrics(INTERVAL_NS, datagrams)
        for frame in frames:
            metrics.frame(frame)
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        told = len(pickle.dumps(metrics.totals()))
        print(
            f"{name:<38} {min(times):5.2f} us a frame, {memory / 1024:5.1f} KiB a stream, totals {told / 1024:4.1f} KiB"
        )


if __name__ == "__main__":
    main()
