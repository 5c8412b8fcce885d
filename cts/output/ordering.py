"""Output that does not depend on the order in which tasks ran: events of one instant are handed on in a fixed order.

Tasks that wake at the same instant run in an order that nobody promises, so what they report is held until the clock has
moved on, and then until somebody catches up, a status comes or much is held. It is handed on sorted by instant, stream number
and, within a stream, by its life: opened, frames by sequence, data that missed its frame, ended; the measured end first, then
others, the sooner of them opened the sooner. The status of an instant comes after all of them; told more than once, the last
one stands, for it holds the others' counts.
On a simulated clock a log is then the same bytes in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter

from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult

__all__ = ["OrderedObserver", "PromptObserver"]

_OPENED, _FRAME, _MISSED, _ENDED, _OTHER_END = range(5)
_Key = tuple[int, int, int, int, int]
"""Instant, stream number, kind; frame sequence, arrival of missed data or opening of another end; whether that is its end."""
_Tell = Callable[[Observer], None]
_Held = tuple[_Key, StreamInfo, RenderedFrame | _Tell]
_FRAMES_HELD = 32
"""With so many, of which each costs little, all that is held is handed on: one by one they cost twice as much."""
_HELD_AT_MOST = 256
"""With so many of anything."""
_key_of = itemgetter(0)


class PromptObserver(Observer):
    """An observer that shows the present: it is told all but frames at once."""


class OrderedObserver(Observer):
    """Passes everything on to other observers; holds what one instant brings until a later one is seen, and then for as long
    as nobody catches up, no status and no closing comes, and little is held.

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
        self.wants_delays = any(observer.wants_delays for observer in self._all)
        self.redraws = any(observer.redraws for observer in self._prompt)
        self._now_ns = now_ns
        self._instant_ns: int | None = None
        self._held: list[_Held] = []
        self._status: RunSnapshot | None = None

    def run_began(self, began_ns: int) -> None:
        """Tell it at once: nothing comes before it."""
        for observer in self._all:
            observer.run_began(began_ns)

    def stream_opened(self, stream: StreamInfo) -> None:
        """Hold it."""
        for observer in self._prompt:
            observer.stream_opened(stream)
        self._hold(stream, (_OPENED, 0, 0), lambda observer: observer.stream_opened(stream))

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Hold it."""
        now_ns = self._now_ns()
        if now_ns != self._instant_ns:
            self._pass_instant(now_ns, _FRAMES_HELD)
        self._held.append(((now_ns, stream.number, _FRAME, frame.sequence, 0), stream, frame))

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Hold it, behind the frames of its instant."""
        key = _MISSED, record.received_ns, 0
        self._hold(stream, key, lambda observer: observer.data_missed(stream, record))

    def remarked(self, stream: StreamInfo, text: str) -> None:
        """Tell it at once to those who show the present; the others learn it from the stream's result."""
        for observer in self._prompt:
            observer.remarked(stream, text)

    def noted(self, text: str) -> None:
        """Tell it at once to those who show the present; the report has it, too."""
        for observer in self._prompt:
            observer.noted(text)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Hold it."""
        for observer in self._prompt:
            observer.stream_ended(stream, result)
        self._hold(stream, (_ENDED, 0, 0), lambda observer: observer.stream_ended(stream, result))

    def other_end_opened(self, stream: StreamInfo) -> None:
        """Hold it."""
        key = _OTHER_END, stream.opened_ns, 0
        self._hold(stream, key, lambda observer: observer.other_end_opened(stream))

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Hold it."""
        key = _OTHER_END, stream.opened_ns, 1
        self._hold(stream, key, lambda observer: observer.other_end_ended(stream, result))

    def lone_end(self, result: StreamResult) -> None:
        """Hand on what is held, and then tell it: they come in their order, before the status of their instant."""
        self._hand_on()
        for observer in self._observers:
            observer.lone_end(result)

    def status(self, snapshot: RunSnapshot) -> None:
        """Hold it, in place of another of this instant."""
        for observer in self._prompt:
            observer.status(snapshot)
        if (now_ns := self._now_ns()) != self._instant_ns:
            self._pass_instant(now_ns, 0)
        self._status = snapshot

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Tell those who show the present."""
        for observer in self._prompt:
            if observer.redraws:
                observer.redraw(snapshot)

    def closing(self) -> None:
        """Hand on what is held and close the observers, whatever becomes of the others; some only in :meth:`conclude`."""
        with ExitStack() as stack:
            for observer in reversed(self._all):
                if not observer.hears_failures:
                    stack.callback(observer.closing)
            self.flush()

    def conclude(self, report: RunReport | None, failures: Iterable[str]) -> None:
        """Tell what is known of the run and what went wrong with it, and what the observers could not write, to those who hear
        it, and close them.

        Comes after :meth:`closing`, when all that was to be written has been, or will not be.

        Args:
            report: what is known of the run; None where a bug or a mistake ended it.
            failures: what went wrong.
        """
        last = [observer for observer in self._all if observer.hears_failures]
        if report is not None:
            for observer in last:
                observer.reported(report)
        untold = list(self._all)
        failing = list(failures)
        # Twice, since one that is told may fail by that.
        for _ in range(2):
            failed = [observer for observer in untold if observer.failures()]
            untold = [observer for observer in untold if observer not in failed]
            failing += [failure for observer in failed for failure in observer.failures()]
            for failure in failing:
                for observer in last:
                    observer.run_failed(failure)
            failing.clear()
        with ExitStack() as stack:
            for observer in reversed(last):
                stack.callback(observer.closing)

    def opening(self) -> tuple[str, ...]:
        """Return what every observer has to say."""
        return tuple(line for observer in self._all for line in observer.opening())

    def notes(self) -> tuple[str, ...]:
        """Return the notes of every observer."""
        return tuple(note for observer in self._all for note in observer.notes())

    def failures(self) -> tuple[str, ...]:
        """Return the failures of every observer."""
        return tuple(failure for observer in self._all for failure in observer.failures())

    def catch_up(self) -> Iterator[None]:
        """Hand on what earlier instants brought, a piece in each step: to write down the end of a stream takes its time."""
        if (now_ns := self._now_ns()) == self._instant_ns:
            return
        if self._status is not None:
            self.flush()
            yield
        self._held.sort(key=_key_of)
        while self._held and self._status is None and self._held[0][0][0] < now_ns:
            self._hand(self._held.pop(0))
            yield

    def flush(self) -> None:
        """Hand on what is held, without waiting for a later instant."""
        self._hand_on()
        if self._status is not None:
            snapshot, self._status = self._status, None
            for observer in self._observers:
                observer.status(snapshot)

    def _hand_on(self) -> None:
        """Hand on all that is held but the status, which another of this instant may still replace."""
        if self._held:
            held, self._held = self._held, []
            held.sort(key=_key_of)
            for each in held:
                self._hand(each)

    def _hand(self, each: _Held) -> None:
        _, stream, what = each
        if isinstance(what, RenderedFrame):
            for observer in self._frame_observers:
                observer.frame_rendered(stream, what)
        else:
            for observer in self._observers:
                what(observer)

    def _pass_instant(self, now_ns: int, most: int) -> None:
        """Take note that a later instant has come; what is held may wait on where it is less than that, and no status is."""
        if self._status is not None or len(self._held) >= most:
            self.flush()
        self._instant_ns = now_ns

    def _hold(self, stream: StreamInfo, key: tuple[int, int, int], tell: _Tell) -> None:
        now_ns = self._now_ns()
        if now_ns != self._instant_ns:
            self._pass_instant(now_ns, _HELD_AT_MOST)
        self._held.append(((now_ns, stream.number, *key), stream, tell))
