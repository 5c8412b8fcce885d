"""The sending side: names the stream and sends (server, pull), or asks, waits for the name and sends (client, push)."""

from __future__ import annotations

from cts.errors import DecodeError
from cts.metrics.counters import FrameCounts
from cts.protocol.pattern import FOREVER_NS, JUST_AFTER_NS, IOPattern, StartRequest
from cts.protocol.plan import NANOSECONDS, StreamPlan
from cts.protocol.task import DatagramBatch, IOAction, IOTask, SendKind, StreamError
from cts.protocol.wire import ConnectionId, decode_untrusted

__all__ = ["MediaStreamSender"]

_SEND = IOAction.SEND
_FRAME = SendKind.FRAME


class MediaStreamSender(IOPattern):
    """Sends one stream, as a server in a pull or as a client in a push.

    Args:
        plan: the stream's arithmetic.
        base_ns: the instant at which this side begins; a client's schedule begins anew when the stream's name arrives.
        connection_id: the name to answer START with (server, pull), or None to ask with START (client, push).

    Attributes:
        sequence: the frame in flight, or the next one where none is.
    """

    def __init__(self, plan: StreamPlan, *, base_ns: int, connection_id: str | None) -> None:
        super().__init__(plan, base_ns, connection_id)
        self._counts = FrameCounts()
        self._request = StartRequest(plan, base_ns) if connection_id is None else None
        self._answer_owed = connection_id is not None
        self.sequence = 1
        self._frame_size = plan.frame_size
        self._frame_rate = plan.frame_rate
        self._final_frame = plan.final_frame
        self._transfer_size = plan.transfer_size
        # The receiving side gives up at its first render; to ask for longer would start a stream that nobody waits for.
        self._gives_up_ns = base_ns + plan.render_offset_ns(1)

    @property
    def counts(self) -> FrameCounts:
        """A sender judges no frames; ``error`` counts what its peer sent that it had no use for."""
        return self._counts

    def start_repeated(self, received_ns: int) -> None:
        """Nothing: the frames that are on their way answer it."""

    def frame_went(self, now_ns: int) -> int | None:
        """Complete the frame in flight, which went whole, and initiate the next one.

        The same as ``complete_io`` and ``initiate_io``, for those who send the frames of many streams.

        Returns:
            When the next frame is due; None if the stream has ended.
        """
        sent = self.sequence
        self.confirmed_bytes += self._frame_size
        if sent >= self._final_frame:
            self.in_flight_bytes -= self._frame_size
            self._frame_sent(now_ns)
            return None
        self.measured_until_ns = now_ns
        self.sequence = sent + 1
        return self.base_ns + (sent + 1) * NANOSECONDS // self._frame_rate

    def _next_task(self, now_ns: int) -> IOTask:
        if self._answer_owed:
            return IOTask(IOAction.SEND, now_ns, kind=SendKind.CONNECTION_ID)
        if self.connection_id is None and self._request is not None:
            return self._ask(self._request, now_ns)
        if self.in_flight_bytes:
            return IOTask(IOAction.NONE, FOREVER_NS)
        sequence = self.sequence
        due_ns = self.base_ns + self.plan.send_offset_ns(sequence)
        return IOTask(_SEND, due_ns, tracked=True, size=self._frame_size, kind=_FRAME, sequence=sequence)

    def _ask(self, request: StartRequest, now_ns: int) -> IOTask:
        if now_ns > self._gives_up_ns:
            self.ended_ns = self._gives_up_ns
            return IOTask(IOAction.FATAL_ABORT, now_ns)
        deadline_ns = self._gives_up_ns + JUST_AFTER_NS
        if request.due_ns() < deadline_ns:
            return request.task()
        return IOTask(IOAction.NONE, deadline_ns)

    def _sent(self, task: IOTask, now_ns: int) -> None:
        if task.kind is _FRAME:
            self._frame_sent(now_ns)
        elif task.kind is SendKind.CONNECTION_ID:
            self._answer_owed = False
        elif self._request is not None:
            self._request.sent()

    def _frame_sent(self, now_ns: int) -> None:
        sent = self.sequence
        self.sequence = sent + 1
        self.measured_until_ns = now_ns
        if self.confirmed_bytes > self._frame_size * sent:
            self._fail(StreamError.TOO_MUCH_DATA_TRANSFERRED, now_ns)
        elif self.confirmed_bytes == self._transfer_size:
            self._complete(now_ns)
        elif sent >= self._final_frame:
            self._fail(StreamError.NOT_ALL_DATA_TRANSFERRED, now_ns)

    def _received(self, batch: DatagramBatch) -> None:
        for datagram in batch.datagrams():
            try:
                decoded = decode_untrusted(datagram)
            except DecodeError:
                self._counts.error += 1
                continue
            if not isinstance(decoded, ConnectionId) or self._request is None:
                self._counts.error += 1
            elif self.connection_id is None and batch.received_ns <= self._gives_up_ns:
                self.connection_id = decoded.text
                self.base_ns = batch.received_ns
                self.ready = True
