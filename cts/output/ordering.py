"""Output that does not depend on the order in which tasks ran: events of one instant are handed on in a fixed order.

Tasks that wake at the same instant run in an order that nobody promises, so what they report is held until the clock has
moved on, then sorted by stream number and, within a stream, by its life: opened, frames by sequence, ended. The status of
an instant comes after all of them; told more than once, the last one stands, for it holds the others' counts.
On a simulated clock a log is then the same bytes in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import itemgetter

from cts.protocol.frames import RenderedFrame
from cts.records.observer import Observer
from cts.records.results import StreamResult
from cts.records.snapshots import RunSnapshot, StreamInfo

__all__ = ["OrderedObserver", "PromptObserver"]

_OPENED, _FRAME, _ENDED = range(3)
_Key = tuple[int, int, int]
"""Stream number, kind, frame sequence."""
_key_of = itemgetter(0)


class PromptObserver(Observer):
    """An observer that shows the present: it is told each status at once, and nothing of streams."""


class OrderedObserver(Observer):
    """Passes everything on to other observers; holds what one instant brings until a later one is seen, or the closing.

    Args:
        observers: who is told, each in this order. A :class:`PromptObserver` has nothing held back from it.
        now_ns: the run's clock; it never goes back.
    """

    def __init__(self, observers: Sequence[Observer], now_ns: Callable[[], int]) -> None:
        self._all = tuple(observers)
        self._prompt = tuple(observer for observer in observers if isinstance(observer, PromptObserver))
        self._observers = tuple(observer for observer in observers if not isinstance(observer, PromptObserver))
        self._frame_observers = tuple(observer for observer in self._observers if observer.wants_frames)
        self.wants_frames = bool(self._frame_observers)
        self.redraws = any(observer.redraws for observer in self._prompt)
        self._now_ns = now_ns
        self._instant_ns: int | None = None
        self._held: list[tuple[_Key, Callable[[Observer], None]]] = []
        self._status: RunSnapshot | None = None

    def run_began(self, began_ns: int) -> None:
        """Tell it at once: nothing comes before it."""
        for observer in self._all:
            observer.run_began(began_ns)

    def stream_opened(self, stream: StreamInfo) -> None:
        """Hold it."""
        self._hold((stream.number, _OPENED, 0), lambda observer: observer.stream_opened(stream))

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Hold it."""
        self._hold((stream.number, _FRAME, frame.sequence), lambda observer: observer.frame_rendered(stream, frame))

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Hold it."""
        self._hold((stream.number, _ENDED, 0), lambda observer: observer.stream_ended(stream, result))

    def status(self, snapshot: RunSnapshot) -> None:
        """Hold it, in place of another of this instant."""
        for observer in self._prompt:
            observer.status(snapshot)
        self._see_instant()
        self._status = snapshot

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Tell those who show the present."""
        for observer in self._prompt:
            if observer.redraws:
                observer.redraw(snapshot)

    def closing(self) -> None:
        """Hand on what is held and close every observer, whatever becomes of the others."""
        with ExitStack() as stack:
            for observer in reversed(self._all):
                stack.callback(observer.closing)
            self.flush()

    def notes(self) -> tuple[str, ...]:
        """Return the notes of every observer."""
        return tuple(note for observer in self._all for note in observer.notes())

    def failures(self) -> tuple[str, ...]:
        """Return the failures of every observer."""
        return tuple(failure for observer in self._all for failure in observer.failures())

    def flush(self) -> None:
        """Hand on what is held, without waiting for a later instant."""
        if self._held:
            held, self._held = self._held, []
            held.sort(key=_key_of)
            for (_, kind, _), tell in held:
                for observer in self._frame_observers if kind == _FRAME else self._observers:
                    tell(observer)
        if self._status is not None:
            snapshot, self._status = self._status, None
            for observer in self._observers:
                observer.status(snapshot)

    def _see_instant(self) -> None:
        now_ns = self._now_ns()
        if now_ns != self._instant_ns:
            self.flush()
            self._instant_ns = now_ns

    def _hold(self, key: _Key, tell: Callable[[Observer], None]) -> None:
        self._see_instant()
        self._held.append((key, tell))
