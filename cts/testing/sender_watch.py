"""Watches a sender at work: what it waits for, whether it lets others run meanwhile, and whether it keeps up.

trio's clock stands still here, and only a pacer that is moved by hand goes on. So whoever waits for anything but the pacer is
seen to, and whoever does not wait at all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from pathlib import Path
from types import CodeType, FrameType

import trio
import trio.testing
from attrs import define, field, frozen

from cts.api import BackgroundTask, Frame, IPacer, ISender, StreamPlan
from cts.errors import first_of
from cts.testing.endpoints import PEER, RecordingEndpoint
from cts.testing.pacers import PATIENCE_S
from cts.testing.task_steps import Stopped, TaskSteps, belongs_to
from cts.units import SECOND, format_duration

__all__ = ["Watched", "watch_sender"]

_FRAMES = 60
_BEGIN_NS = 1_000_000_012_345
_STEP_LIMIT_NS = 10_000_000
"""How long a sender may hold up the other streams of its process."""
_TRIES = 5
"""A step that takes long is the sender's doing if it takes long each time; else the machine was busy."""
_NOT_THE_PACER = "instead of for the pacer, whose clock is the only one a stream has"


@frozen
class Watched:
    """What is to be said of a sender, a sentence each; None where there is nothing.

    Attributes:
        waits: of what it waits for.
        blocks: of how it lets others run.
        pace: of how it keeps up with its frames.
    """

    waits: str | None = None
    blocks: str | None = None
    pace: str | None = None


def watch_sender(
    sender_class: type[ISender], make: Callable[[StreamPlan], ISender], plan: StreamPlan, segment_limit: int
) -> Watched:
    """Watch a sender through some frames like the plan's, its background task beside it.

    Args:
        sender_class: the sender's class, whose package is the plugin's.
        make: makes one for a plan.
        plan: the stream's arithmetic; there are more frames where it has few.
        segment_limit: how many datagrams one call of the endpoint can carry.

    Raises:
        Exception: whatever the sender raises.
    """
    plan = _long_enough(plan)
    held: list[dict[int, int]] = []
    for _ in range(_TRIES):
        watch = _Watch(sender_class, plan, segment_limit)
        watch.go(make)
        if watch.waits or watch.blocks:
            return Watched(watch.waits, watch.blocks)
        held.append({frame: ns for frame, ns in watch.steps.longest_ns.items() if ns >= _STEP_LIMIT_NS})
        always = set.intersection(*map(set, held))
        if not always:
            return Watched(pace=watch.pace())
    ns, frame = max((min(each[frame] for each in held), frame) for frame in always)
    return Watched(
        blocks=f"frame {frame} runs for {format_duration(ns)} without a checkpoint, which holds up every stream of the process:"
        " do such work beforehand, or wait for the pacer between pieces of it",
        pace=watch.pace(),
    )


