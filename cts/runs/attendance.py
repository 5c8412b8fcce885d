"""Attends a live view while a run goes on: draws it now and then, hears keys, hands the terminal back when it is stopped."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio
from attrs import define, field

from cts.api import IPacer
from cts.output.attended import KEYS, Attended, Layout
from cts.output.console_stream import ConsoleStream
from cts.output.keyboard import Keyboard, in_foreground, keyboard_of

__all__ = ["Attendance", "Draw"]

Draw = Callable[[Layout], Awaitable[str | None]]
"""Makes a drawing elsewhere; None if that is not to be had now."""

_INTERVAL_S = 0.25
_LOOKS, _LOOK_S = 20, 0.01
"""How often, and how far apart, it is seen whether a terminal has shown what is left on it, before this process is stopped."""
_STOP, _GO_ON, _RESIZED = "SIGTSTP", "SIGCONT", "SIGWINCH"


@define(eq=False)
class Attendance:
    """Attends a view from when :meth:`run` is called until that is cancelled.

    Args:
        view: it.
        pacer: the run's clock, which knows when nothing is due.
        stream: where it writes, off the data path; None where what is written is shown at once.
        keyboard: where keys come from; None for none.
        draw: makes its drawings; None for the view itself.
    """

    _view: Attended
    _pacer: IPacer
    _stream: ConsoleStream | None = None
    _keyboard: Keyboard | None = None
    _draw_elsewhere: Draw | None = None
    _news: trio.Event = field(factory=trio.Event, init=False)
    _ours: trio.Event = field(factory=trio.Event, init=False)
    _stopping: bool = field(default=False, init=False)

    @classmethod
    def of(cls, view: Attended, pacer: IPacer, stream: object, draw: Draw | None = None) -> Attendance:
        """Return one for a view on this process's terminal."""
        unhurried = stream if isinstance(stream, ConsoleStream) else None
        return cls(view, pacer, unhurried, keyboard_of(sys.stdin, sys.stdout) if _in_main_thread() else None, draw)

    async def run(self) -> None:
        """Attend until cancelled; the terminal is then as it was."""
        if not self._view.is_on_terminal:
            return
        try:
            with _signals() as signals:
                async with trio.open_nursery() as nursery:
                    self._listen()
                    nursery.start_soon(self._obey, signals)
                    if self._keyboard is not None:
                        nursery.start_soon(self._hear, self._keyboard)
                    await self._draw()
        finally:
            self.end()

    def end(self) -> None:
        """Give the terminal back; the view draws itself from now on. May come from another thread where the loop is stuck."""
        self._view.attend(None)
        if self._keyboard is not None:
            self._keyboard.restore()

    def _listen(self) -> None:
        hears = self._keyboard is not None and self._keyboard.listen()
        self._view.attend(self._want, hears_keys=hears)
        if hears:
            self._ours.set()

    def _want(self) -> None:
        self._news.set()

    async def _draw(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            ours = self._stream is None or in_foreground(self._stream.fileno())
            # No signal tells that a shell has given the terminal to a process that ran in the background.
            if ours and not self._ours.is_set():
                self._listen()
            await self._refresh(lines_alone=not ours)
            await trio.sleep(_INTERVAL_S)

    async def _refresh(self, *, lines_alone: bool) -> None:
        if self._draw_elsewhere is not None:
            if (layout := self._view.wanted(lines_alone=lines_alone)) is None:
                return
            if (drawing := await self._draw_elsewhere(layout)) is not None:
                self._view.show(layout, drawing)
                return
        await self._pacer.run_in_gaps(self._view.refresh(lines_alone=lines_alone))

    async def _hear(self, keyboard: Keyboard) -> None:
        while True:
            await self._ours.wait()
            try:
                await trio.lowlevel.wait_readable(keyboard.fd)
            except (OSError, ValueError):
                return
            if (keys := keyboard.read()) is None:
                # In the background, until somebody has it go on; or there is nobody left to press any.
                self._ours = trio.Event()
                continue
            for key in keys:
                if key in KEYS:
                    self._press(key)

    def _press(self, key: str) -> None:
        self._view.press(key)
        # One Ctrl-C, however long it is held down: the second one would cut streams off.
        if key == "q" and not self._stopping:
            self._stopping = True
            signal.raise_signal(signal.SIGINT)

    async def _obey(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            name = signal.Signals(number).name
            if name == _STOP:
                await self._stop(number)
            elif name == _GO_ON:
                self._listen()
            self._want()

    async def _stop(self, number: int) -> None:
        """Leave the terminal to the shell and stop, as would have happened without this view."""
        self._ours = trio.Event()
        self._view.suspend()
        for _ in range(_LOOKS):
            if self._stream is None or self._stream.is_shown:
                break
            await trio.sleep(_LOOK_S)
        if self._keyboard is not None:
            self._keyboard.restore()
        handler = signal.signal(number, signal.SIG_DFL)
        try:
            signal.raise_signal(number)
        finally:
            signal.signal(number, handler)
        self._listen()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _signals() -> Iterator[AsyncIterator[int]]:
    """Yield the terminal's signals that come in the block; never one in a thread that gets none, or that is ignored."""
    names = (_STOP, _GO_ON, _RESIZED) if _in_main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    if heard:
        with trio.open_signal_receiver(*heard) as signals:
            yield signals
        return
    send, never = trio.open_memory_channel[int](0)
    with send:
        yield never
