"""The IO pattern that senders and receivers share: byte counting, and the first error that sticks.

::

    CONTINUE --(confirmed bytes == transfer size, or ABORT completed)--> COMPLETED
    CONTINUE --(any error)---------------------------------------------> FAILED

Both ends are final. Only tracked tasks move the byte counters: a sender's frames are tracked, a receiver's RECV task is not,
so that a receiver completes through its renderer's ABORT alone and never through the arrival of a final datagram.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from cts.metrics.counters import Became, FrameTotals
from cts.protocol.absence import Absence
from cts.protocol.arrivals import ArrivalSink
from cts.protocol.handshake import Handshake
from cts.protocol.remark import Remark
from cts.protocol.task import FOREVER_NS, DatagramBatch, IOAction, IOStatus, IOTask, StreamError

__all__ = ["IOPattern"]

_CONTRADICTIONS = 2
"""Datagrams that no peer of the same settings sends, before one is told: a single one may be a stray."""

# Named once: to look an enum's member up takes as long as a call before Python 3.12, and every frame and batch comes by here.
_CONTINUE = IOStatus.CONTINUE
_RECV = IOAction.RECV
_SEND = IOAction.SEND


class IOPattern(ABC):
    """One side of one stream: says what IO comes next and judges what came of it. See the package for the calling order.

    Args:
        handshake: this side of the stream's beginning.
        absence: when the peer is gone; None for never.

    Attributes:
        handshake: the same; it knows the stream's name, and the instant from which this side's schedule is computed.
        absence: what the network says of the peer.
        arrivals: told of every datagram that this side took while it ran (the START that a server gets is none of them).
        confirmed_bytes: bytes of completed tracked tasks.
        unsent_bytes: bytes of tracked tasks that the local host refused; the stream goes on without them.
        unsent_frames: how many tasks those were.
        in_flight_bytes: bytes of tracked tasks that are not completed.
        error: the first protocol error.
        ready: something arrived that ``initiate_io`` should be asked about now.
        measured_until_ns: when the final frame had been sent, or had come in part and in time; None before, or if it never did.
        ended_ns: when the stream ended; None before.
        remark: what a person should hear of the stream; None for nothing.
    """

    def __init__(self, handshake: Handshake, absence: Absence | None = None) -> None:
        self.handshake = handshake
        self.absence = absence or Absence()
        self.arrivals = ArrivalSink()
        self.confirmed_bytes = 0
        self.unsent_bytes = 0
        self.unsent_frames = 0
        self.in_flight_bytes = 0
        self.error: StreamError | None = None
        self.ready = False
        self.measured_until_ns: int | None = None
        self.ended_ns: int | None = None
        self.remark: Remark | None = None
        self._contradictions = 0
        self._status = IOStatus.CONTINUE
        self._receiving = False

    @property
    @abstractmethod
    def counts(self) -> FrameTotals:
        """Verdicts so far, and datagrams that fit no frame."""

    @property
    def frames_due(self) -> int:
        """Frames whose turn to be sent has come; none of a receiver's."""
        return 0

    @property
    def status(self) -> IOStatus:
        """CONTINUE until the stream has ended, then COMPLETED or FAILED for ever."""
        return self._status

    def initiate_io(self, now_ns: int) -> IOTask:
        """Return the next task; its ``due_ns`` may lie in the future."""
        self.ready = False
        if not self._receiving:
            self._receiving = True
            return IOTask(IOAction.RECV, now_ns)
        if self._status is not _CONTINUE:
            failed = self._status is IOStatus.FAILED
            return IOTask(IOAction.FATAL_ABORT, now_ns) if failed else IOTask(IOAction.NONE, FOREVER_NS)
        task = self._next_task(now_ns)
        if task.tracked:
            self.in_flight_bytes += task.size
        return task

    def complete_io(
        self,
        task: IOTask,
        *,
        now_ns: int,
        transferred: int = 0,
        refused: bool = False,
        data: DatagramBatch | None = None,
    ) -> IOStatus:
        """Judge a task's outcome.

        Args:
            task: what ``initiate_io`` returned.
            now_ns: when it was done.
            transferred: bytes handed to the network, for a SEND.
            refused: whether the local host refused to send it, whole or in part.
            data: what was received, for a RECV; its receive time decides, not ``now_ns``.
        """
        if task.tracked:
            self.in_flight_bytes -= task.size
            if refused:
                self.unsent_bytes += task.size
                self.unsent_frames += 1
            else:
                self.confirmed_bytes += transferred
        if self._status is _CONTINUE:
            action = task.action
            if action is _RECV and data is not None:
                self._received(data)
            elif action is _SEND:
                self._sent(task, now_ns)
            elif action is IOAction.ABORT:
                self._complete(now_ns)
            elif action is IOAction.FATAL_ABORT:
                self._fail(self.error or StreamError.NOT_ALL_DATA_TRANSFERRED, now_ns)
        return self._status

    def unreachable(self, times: int, now_ns: int) -> IOStatus:
        """Take note that the network said so many times that the peer cannot be reached; the stream may end by it."""
        if times:
            self.handshake.not_reached()
        if self.absence.said(times, now_ns) and self._status is _CONTINUE:
            self._fail(StreamError.PEER_GONE, now_ns)
        return self._status

    def peer_gone(self, error: StreamError, now_ns: int) -> None:
        """Take note that the peer is not there, or not any more; a stream that runs ends by it, with that result."""
        if self._status is _CONTINUE:
            self._fail(error, now_ns)

    @abstractmethod
    def start_repeated(self, received_ns: int) -> None:
        """Take note that the peer sent START once more (server side)."""

    @abstractmethod
    def begins_another(self, received_ns: int) -> bool:
        """Tell whether a START that comes then is another stream's, for it cannot repeat one of this stream's."""

    @abstractmethod
    def _next_task(self, now_ns: int) -> IOTask: ...

    @abstractmethod
    def _received(self, batch: DatagramBatch) -> None: ...

    @abstractmethod
    def _sent(self, task: IOTask, now_ns: int) -> None: ...

    def _ask(self, now_ns: int) -> IOTask:
        """Return what comes next while the schedule has not begun."""
        handshake = self.handshake
        task = handshake.task(now_ns)
        if self._not_served(now_ns):
            return IOTask(IOAction.FATAL_ABORT, now_ns)
        if handshake.began:
            self._schedule_began()
        return task

    def _control(self, datagram: bytes | memoryview, received_ns: int) -> bool:
        """Take a control datagram, if the handshake has a use for any; tell whether it has."""
        handshake = self.handshake
        began = handshake.began
        if not handshake.control(datagram, received_ns):
            return False
        self.arrivals.take(Became.HANDSHAKE, 1, len(datagram), received_ns)
        if handshake.began and not began:
            self._schedule_began()
        self.ready |= self._not_served(received_ns) or handshake.pending or not began
        return True

    def _not_served(self, now_ns: int) -> bool:
        """Tell whether there will be no stream, which ends it."""
        failure = self.handshake.failure
        if failure is not None and self.ended_ns is None:
            self.error, text = failure
            self.remark = Remark(text, disagrees=self.error is StreamError.SETTINGS_DISAGREE)
            self.ended_ns = now_ns
        return failure is not None

    def _schedule_began(self) -> None:  # noqa: B027
        """Take over the instant from which the handshake has the schedule count."""

    def _contradicted(self, remark: Remark) -> None:
        """Take note of a datagram that a peer of the same settings does not send."""
        if self.handshake.agreed:
            # Whoever it is of, it is not the peer's.
            return
        self._contradictions += 1
        if self._contradictions == _CONTRADICTIONS:
            self.remark = remark

    def _complete(self, now_ns: int) -> None:
        if self.remark is not None and self.remark.disagrees:
            self._fail(StreamError.SETTINGS_DISAGREE, now_ns)
            return
        self._status = IOStatus.COMPLETED
        self._end(now_ns)

    def _fail(self, error: StreamError, now_ns: int) -> None:
        self.error = error
        self._status = IOStatus.FAILED
        self._end(now_ns)

    def _end(self, now_ns: int) -> None:
        # A renderer that ran late ends the stream at the instant that the schedule says, which it has already set.
        if self.ended_ns is None:
            self.ended_ns = now_ns
