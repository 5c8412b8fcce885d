"""Compare when frames leave a server that somebody watches with one that nobody does, where the host keeps its speed.

    python benchmarks/watched_frames.py --rounds 8

As ``observers_cost.py --deaf``, but with the lateness of each frame, of which those do not count that were due near a moment
in which the hypervisor took a processor, or in which sending took half as much CPU time again as it mostly does: on a shared
host p99 is of such moments, whoever watches. Streams begin at random times, as they would. Printed are percentiles of all
rounds' frames together, and the share that left late; ``steady`` leaves out the beginning and the end of the streams. Of all
steady frames, slow moments or not, it is printed how many were due or left while the loop worked on a status or the live view.
README.md beside this file says how to read it.
"""

from __future__ import annotations

import argparse
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trio
from attrs import define, field
from observers_cost import LISTENS_SECONDS, ask, free_port, repeated, watched
from stream_load import CONFIGS, finish

from cts.api import Message
from cts.cli import main as cts
from cts.engine.dispatched_frames import DispatchedFrames
from cts.net.addresses import Source
from cts.net.host_watch import processor_times
from cts.net.offload import OffloadedEndpoint
from cts.units import MILLISECOND, SECOND

_WINDOW_NS = 20 * MILLISECOND
_BEFORE_NS, _BEHIND_NS = 20 * MILLISECOND, 50 * MILLISECOND
"""How much around a moment in which the host was slow does not count: what was late then has to be caught up with."""
_SLOW = 1.5
"""Times the CPU time that sending mostly takes."""
_STEAL_EVERY_SECONDS = 0.1
_BEGINNING_NS, _END_NS = 3 * SECOND // 2, 3 * SECOND // 10
_CAN_WAIT = "Session._report_status", "Attendance.run", "PresenterProcess._tell", "PresenterProcess._hear"
_RECORDED = "frames", "sends", "steps"


class Working(trio.abc.Instrument):
    """Notes from when to when the loop worked on what can wait."""

    def __init__(self) -> None:
        self.steps = array("q")
        self._began_ns: int | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began_ns = time.monotonic_ns() if task.name.endswith(_CAN_WAIT) else None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._began_ns is not None:
            self.steps.extend((self._began_ns, time.monotonic_ns()))


def record(into: str, command: Sequence[str]) -> None:
    """Run cts; write when each dispatched frame was due and left, of each send when, of how many and its CPU time, and when the
    loop worked on what can wait.
    """
    frames, sends, working = array("q"), array("q"), Working()
    stamp, send_now, used_ns = DispatchedFrames.stamp, OffloadedEndpoint.send_now, time.thread_time_ns

    def stamping(source: DispatchedFrames, now_ns: int) -> None:
        frames.extend((source._due_ns, now_ns))  # noqa: SLF001
        stamp(source, now_ns)

    def sending(endpoint: OffloadedEndpoint, messages: Sequence[Message], source: Source | None = None) -> int:
        began_ns = used_ns()
        gone = send_now(endpoint, messages, source)
        sends.extend((time.monotonic_ns(), len(messages), used_ns() - began_ns))
        return gone

    DispatchedFrames.stamp = stamping  # type: ignore[method-assign,assignment]
    OffloadedEndpoint.send_now = sending  # type: ignore[method-assign,assignment]
    run = trio.run
    trio.run = lambda *args, **named: run(*args, **{**named, "instruments": [working]})
    sys.argv = ["cts", *command]
    try:
        cts()
    finally:
        for name, values in zip(_RECORDED, (frames, sends, working.steps), strict=True):
            Path(into, name).write_bytes(values.tobytes())


