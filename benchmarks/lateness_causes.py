"""Run cts, and say what it was doing in the time by which frames left late: where a sender's loop is held up.

    python benchmarks/lateness_causes.py --over 1ms -- run configs/server.toml --set server.listen=127.0.0.1:4444

For each dispatched frame that left later than ``--over``, the time from when it was due is shared out among the steps of tasks
that took it: ``elsewhere`` is the part of them in which another thread or process had the processor, ``asleep`` what epoll took
to wake, ``gc`` collections. What is left is the step that sent it: several were late together. Printed to standard error when
the run has ended. To look costs a tenth of a processor: it tells causes, not how late frames would leave otherwise.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter, deque

import trio
from attrs import define, field

from cts.cli import main as cts
from cts.engine.dispatched_frames import DispatchedFrames
from cts.units import parse_duration_ns

_STEPS_KEPT = 1000
"""Of the past: more than fit into the time by which a frame is late."""


@define(eq=False)
class Causes(trio.abc.Instrument):
    """Follows what the loop does, and who is late.

    Attributes:
        late: frames.
        ns: what their lateness was spent on.
    """

    over_ns: int
    late: int = field(default=0, init=False)
    ns: Counter[str] = field(factory=Counter, init=False)
    _steps: deque[tuple[int, int, str]] = field(factory=lambda: deque(maxlen=_STEPS_KEPT), init=False)
    _began: tuple[int, int] = field(default=(0, 0), init=False)
    _waits_ns: int = field(default=0, init=False)
    _collects_ns: int = field(default=0, init=False)
    _collected_ns: int = field(default=0, init=False)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.monotonic_ns(), time.thread_time_ns()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        began_ns, busy_ns = self._began
        ended_ns = time.monotonic_ns()
        elsewhere_ns = max(0, ended_ns - began_ns - (time.thread_time_ns() - busy_ns))
        name = task.name.split(" ")[0].removeprefix("cts.")
        at_ns = began_ns
        # In which order a step's parts came does not matter.
        own_ns = max(0, ended_ns - began_ns - elsewhere_ns - self._collected_ns)
        for part, part_ns in ((name, own_ns), ("gc", self._collected_ns), ("elsewhere", elsewhere_ns)):
            self._steps.append((at_ns, at_ns + part_ns, part))
            at_ns += part_ns
        self._collected_ns = 0

    def before_io_wait(self, timeout: float) -> None:
        self._waits_ns = time.monotonic_ns()

    def after_io_wait(self, timeout: float) -> None:
        self._steps.append((self._waits_ns, time.monotonic_ns(), "asleep" if timeout else "epoll"))

    def collection(self, phase: str, info: dict[str, int]) -> None:
        """Be told of a collection, which is in a step; that counts without it."""
        if phase == "start":
            self._collects_ns = time.monotonic_ns()
        else:
            self._collected_ns += time.monotonic_ns() - self._collects_ns

    def left(self, due_ns: int, now_ns: int) -> None:
        """Take note of a frame."""
        if now_ns - due_ns <= self.over_ns:
            return
        self.late += 1
        known_ns = 0
        for began_ns, ended_ns, name in reversed(self._steps):
            if ended_ns <= due_ns:
                break
            part_ns = ended_ns - max(began_ns, due_ns)
            self.ns[name] += part_ns
            known_ns += part_ns
        self.ns["the sending itself"] += max(0, now_ns - due_ns - known_ns)

    def told(self) -> str:
        """Return it as text, the most first."""
        whole = sum(self.ns.values()) or 1
        parts = [f"  {ns / whole:6.1%}  {name}" for name, ns in self.ns.most_common(15)]
        return "\n".join([f"{self.late} frames left more than {self.over_ns / 1e6:g} ms late; of that time:", *parts])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--over", default="1ms")
    parser.add_argument("command", nargs="+", help="what cts is told, behind --")
    chosen = parser.parse_args()
    causes = Causes(parse_duration_ns(chosen.over))
    gc.callbacks.append(causes.collection)
    run, stamp = trio.run, DispatchedFrames.stamp

    def stamping(source: DispatchedFrames, now_ns: int) -> None:
        causes.left(source._due_ns, now_ns)  # noqa: SLF001
        stamp(source, now_ns)

    trio.run = lambda *args, **named: run(*args, **{**named, "instruments": [causes]})
    DispatchedFrames.stamp = stamping  # type: ignore[method-assign,assignment]
    sys.argv = ["cts", *chosen.command]
    try:
        cts()
    finally:
        print(causes.told(), file=sys.stderr)


if __name__ == "__main__":
    main()
