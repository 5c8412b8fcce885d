"""Signals that end a command, for all of them in one place: SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal is gone).

::

    before a run     as_interrupts   each raises KeyboardInterrupt: nothing has been measured yet
    while it runs    stop_signals    each goes to the task that stops the run; a watchdog sees to it that it ends
    after that       as_interrupts   one more is passed over, since the result is being printed; two raise KeyboardInterrupt

A shell without job control has what it starts in the background (``cts run x.toml &`` in a script) ignore SIGINT (POSIX,
"Signals and Error Handling"). SIGINT is heard all the same, as tcpdump, ping and iperf3 do: a script that measures ends it so,
and wants the result. A SIGHUP that is ignored stays so, for that is what nohup is for.

The watchdog is a thread: whatever keeps a run from ending, a plugin that loops, swallows cancellation or shields from it, it
says what is known and leaves the process. Only C code that never lets go of the interpreter is beyond it.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio

__all__ = ["as_interrupts", "exit_status_of", "stop_signals"]

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = 0.5
"""How long a run may take to end after a second signal."""
_GRACEFUL_PATIENCE_S = 5.0
"""How long it may take to end after the grace period that a first signal gave it."""
_LOOP_PATIENCE_S = 0.2
"""How long the event loop has to say what is known; it is stuck if it does not, and nobody else touches what it would tell."""
_TELLING_S = 1.0


def exit_status_of(number: int) -> int:
    """Return the status of a command that a signal ended: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + number


def _heard() -> list[signal.Signals]:
    """Return the signals to listen to: SIGHUP not where somebody (nohup) had it ignored."""
    return [each for each in _STOPPING if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN]


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class _Interrupts:
    """A handler: raises KeyboardInterrupt before and after a run; holds what comes at the edge between.

    Attributes:
        came: the signals so far.
        running_or_over: whether a run has begun to listen.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self.running_or_over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        if self.running_or_over and len(self.came) == 1:
            return
        # trio's handler for Ctrl-C, where there is one, raises it where it does no harm.
        ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(ctrl_c) and ctrl_c is not self:
            ctrl_c(signal.SIGINT, frame)
        raise KeyboardInterrupt


@contextmanager
def as_interrupts() -> Iterator[list[int]]:
    """Have SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; yield those that came; Ctrl-C is not among them.

    For all that a process does: when the block is left it is about to end, and is not hurried any more.
    """
    heard = _heard()
    interrupts = _Interrupts()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a script's shell starts what is to run in the background; a run hears it then, and what comes before one has to.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Nor does a parent mean what it left blocked by mistake.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    for number in heard:
        if number != signal.SIGINT:
            signal.signal(number, interrupts)
    try:
        yield interrupts.came
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_signals(
    give_up: Callable[[int], object] = lambda number: None, *, grace_s: float | None = None
) -> Iterator[AsyncIterator[int]]:
    """Yield the signals that come in the block, for a task to stop a run; nothing ever in a thread that gets no signals.

    Args:
        give_up: says what is known of a run that has not ended half a second after a second signal; given the first. The
            process is left after it, with that signal's status. Called in the event loop if that still turns, else in the
            watchdog's thread.
        grace_s: how long a first signal lets the run go on, seconds; five seconds after that it is given up, too. None: a
            first signal gives it all the time it takes.
    """
    import trio

    if not _in_main_thread():
        send, never = trio.open_memory_channel[int](0)
        with send:
            yield never
        return
    interrupts = signal.getsignal(signal.SIGTERM)
    if isinstance(interrupts, _Interrupts):
        interrupts.running_or_over = True
        # trio puts back what it finds, and what it does not know it leaves alone.
        signal.signal(signal.SIGINT, interrupts)
    heard = _heard()
    with trio.open_signal_receiver(*heard) as signals:
        deliver = signal.getsignal(signal.SIGINT)
        assert callable(deliver)
        watchdog = _Watchdog(give_up, grace_s, trio.lowlevel.current_trio_token())

        def handle(number: int, frame: FrameType | None) -> None:
            watchdog.signals.put(number)
            deliver(number, frame)

        for number in heard:
            signal.signal(number, handle)
        if isinstance(interrupts, _Interrupts):
            for early in interrupts.came:
                handle(early, None)
            interrupts.came.clear()
        try:
            yield signals
        finally:
            watchdog.stand_down()


class _Watchdog:
    """Gives up on a run that does not end.

    Attributes:
        signals: takes each signal; a put from a signal handler does no harm.
    """

    def __init__(self, give_up: Callable[[int], object], grace_s: float | None, loop: trio.lowlevel.TrioToken) -> None:
        self.signals: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._give_up = give_up
        self._grace_s = grace_s
        self._loop = loop
        self._ending = threading.Lock()
        self._over = False
        # Started now: to start one from a signal handler could wait for a lock that the interrupted code holds.
        threading.Thread(target=self._watch, name="cts stop watchdog", daemon=True).start()

    def stand_down(self) -> None:
        """The run has ended. Returns only if it was not given up in the same moment."""
        self.signals.put(None)
        self._ending.acquire()
        self._over = True

    def _watch(self) -> None:
        first: int | None = None
        deadline: float | None = None
        with suppress(queue.Empty):
            while (number := self.signals.get(timeout=_until(deadline))) is not None:
                if first is not None:
                    soon = time.monotonic() + _PATIENCE_S
                    deadline = soon if deadline is None else min(deadline, soon)
                elif self._grace_s is not None:
                    deadline = time.monotonic() + self._grace_s + _GRACEFUL_PATIENCE_S
                first = first or number
            return
        assert first is not None
        with suppress(Exception):  # that loop is over
            self._loop.run_sync_soon(self._leave, first)
        time.sleep(_LOOP_PATIENCE_S)
        self._leave(first)
        time.sleep(_TELLING_S)
        if not self._over:
            os._exit(exit_status_of(first))

    def _leave(self, number: int) -> None:
        if self._ending.acquire(blocking=False):
            try:
                self._give_up(number)
            finally:
                os._exit(exit_status_of(number))


def _until(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
