"""Wake many tasks at precise instants with one timerfd (timerfd_create(2)).

``trio.sleep_until`` waits in epoll_wait, which counts in milliseconds. A timerfd expires on the kernel's nanosecond clock and
makes epoll return at once, so one of them, set to the earliest due time of all tasks, serves the whole process.

Even so a sleeping processor takes its time to wake, tens of microseconds on a virtual machine. So the timer expires that much
ahead of the due time, as much as was lately needed, and what remains is spent yielding to other tasks.

What can wait, such as the status of a run, is done piece by piece in gaps between due times: begun at any moment, every piece
would hold up a frame.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Final

import trio

from cts.api import IPacer
from cts.native import function, layouts_known, raise_errno
from cts.units import MICROSECOND, SECOND

__all__ = ["TimerFd", "TimerPacer", "available"]

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK: Final = 0o4000
_TFD_CLOEXEC: Final = 0o2000000
_TFD_TIMER_ABSTIME: Final = 1
_ITIMERSPEC: Final = struct.Struct("=16xqq")
_TICKS_SIZE: Final = 8
_CANCELLED_MAX: Final = 256
_LEAD_MAX_NS: Final = 80 * MICROSECOND
_LEAD_STEP_NS: Final = 500
_GAP_NS: Final = 50 * MICROSECOND
"""From when on a gap is worth a step of what can wait: with more asked for there would be none among a few hundred streams."""
_GAP_MAX_NS: Final = 200 * MICROSECOND
"""After so long in a gap others have their turn."""
_STEP_NS: Final = 30 * MICROSECOND
"""What must be left of it for one step more."""
_PATIENCE_NS: Final = 300 * MICROSECOND
"""After so long a step is taken anyway: thousands of frames a second may leave no gap."""
_NOT_RUNNING: Final = "the pacer does not run: start its run() in a nursery that outlives those who wait"

_timerfd_create = function("timerfd_create", ctypes.c_int)
_timerfd_settime = function("timerfd_settime", ctypes.c_int)


class TimerFd:
    """One timer of the kernel as a file descriptor that turns readable when its deadline has passed. Never suspends or blocks.

    Raises OSError where the kernel or the C library has none.
    """

    def __init__(self) -> None:
        if sys.version_info >= (3, 13):
            self._fd = os.timerfd_create(_CLOCK_MONOTONIC, flags=_TFD_NONBLOCK | _TFD_CLOEXEC)
        else:
            self._fd = _timerfd_create(ctypes.c_int(_CLOCK_MONOTONIC), ctypes.c_int(_TFD_NONBLOCK | _TFD_CLOEXEC))
            if self._fd < 0:
                raise_errno()
            self._spec = bytearray(_ITIMERSPEC.size)
            self._spec_memory = (ctypes.c_char * _ITIMERSPEC.size).from_buffer(self._spec)
            address = ctypes.c_void_p(ctypes.addressof(self._spec_memory))
            self._arguments = (ctypes.c_int(self._fd), ctypes.c_int(_TFD_TIMER_ABSTIME), address, ctypes.c_void_p())

    def fileno(self) -> int:
        """Return the descriptor, -1 once closed."""
        return self._fd

    def set_deadline_ns(self, deadline_ns: int) -> None:
        """Turn readable at this instant of time.monotonic_ns, at once if it has passed; replaces any deadline before."""
        if self._fd < 0:
            raise ValueError("the timer is closed")
        deadline_ns = max(deadline_ns, 1)  # 0 would disarm
        if sys.version_info >= (3, 13):
            os.timerfd_settime_ns(self._fd, flags=_TFD_TIMER_ABSTIME, initial=deadline_ns)
        else:
            _ITIMERSPEC.pack_into(self._spec, 0, *divmod(deadline_ns, SECOND))
            if _timerfd_settime(*self._arguments) < 0:
                raise_errno()

    def read(self) -> int:
        """Make it unreadable again; return 1 if the deadline had passed, else 0."""
        try:
            return int.from_bytes(os.read(self._fd, _TICKS_SIZE), sys.byteorder)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def available() -> bool:
    """Tell whether this process can have a :class:`TimerFd`."""
    if not layouts_known():
        return False
    try:
        TimerFd().close()
    except OSError:
        return False
    return True


class TimerPacer(IPacer):
    """Wakes tasks at instants of ``time.monotonic_ns``, as soon after them as trio gets round to it and never before.

    :meth:`run` is the one task that waits for the timer; it must run while anybody waits. One pacer serves one trio run.
    It stays busy, yielding, for at most ``lead_max_ns`` before a due time, which at thousands of wakes a second may take
    all of a core that has nothing else to do; 0 lets it sleep.
    """

    def __init__(self, lead_max_ns: int = _LEAD_MAX_NS) -> None:
        self._timer: TimerFd | None = None
        self._numbers = count(1)
        # Who waits under which number; the queue holds (due, number) and also those that were cancelled since.
        self._waiting: dict[int, trio.lowlevel.Task] = {}
        self._queue: list[tuple[int, int]] = []
        # Of those, who wait for a gap; some have been woken since. Below 0, so that one can tell.
        self._patient: deque[int] = deque()
        # Whether somebody was woken who may be about to wait again, maybe not for long.
        self._stirred = False
        self._armed_ns: int | None = None
        self._lead_ns = 0
        self._lead_max_ns = lead_max_ns

    now_ns = staticmethod(time.monotonic_ns)
    """Return the present on the clock that due times are on."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Wake waiting tasks until cancelled; says ``started`` when :meth:`wait_until` may be called.

        When it ends, tasks still waiting get a RuntimeError. Raises RuntimeError if it runs already, OSError without timerfd.
        """
        if self._timer is not None:
            raise RuntimeError("the pacer runs already")
        timer = self._timer = TimerFd()
        try:
            task_status.started()
            while True:
                await trio.lowlevel.wait_readable(timer.fileno())
                self._learn_lead(time.monotonic_ns())
                self._wake_due()
                while self._queue and self._queue[0][0] - time.monotonic_ns() < self._lead_ns:
                    await trio.lowlevel.checkpoint()
                    self._stirred = False
                    self._wake_due()
                self._rest(timer)
        finally:
            self._timer = self._armed_ns = None
            timer.close()
            stranded = list(self._waiting.values())
            self._waiting.clear()
            self._queue.clear()
            for task in stranded:
                trio.lowlevel.reschedule(task)

    async def wait_until(self, due_ns: int) -> None:
        """Suspend until ``due_ns``; at or after it only let others run. Always a checkpoint.

        Raises RuntimeError if :meth:`run` does not run, or ends meanwhile.
        """
        timer = self._timer
        if timer is None:
            await trio.lowlevel.checkpoint()
            raise RuntimeError(_NOT_RUNNING)
        if due_ns <= time.monotonic_ns():
            await trio.lowlevel.checkpoint()
            return
        number = next(self._numbers)
        self._enqueue(timer, due_ns, number)
        self._stirred = False
        self._wake_patient()
        await self._woken(number)
        if time.monotonic_ns() < due_ns:
            raise RuntimeError("the pacer stopped while a task was waiting for it")

    async def run_in_gaps(self, steps: Iterator[None]) -> None:
        """Take the steps while nobody is due for a moment, as many as there is time for; one anyway every 0.3 ms.

        Raises RuntimeError if :meth:`run` does not run.
        """
        ends_ns = 0
        while True:
            if time.monotonic_ns() >= ends_ns:
                ends_ns = await self._wait_for_gap()
            try:
                next(steps)
            except StopIteration:
                return

    async def _wait_for_gap(self) -> int:
        """Suspend until there is a gap, or for as long as one can wait; return when the last step in it should begin."""
        timer = self._timer
        await trio.lowlevel.checkpoint()
        if timer is None:
            raise RuntimeError(_NOT_RUNNING)
        if self._stirred or not self._is_gap():
            number = -next(self._numbers)
            self._enqueue(timer, time.monotonic_ns() + _PATIENCE_NS, number)
            self._patient.append(number)
            await self._woken(number)
        ends_ns = time.monotonic_ns() + _GAP_MAX_NS
        return min(ends_ns, self._queue[0][0] - _STEP_NS) if self._queue else ends_ns

    def _enqueue(self, timer: TimerFd, due_ns: int, number: int) -> None:
        self._waiting[number] = trio.lowlevel.current_task()
        heapq.heappush(self._queue, (due_ns, number))
        if self._armed_ns is None or due_ns < self._armed_ns:
            self._arm(timer, due_ns)

    async def _woken(self, number: int) -> None:
        """Suspend until somebody wakes the task that waits under that number."""

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._waiting.pop(number, None)
            self._forget_cancelled()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _is_gap(self) -> bool:
        queue, waiting = self._queue, self._waiting
        while queue and queue[0][1] not in waiting:
            heapq.heappop(queue)
        return not queue or queue[0][0] - time.monotonic_ns() >= _GAP_NS

    def _wake_patient(self) -> None:
        """Wake who has waited longest for a gap, if there is one."""
        patient = self._patient
        while patient and patient[0] not in self._waiting:
            patient.popleft()
        if patient and self._is_gap():
            trio.lowlevel.reschedule(self._waiting.pop(patient.popleft()))

    def _arm(self, timer: TimerFd, due_ns: int) -> None:
        timer.set_deadline_ns(due_ns - self._lead_ns)
        self._armed_ns = due_ns

    def _wake_due(self) -> None:
        queue, waiting = self._queue, self._waiting
        while queue and queue[0][0] <= time.monotonic_ns():
            number = heapq.heappop(queue)[1]
            task = waiting.pop(number, None)
            if task is not None:
                trio.lowlevel.reschedule(task)
                self._stirred |= number > 0

    def _rest(self, timer: TimerFd) -> None:
        if self._queue:
            self._arm(timer, self._queue[0][0])  # makes it unreadable too
        else:
            self._armed_ns = None
            timer.read()

    def _learn_lead(self, now_ns: int) -> None:
        """Follow the time from expiry to here that three wakes of four keep to."""
        if self._armed_ns is not None:
            step_ns = 3 * _LEAD_STEP_NS if now_ns > self._armed_ns else -_LEAD_STEP_NS
            self._lead_ns = min(max(self._lead_ns + step_ns, 0), self._lead_max_ns)

    def _forget_cancelled(self) -> None:
        """Keep the queue within twice the tasks that wait, and some: a cancelled one leaves its entry behind."""
        if len(self._queue) > 2 * len(self._waiting) + _CANCELLED_MAX:
            self._queue = [entry for entry in self._queue if entry[1] in self._waiting]
            heapq.heapify(self._queue)