@define
class Moments:
    """Moments in which the host was slow, on the clock of due times."""

    _ticks: set[int] = field(factory=set)

    def add(self, began_ns: int, ended_ns: int) -> None:
        """Add one, and what is around it."""
        self._ticks.update(range((began_ns - _BEFORE_NS) // _WINDOW_NS, (ended_ns + _BEHIND_NS) // _WINDOW_NS + 1))

    def add_slow_sends(self, sends: Sequence[int]) -> None:
        """Add the windows in which sends took more CPU time than so many messages do in the median."""
        took = defaultdict[int, list[float]](list)
        for count, ns in zip(sends[1::3], sends[2::3], strict=True):
            took[count].append(ns)
        mostly = {count: statistics.median(each) for count, each in took.items()}
        windows = defaultdict[int, list[float]](lambda: [0, 0])
        for at_ns, count, ns in zip(sends[::3], sends[1::3], sends[2::3], strict=True):
            window = windows[at_ns // _WINDOW_NS]
            window[0] += ns
            window[1] += mostly[count]
        for number, (used_ns, expected_ns) in windows.items():
            if used_ns > _SLOW * expected_ns:
                self.add(number * _WINDOW_NS, (number + 1) * _WINDOW_NS)

    @contextmanager
    def watch_stolen(self) -> Iterator[None]:
        """Add those in which the hypervisor took a processor in the block."""
        before, at_ns = _stolen(), time.monotonic_ns()

        def look() -> None:
            nonlocal before, at_ns
            now, now_ns = _stolen(), time.monotonic_ns()
            if now > before:
                self.add(at_ns, now_ns)
            before, at_ns = now, now_ns

        with repeated(_STEAL_EVERY_SECONDS, look):
            yield

    def __contains__(self, at_ns: int) -> bool:
        return at_ns // _WINDOW_NS in self._ticks


def _stolen() -> int:
    host = processor_times(0).host
    return 0 if host is None else host[2]


@define
class Frames:
    """How late frames left, nanoseconds.

    Attributes:
        all, steady: of those that count, and of those in the middle of the streams.
        left_out: how many do not count.
        held_up: of any in the middle of the streams that were due or left while the loop worked on what can wait.
        seconds: how long that middle was.
    """

    all: list[int] = field(factory=list)
    steady: list[int] = field(factory=list)
    left_out: int = 0
    held_up: list[int] = field(factory=list)
    seconds: float = 0

    def add(self, frames: Sequence[int], steps: Sequence[int], seconds: int, slow: Moments) -> None:
        """Add a run's."""
        begin_ns = min(frames[::2])
        middle = range(begin_ns + _BEGINNING_NS, begin_ns + seconds * SECOND - _END_NS)
        self.seconds += len(middle) / SECOND
        begins, ends = steps[::2], steps[1::2]
        for due_ns, left_ns in zip(frames[::2], frames[1::2], strict=True):
            at = bisect_right(ends, due_ns)
            if at < len(begins) and begins[at] < left_ns and due_ns in middle:
                self.held_up.append(left_ns - due_ns)
            if due_ns in slow:
                self.left_out += 1
                continue
            self.all.append(left_ns - due_ns)
            if due_ns in middle:
                self.steady.append(left_ns - due_ns)


def told(late: Iterable[int]) -> str:
    """Return percentiles in microseconds, and which share left late."""
    late = sorted(late)
    percentiles = ", ".join(
        f"p{percent:g} {late[int(len(late) * percent / 100)] / 1e3:.0f}" for percent in (50, 90, 99, 99.9)
    )
    shares = ", ".join(f"{sum(ns > us * 1000 for ns in late) / len(late):.3%} over {us}" for us in (100, 500))
    return f"us {percentiles}; {shares}"


def play(chosen: argparse.Namespace, ways: Sequence[str], into: Frames) -> None:
    """Run the streams once."""
    address, slow = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}", Moments()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings, end = watched(stack, Path(folder), "server", ways)
        settings += [
            "stream.bits_per_second=1M",
            f"stream.frame_rate={chosen.rate}",
            f"stream.stream_length={chosen.seconds}s",
        ]
        settings += [f"server.listen={address}", f"server.accept_limit={chosen.connections}"]
        sets = [argument for setting in settings for argument in ("--set", setting)]
        command = [sys.executable, __file__, "--record", folder, "run", str(CONFIGS / "server.toml"), "--json", *sets]
        stack.enter_context(slow.watch_stolen())
        server = subprocess.Popen(command, stdin=end, stdout=subprocess.PIPE, stderr=end, text=True)
        time.sleep(LISTENS_SECONDS)
        # In each run at the same moments of a second.
        chance = random.Random(5)
        asking = ask(address, sorted(chance.random() for _ in range(chosen.connections)))
        time.sleep(chosen.seconds + 0.5)
        server.send_signal(signal.SIGINT)
        finish(server)
        for sock in asking:
            sock.close()
        frames, sends, steps = (array("q", Path(folder, name).read_bytes()) for name in _RECORDED)
    slow.add_slow_sends(sends)
    into.add(frames, steps, chosen.seconds, slow)


def main() -> None:
    """Run the rounds, and print them together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--rate", type=int, default=100, help="frames per second")
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--ways", nargs="*", default=["live", "scrape", "events"], help="how it is watched")
    chosen = parser.parse_args()
    results = {"alone": Frames(), "watched": Frames()}
    for number in range(chosen.rounds):
        for name in sorted(results, reverse=not number % 2):
            played = Frames()
            play(chosen, chosen.ways if name == "watched" else (), played)
            print(f"round {number + 1} {name}: {told(played.all)}; {played.left_out:,} left out", flush=True)
            into = results[name]
            into.all += played.all
            into.steady += played.steady
            into.held_up += played.held_up
            into.seconds += played.seconds
    for name, frames in results.items():
        print(f"{name}: {told(frames.all)}\n{name}, steady: {told(frames.steady)}")
        per_second = [sum(ns > us * 1000 for ns in frames.held_up) / frames.seconds for us in (0, 100, 500)]
        print(
            "{}: status and view held up {:.0f} frames a second, {:.0f} over 100, {:.0f} over 500".format(
                name, *per_second
            )
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--record"]:
        record(sys.argv[2], sys.argv[3:])
    else:
        main()
