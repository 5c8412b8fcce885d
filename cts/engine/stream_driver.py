"""Works a stream's pattern: asks it what comes next, sends or waits, hands in what arrives, until the pattern has ended."""

from __future__ import annotations

import trio

from cts.api import DatagramBatch, Frame, Histogram, StreamRequest
from cts.engine.dispatched_frames import DispatchedFrames
from cts.errors import printable
from cts.metrics.unsent import NO_UNSENT, Unsent, UnsentFrames, heals
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import IOAction, IOStatus, IOTask, StreamError

__all__ = ["StreamDriver"]


class StreamDriver:
    """Drives one side of one stream.

    Args:
        request: the stream.
        pattern: its side.
        lateness: where to record how late each frame was handed over; a sender's only.
        dispatched: sends frames that need no waiting; None to send them all from here.

    Attributes:
        unsent: frames that this host did not let out, by cause.
        refusal: why it did not let out the last START or connection id; None if it did.
    """

    def __init__(
        self,
        request: StreamRequest,
        pattern: MediaStreamReceiver | MediaStreamSender,
        lateness: Histogram | None = None,
        dispatched: DispatchedFrames | None = None,
    ) -> None:
        self._request = request
        self._endpoint = request.endpoint
        self._pacer = request.pacer
        self._pattern = pattern
        self._lateness = lateness
        self._dispatched = dispatched
        self._recv = pattern.initiate_io(self._pacer.now_ns())
        self._waiting: trio.CancelScope | None = None
        self._sending = trio.CancelScope()
        self.unsent: UnsentFrames = NO_UNSENT
        self.refusal: OSError | None = None

    async def run(self) -> None:
        """Drive the pattern to its end.

        Raises:
            OSError: a socket is not there any more.
            PluginFailure: the sender raised.
        """
        pattern = self._pattern
        # Whatever arrived before a moment must be seen before the pattern decides by it; a sender with a name awaits nothing.
        reads = isinstance(pattern, MediaStreamReceiver)
        with self._sending:
            while pattern.status is IOStatus.CONTINUE:
                now_ns = self._pacer.now_ns()
                if reads or pattern.handshake.connection_id is None:
                    self._endpoint.drain()
                task = pattern.initiate_io(now_ns)
                if task.action is IOAction.SEND:
                    await self._send(task, now_ns)
                elif task.action is IOAction.NONE:
                    await self._wait(task.due_ns)
                else:
                    pattern.complete_io(task, now_ns=now_ns)

    def over(self) -> bool:
        """Tell whether the pattern has ended; what its end takes is done here if the driver has not had its turn since."""
        pattern = self._pattern
        if pattern.ended_ns is not None and pattern.status is IOStatus.CONTINUE:
            now_ns = self._pacer.now_ns()
            pattern.complete_io(pattern.initiate_io(now_ns), now_ns=now_ns)
        return pattern.status is not IOStatus.CONTINUE

    def received(self, batch: DatagramBatch) -> None:
        """Hand in a batch; wake the driver if there is something new to do."""
        status = self._pattern.complete_io(self._recv, now_ns=batch.received_ns, data=batch)
        if status is not IOStatus.CONTINUE or self._pattern.ready:
            self._wake()

    def begins_another(self, received_ns: int) -> bool:
        """Ask the pattern whether a START is another stream's."""
        return self._pattern.begins_another(received_ns)

    def start_repeated(self, received_ns: int) -> None:
        """Take note that the peer sent START once more."""
        self._pattern.start_repeated(received_ns)
        if self._pattern.ready:
            self._wake()

    def unreachable(self, times: int) -> None:
        """Take note that the network said so many times that the peer cannot be reached; if that ends the stream, so be it."""
        before = self._pattern.status
        if self._pattern.unreachable(times, self._pacer.now_ns()) is not before:
            self._sending.cancel()

    def peer_gone(self, error: StreamError) -> None:
        """Take note that the peer is not there, or not any more: send no more, and end with that result."""
        self._pattern.peer_gone(error, self._pacer.now_ns())
        self._sending.cancel()

    async def _send(self, task: IOTask, now_ns: int) -> None:
        if task.datagram is None:
            await self._send_frame(task)
        elif task.due_ns > now_ns:
            # An answer may come first and make this send needless: ask again then.
            await self._wait(task.due_ns)
        else:
            try:
                await self._endpoint.send(self._request.peer, task.datagram)
            except OSError as error:
                if not heals(error):
                    raise
                self.refusal = error
            else:
                self.refusal = None
            self._pattern.complete_io(task, now_ns=self._pacer.now_ns())

    async def _send_frame(self, task: IOTask) -> None:
        """Send a frame, and those after it if they are dispatched; one that the host does not let out is gone."""
        request = self._request
        try:
            if self._dispatched is not None and self._dispatched.possible():
                await self._dispatched.send(task)
                return
            # A checkpoint also when it is late: a stream that has to catch up must not keep the others from their turn.
            await self._pacer.wait_until(task.due_ns)
            frame = Frame(request.plan, task.sequence, task.due_ns)
            if self._lateness is not None:
                now_ns = self._pacer.now_ns()
                self._lateness.record(now_ns - task.due_ns)
                if self._dispatched is not None:
                    self._dispatched.left_late(now_ns, now_ns - task.due_ns)
            sent = await request.sender.send_frame(frame, self._endpoint, request.peer, self._pacer)
        except OSError as error:
            if not heals(error):
                raise
            cause = printable(error.strerror or str(error))
            self.unsent += UnsentFrames({cause: Unsent(1, request.plan.interval_ns)})
            self._pattern.complete_io(task, now_ns=self._pacer.now_ns(), refused=True)
        else:
            self._pattern.complete_io(task, now_ns=self._pacer.now_ns(), transferred=sent)

    async def _wait(self, due_ns: int) -> None:
        with trio.CancelScope() as self._waiting:
            await self._pacer.wait_until(due_ns)
        self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
