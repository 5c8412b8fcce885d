"""Sends the frames of many streams at their due times, from one task.

A task of its own has to be woken for each frame of each stream, which costs more than the frame. Streams whose sender does
nothing but hand over whole frames are worked off here one behind the other instead, as long as their endpoints take them
at once; their own tasks wait meanwhile, and take over again when there is something to wait for or to decide.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Sequence
from itertools import count
from typing import Final

import trio
from attrs import define, field

from cts.api import IDatagramEndpoint, IPacer, Message
from cts.protocol.trains import BYTES_AT_ONCE, TRAINS_AT_ONCE
from cts.units import MILLISECOND

__all__ = ["FrameDispatcher", "FrameSource"]

_MESSAGES_PER_TURN = 64
"""Messages after which other tasks have their turn, so that arrivals are read also while every frame is late."""

_LATE_FOR_NS = 100 * MILLISECOND
"""How long it counts that a stream's own frame left late."""


class FrameSource(ABC):
    """A stream whose frames can be sent without waiting.

    Attributes:
        endpoint: where they go out.
        size: bytes of each.
        messages: what each consists of, as many for every frame; stamped anew by :meth:`stamp`.
    """

    endpoint: IDatagramEndpoint
    size: int
    messages: Sequence[Message]

    @abstractmethod
    def stamp(self, now_ns: int) -> None:
        """Make ``messages`` the frame that is due: it leaves now. Never suspends or raises."""

    @abstractmethod
    def went(self, now_ns: int) -> int | None:
        """Take note that the frame went; return when the next one is due, None to be asked no more."""

    @abstractmethod
    def held_up(self, gone: int) -> None:
        """Take note that only so many of the messages went; the source is asked no more."""


@define(eq=False)
class _Place:
    """A source's place among the others; without a source once it has left. ``error`` is what its endpoint raised."""

    source: FrameSource | None
    error: Exception | None = None
    done: trio.Event = field(factory=trio.Event)


class FrameDispatcher:
    """The frames of a run's streams in the order of their due times.

    Args:
        pacer: the run's clock.
    """

    def __init__(self, pacer: IPacer) -> None:
        self.pacer: Final = pacer
        self._numbers = count()
        # (due, number, place), sorted. A list, since streams of one frame rate come back at its end, where sorting in is cheap.
        self._queue: list[tuple[int, int, _Place]] = []
        self._resting = trio.CancelScope()
        self._late = 0, 0

    def late_ns(self) -> int:
        """Return how late frames leave now, nanoseconds: the next one here, or one that a stream sent itself not long ago."""
        now_ns = self.pacer.now_ns()
        at_ns, late_ns = self._late
        others_ns = late_ns if now_ns - at_ns < _LATE_FOR_NS else 0
        return max(others_ns, now_ns - self._queue[0][0] if self._queue else 0)

    def left_late(self, now_ns: int, late_ns: int) -> None:
        """Take note that a stream has sent a frame itself, so late: one that the dispatcher was not asked for, or gave back."""
        self._late = now_ns, late_ns

    async def send_frames(self, source: FrameSource, due_ns: int) -> None:
        """Have the source's frames sent from ``due_ns`` on; return when it wants no more of that.

        Cancelled, it is asked no more. Needs :meth:`run`. Raises what its endpoint raised.
        """
        place = _Place(source)
        entry = due_ns, next(self._numbers), place
        insort(self._queue, entry)
        if self._queue[0] is entry:
            self._resting.cancel()
        try:
            await place.done.wait()
        finally:
            place.source = None
        if place.error is not None:
            raise place.error

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send what is due until cancelled."""
        task_status.started()
        while True:
            with trio.CancelScope() as self._resting:
                await self._rest()
            while self._send_due():
                await trio.lowlevel.checkpoint()

    async def _rest(self) -> None:
        if self._queue:
            await self.pacer.wait_until(self._queue[0][0])
        else:
            await trio.sleep_forever()

    def _send_due(self) -> bool:
        """Send what is due, but no more than others can wait for; tell whether there may be more."""
        sent = 0
        while sent < _MESSAGES_PER_TURN:
            now_ns = self.pacer.now_ns()
            due = self._take_due(now_ns)
            if not due:
                return False
            messages: list[Message] = []
            for _, _, source in due:
                source.stamp(now_ns)
                messages += source.messages
            try:
                gone = due[0][2].endpoint.send_now(messages)
                if type(gone) is not int or gone < 0:
                    raise TypeError(f"send_now returned {gone!r}, not how many messages went")
            except Exception as error:
                # It may be a plugin's: the streams that go out there meet it in their own tasks.
                for _, place, _ in due:
                    place.error = error
                    place.done.set()
            else:
                self._settle(due, gone)
            sent += len(messages)
        return True

    def _take_due(self, now_ns: int) -> list[tuple[int, _Place, FrameSource]]:
        """Take out of the queue the first frames that are due and may leave in one call."""
        queue = self._queue
        due: list[tuple[int, _Place, FrameSource]] = []
        taken = messages = size = 0
        for due_ns, number, place in queue[:TRAINS_AT_ONCE]:
            if due_ns > now_ns:
                break
            source = place.source
            if source is not None:
                messages += len(source.messages)
                size += source.size
                if due and (
                    messages > TRAINS_AT_ONCE or size > BYTES_AT_ONCE or source.endpoint is not due[0][2].endpoint
                ):
                    break
                due.append((number, place, source))
            taken += 1
        del queue[:taken]
        return due

    def _settle(self, due: list[tuple[int, _Place, FrameSource]], gone: int) -> None:
        """Tell each source what became of its messages, and queue it again."""
        queue, now_ns = self._queue, self.pacer.now_ns()
        for number, place, source in due:
            next_ns = None
            if gone >= len(source.messages):
                next_ns = source.went(now_ns)
            else:
                source.held_up(max(0, gone))
            gone -= len(source.messages)
            if next_ns is None:
                place.done.set()
            elif not queue or next_ns >= queue[-1][0]:
                queue.append((next_ns, number, place))
            else:
                insort(queue, (next_ns, number, place))
