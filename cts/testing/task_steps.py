"""Looks on while a plugin's tasks run, step by step: how long each holds the event loop, and what it may not call."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

import trio
from attrs import define, field

if sys.platform == "linux":
    import resource

__all__ = ["Stopped", "TaskSteps", "belongs_to"]

_CLOCKS = {
    getattr(time, name): f"time.{name}"
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
}


class Stopped(BaseException):
    """Ends a run of a plugin in which it did what it may not do; no plugin catches it by chance.

    Args:
        text: what it did, as the end of a sentence.
        of_clock: whether it asked another clock than the pacer.
    """

    def __init__(self, text: str, *, of_clock: bool = False) -> None:
        super().__init__(text)
        self.of_clock = of_clock


def belongs_to(frame: FrameType, module: str) -> bool:
    """Tell whether a frame runs code of the package that ``module`` is in; cts's own test kit is no plugin's."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] == module.partition(".")[0] and not name.startswith("cts.testing.")


@define(eq=False)
class TaskSteps(trio.abc.Instrument):
    """Sees every step that a plugin's tasks take, between one wait and the next.

    A step is as long as the processor time that it takes; or as it lasts, if the thread let go of the processor in it, as
    it does in a call that blocks. What other processes take of a busy machine's time is not held against the plugin.

    Args:
        module: the plugin's.
        steps_at_most: steps at one instant; whoever takes more does not wait.

    Attributes:
        frame: the frame that is being sent.
        longest_ns: the longest step while a frame was sent, nanoseconds, by frame.
    """

    _module: str
    _steps_at_most: int
    frame: int = field(default=0, init=False)
    longest_ns: dict[int, int] = field(factory=dict, init=False)
    _nursery: trio.Nursery | None = field(default=None, init=False)
    _watched: dict[trio.lowlevel.Task, bool] = field(factory=dict, init=False)
    _profile: Any = field(default=None, init=False)
    _steps: int = field(default=0, init=False)
    _began: tuple[int, int, int] = field(default=(0, 0, 0), init=False)

    def watch(self, nursery: trio.Nursery) -> None:
        """Look at the tasks of this nursery and those below from now on."""
        self._nursery = nursery

    def begin_instant(self) -> None:
        """Begin to count steps anew."""
        self._steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin to look."""
        if self._is_watched(task):
            self._steps += 1
            self._began = _spent()
            self._profile = sys.getprofile()
            sys.setprofile(self._look)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Cease to look."""
        if self._is_watched(task):
            sys.setprofile(self._profile)
            lasted_ns, worked_ns, blocked = (now - then for now, then in zip(_spent(), self._began, strict=True))
            took_ns = lasted_ns if blocked else worked_ns
            self.longest_ns[self.frame] = max(took_ns, self.longest_ns.get(self.frame, 0))

    def _look(self, frame: FrameType, event: str, called: object) -> None:
        """See to each call while a plugin's task runs. What this raises comes out of that call."""
        if self._steps > self._steps_at_most and belongs_to(frame, self._module):
            raise Stopped("goes on and on without waiting, and time does not pass")
        if event != "c_call":
            return
        if called is time.sleep:
            raise Stopped(f"calls time.sleep ({_place(frame)})")
        if called in _CLOCKS and belongs_to(frame, self._module):
            raise Stopped(f"reads {_CLOCKS[called]} ({_place(frame)})", of_clock=True)

    def _is_watched(self, task: trio.lowlevel.Task) -> bool:
        if self._nursery is None:
            return False
        known = self._watched.get(task)
        if known is None:
            nursery = task.parent_nursery
            known = nursery is self._nursery or (nursery is not None and self._is_watched(nursery.parent_task))
            self._watched[task] = known
        return known


def _spent() -> tuple[int, int, int]:
    """Return real time and this thread's processor time, in nanoseconds, and how often it let go of the processor by itself."""
    blocked = 0
    if sys.platform == "linux":  # which tells it of a thread
        blocked = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    return time.perf_counter_ns(), time.thread_time_ns(), blocked


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename.rpartition('/')[2]}, line {frame.f_lineno}"
