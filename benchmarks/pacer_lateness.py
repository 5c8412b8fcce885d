"""Measure how late the pacer wakes its tasks, and the CPU time of a wake.

Each task waits for its own instants, one frame interval apart and counted from one base, as senders do; phases are spread over
the interval. Lateness is the time at which the task runs minus the time at which it was due.

    python benchmarks/pacer_lateness.py --tasks 1000 --rate 60 --seconds 5
"""

from __future__ import annotations

import argparse
import time
from array import array

import trio

from cts.clock.timerfd_pacer import TimerPacer

SECOND_NS = 1_000_000_000


async def keep_time(pacer: TimerPacer, base_ns: int, interval_ns: int, count: int, late_ns: array[int]) -> None:
    """Wait for ``count`` instants and note how late each came."""
    for number in range(count):
        due_ns = base_ns + number * interval_ns
        await pacer.wait_until(due_ns)
        late_ns.append(pacer.now_ns() - due_ns)


async def measure(tasks: int, rate: int, seconds: float) -> None:
    """Run the tasks and print one line."""
    pacer = TimerPacer()
    late_ns = array("q")
    interval_ns = SECOND_NS // rate
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        base_ns = pacer.now_ns() + SECOND_NS // 10
        cpu_ns, start_ns = time.process_time_ns(), pacer.now_ns()
        async with trio.open_nursery() as waiters:
            for number in range(tasks):
                phase_ns = base_ns + number * interval_ns // tasks
                waiters.start_soon(keep_time, pacer, phase_ns, interval_ns, int(rate * seconds), late_ns)
        cpu_ns, passed_ns = time.process_time_ns() - cpu_ns, pacer.now_ns() - start_ns
        nursery.cancel_scope.cancel()
    late = sorted(late_ns)
    p50, p99, worst = (late[int(share * (len(late) - 1))] / 1000 for share in (0.5, 0.99, 1.0))
    print(
        f"{tasks} tasks x {rate}/s: late p50 {p50:.0f} us, p99 {p99:.0f} us, worst {worst:.0f} us;",
        f"{cpu_ns / len(late) / 1000:.1f} us of CPU a wake, {cpu_ns / passed_ns:.0%} of one core",
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args()
    trio.run(measure, chosen.tasks, chosen.rate, chosen.seconds)


if __name__ == "__main__":
    main()