def _long_enough(plan: StreamPlan) -> StreamPlan:
    """Return the plan with so many frames that a sender can fall behind."""
    return StreamPlan(
        bits_per_second=plan.bits_per_second,
        frame_rate=plan.frame_rate,
        stream_length_ns=-(-max(_FRAMES, plan.final_frame) * SECOND // plan.frame_rate),
        buffer_depth_ns=plan.buffer_depth_ns,
        datagram_max_size=plan.datagram_max_size,
    )


@define(eq=False)
class _HandMovedPacer(IPacer):
    """A pacer on a clock of its own, which stands still until it is moved on to the next time that is waited for."""

    _asked_at_most: int
    _now_ns: int = field(default=_BEGIN_NS, init=False)
    _waiting: list[tuple[int, int, trio.Event]] = field(factory=list, init=False)
    _waits: int = field(default=0, init=False)
    _asked: int = field(default=0, init=False)

    def now_ns(self) -> int:
        """Return the time; not without end, to one who does nothing but ask."""
        self._asked += 1
        if self._asked > self._asked_at_most:
            raise Stopped("asks pacer.now_ns() again and again, and time does not pass")
        return self._now_ns

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until it is moved on to ``due_ns``."""
        if due_ns <= self._now_ns:
            await trio.lowlevel.checkpoint()
            return
        self._waits += 1
        entry = due_ns, self._waits, trio.Event()
        heappush(self._waiting, entry)
        try:
            await entry[2].wait()
        except trio.Cancelled:
            entry[2].set()
            raise

    def move_on(self) -> bool:
        """Go on to the next time that somebody waits for; False where nobody does."""
        while self._waiting and self._waiting[0][2].is_set():
            heappop(self._waiting)
        if not self._waiting:
            return False
        self._asked = 0
        self._now_ns = self._waiting[0][0]
        while self._waiting and self._waiting[0][0] <= self._now_ns:
            heappop(self._waiting)[2].set()
        return True


@define(eq=False)
class _Watch:
    """One run of a sender.

    Attributes:
        steps: looks on at each step of its tasks.
        waits, blocks: what was found; nothing more is looked for then.
    """

    _sender_class: type[ISender]
    _plan: StreamPlan
    _segment_limit: int
    steps: TaskSteps = field(init=False)
    waits: str | None = field(default=None, init=False)
    blocks: str | None = field(default=None, init=False)
    _clock: trio.testing.MockClock = field(factory=trio.testing.MockClock, init=False)
    _pacer: _HandMovedPacer = field(init=False)
    _returned_ns: list[int] = field(factory=list, init=False)
    _frame: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        at_most = 10_000 + 1000 * len(self._plan.payloads)
        self._pacer = _HandMovedPacer(at_most)
        self.steps = TaskSteps(self._sender_class.__module__, at_most)

    def go(self, make: Callable[[StreamPlan], ISender]) -> None:
        """Run it to the end or to the first finding."""
        try:
            trio.run(self._main, make(self._plan), clock=self._clock, instruments=[self.steps])
        except Stopped as stopped:
            self._note_stop(stopped)
        except BaseExceptionGroup as group:
            of_ours, _ = group.split(Stopped)
            if of_ours is None:
                raise first_of(group) from None
            ours = first_of(of_ours)
            assert isinstance(ours, Stopped)
            self._note_stop(ours)

    def pace(self) -> str | None:
        """Tell whether frames came back later and later after they were due."""
        late_ns = [
            returned_ns - _BEGIN_NS - self._plan.send_offset_ns(sequence)
            for sequence, returned_ns in enumerate(self._returned_ns, 1)
        ]
        quarter = len(late_ns) // 4
        early, least_ns = max(late_ns[:quarter]), min(late_ns[-quarter:])
        if least_ns <= early:
            return None
        return (
            f"frames fall behind for good: up to frame {quarter} each was sent within {format_duration(early)} of its due time,"
            f" and of the last {quarter} none within {format_duration(least_ns)}; spend no longer on a frame than the"
            f" {format_duration(self._plan.interval_ns)} to the next"
        )

    async def _main(self, sender: ISender) -> None:
        endpoint = RecordingEndpoint(segment_limit=self._segment_limit)
        async with trio.open_nursery() as nursery:
            self.steps.watch(nursery)
            background = sender.background(endpoint, PEER, self._pacer)
            if background is not None:
                nursery.start_soon(_beside, background)
            ended = trio.Event()
            nursery.start_soon(self._send_frames, sender, endpoint, ended)
            await trio.testing.wait_all_tasks_blocked()
            while not (ended.is_set() or self._found_waiting(nursery)):
                if not self._pacer.move_on():
                    self._note_stuck(nursery)
                    break
                self.steps.begin_instant()
                await trio.testing.wait_all_tasks_blocked()
            self._clock.autojump_threshold = 0  # for what goes on all the same: another test's to tell
            nursery.cancel_scope.cancel()

    async def _send_frames(self, sender: ISender, endpoint: RecordingEndpoint, ended: trio.Event) -> None:
        for sequence in range(1, self._plan.final_frame + 1):
            due_ns = _BEGIN_NS + self._plan.send_offset_ns(sequence)
            await self._pacer.wait_until(due_ns)
            self._frame = self.steps.frame = sequence
            await sender.send_frame(Frame(self._plan, sequence, due_ns), endpoint, PEER, self._pacer)
            self._returned_ns.append(self._pacer.now_ns())
            endpoint.sent.clear()
        ended.set()

    def _found_waiting(self, nursery: trio.Nursery) -> bool:
        """Look whether a task sleeps by trio's clock, or a call has gone on for too long."""
        for task in _leaves(nursery):
            if (wait := self._wait_of(task)) and wait[0] in ("sleep", "sleep_until"):
                self.waits = f"frame {self._frame} waits in trio.{wait[0]} ({wait[1]}) {_NOT_THE_PACER}: {_CURE}"
                return True
        due_ns = _BEGIN_NS + self._plan.send_offset_ns(max(1, self._frame))
        if self._pacer.now_ns() - due_ns > PATIENCE_S * SECOND + self._plan.end_offset_ns:
            self.waits = (
                f"frame {self._frame}: send_frame had not returned after {PATIENCE_S} s: return when the frame is sent"
            )
        return self.waits is not None

    def _note_stuck(self, nursery: trio.Nursery) -> None:
        waits = [wait for task in _leaves(nursery) if (wait := self._wait_of(task))]
        what, where = waits[-1] if waits else ("something", "unknown place")
        self.waits = f"frame {self._frame} waits in {what} ({where}) {_NOT_THE_PACER}: {_CURE}"

    def _note_stop(self, stopped: Stopped) -> None:
        if stopped.of_clock:
            self.waits = (
                f"frame {self._frame} {stopped}: the pacer's clock is the only one a stream has, ask pacer.now_ns()"
            )
        else:
            self.blocks = f"frame {self._frame} {stopped}, which holds up every stream of the process: {_CURE}"

    def _wait_of(self, task: trio.lowlevel.Task) -> tuple[str, str] | None:
        """Return what a task of the sender waits in, and where; None for one that waits for the pacer."""
        what, where = "", "its own code"
        for frame, line in task.iter_await_frames():
            if frame.f_code is _WAIT_UNTIL:
                return None
            if belongs_to(frame, self._sender_class.__module__):
                what, where = "", f"{Path(frame.f_code.co_filename).name}, line {line}"
            elif not what and _is_trio_s(frame):
                what = frame.f_code.co_qualname
        return what or "something", where


_CURE = "await pacer.wait_until(due_ns)"
_WAIT_UNTIL: CodeType = _HandMovedPacer.wait_until.__code__


async def _beside(background: BackgroundTask) -> None:
    with suppress(Exception):  # which is another test's to tell
        await background()


def _is_trio_s(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "trio"


def _leaves(nursery: trio.Nursery) -> list[trio.lowlevel.Task]:
    """Return the tasks under a nursery that wait for no task of theirs."""
    leaves = []
    for task in nursery.child_tasks:
        below = [leaf for inner in task.child_nurseries for leaf in _leaves(inner)]
        leaves += below or [task]
    return leaves
