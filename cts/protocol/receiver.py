"""The receiving side: asks for the stream (client) or names it (server), renders, and ends by its renderer alone."""

from __future__ import annotations

from cts.errors import DecodeError
from cts.metrics.counters import FrameCounts
from cts.protocol.frames import FrameBuffer, FrameObserver
from cts.protocol.pattern import JUST_AFTER_NS, IOPattern, StartRequest
from cts.protocol.payload import matches_pattern
from cts.protocol.plan import StreamPlan
from cts.protocol.task import DatagramBatch, IOAction, IOTask, SendKind, StreamError, Verify
from cts.protocol.wire import DATA_FLAG, DATA_HEADER, HEADER_SIZE, ConnectionId, Data, decode_untrusted

__all__ = ["MediaStreamReceiver"]


class MediaStreamReceiver(IOPattern):
    """Receives one stream, as a client in a pull or as a server in a push.

    Args:
        plan: the stream's arithmetic.
        base_ns: the instant at which this side begins.
        connection_id: the name to answer START with (server, push), or None to ask with START (client, pull).
        verify: what to do about payloads that are not the pattern.
        on_frame: told of every frame as it is rendered, in order.
    """

    def __init__(
        self,
        plan: StreamPlan,
        *,
        base_ns: int,
        connection_id: str | None,
        verify: Verify = Verify.DATA,
        on_frame: FrameObserver | None = None,
    ) -> None:
        super().__init__(plan, base_ns, connection_id)
        self.frames = FrameBuffer(plan, base_ns, on_frame)
        self._verify = verify
        self._looks_at_payload = verify is not Verify.CONNECTION
        self._final_frame = plan.final_frame
        self._request = StartRequest(plan, base_ns) if connection_id is None else None
        self._answer_owed = connection_id is not None
        self._heard_data = False
        self._first_render_ns = self.frames.next_render_ns

    @property
    def counts(self) -> FrameCounts:
        """Verdicts so far, and datagrams that fit no frame."""
        return self.frames.counts

    def start_repeated(self, received_ns: int) -> None:
        """Answer again; before the first data, the peer's stream begins anew, and so does this side's schedule."""
        self.observe(received_ns)
        if self.ended_ns is not None:
            return
        self._answer_owed = True
        self.ready = True
        if not self._heard_data:
            self.base_ns = received_ns
            self.frames.anchor(received_ns)
            self._first_render_ns = self.frames.next_render_ns

    def observe(self, now_ns: int) -> None:
        """Bring the verdicts up to date: everything that arrived before ``now_ns`` must have been handed over."""
        if now_ns <= self.frames.next_render_ns or self.ended_ns is not None:
            return
        if not self._heard_data:
            self.frames.drop_the_rest()
            self.error = StreamError.NOT_ALL_DATA_TRANSFERRED
            self.ended_ns = self._first_render_ns
            return
        self.frames.render_before(now_ns)
        if self.frames.finished:
            self.ended_ns = self.base_ns + self.plan.end_offset_ns

    def _next_task(self, now_ns: int) -> IOTask:
        self.observe(now_ns)
        if self.ended_ns is not None:
            return IOTask(IOAction.FATAL_ABORT if self.error else IOAction.ABORT, now_ns)
        if self._answer_owed:
            return IOTask(IOAction.SEND, now_ns, kind=SendKind.CONNECTION_ID)
        if self._heard_data:
            return IOTask(IOAction.NONE, self.base_ns + self.plan.end_offset_ns + JUST_AFTER_NS)
        deadline_ns = self._first_render_ns + JUST_AFTER_NS
        if self._request is not None and self._request.due_ns() < deadline_ns:
            return self._request.task()
        return IOTask(IOAction.NONE, deadline_ns)

    def _sent(self, task: IOTask, now_ns: int) -> None:
        if task.kind is SendKind.CONNECTION_ID:
            self._answer_owed = False
        elif self._request is not None:
            self._request.sent()

    def _received(self, batch: DatagramBatch) -> None:
        # Until something has come, the first render time ends the stream.
        if batch.received_ns > (self.frames.look_ns if self._heard_data else self.frames.next_render_ns):
            self.observe(batch.received_ns)
        if self.ended_ns is None and not self._credited_together(batch):
            self.observe(batch.received_ns)
            for datagram in batch.datagrams():
                self._datagram(datagram, batch.received_ns)

    def _credited_together(self, batch: DatagramBatch) -> bool:
        """Credit a batch to one frame if it is a good data datagram, or the same one over and over; tell whether it was.

        This is what nearly every batch is, looked at once for all of its datagrams; what holds for the first, header and
        payload, holds for all. Whatever is else is left to be looked at datagram by datagram.
        """
        data, total = batch.data, len(batch.data)
        size = min(batch.segment_size, total)
        if size <= HEADER_SIZE or 0 < total % size <= HEADER_SIZE:
            return False
        flag, sequence, qpc, qpf = DATA_HEADER.unpack_from(data)
        if flag != DATA_FLAG or (size < total and not batch.uniform()):
            return False
        if self._looks_at_payload and not matches_pattern(data[HEADER_SIZE:size]):
            return False
        self._heard_data = True
        if batch.received_ns > self.frames.next_render_ns and not self.frames.is_open(sequence):
            self.observe(batch.received_ns)
        self.frames.add(sequence, -(-total // size), total, qpc, qpf, batch.received_ns)
        if sequence == self._final_frame and self.measured_until_ns is None:
            self.measured_until_ns = batch.received_ns
        return True

    def _datagram(self, datagram: bytes | memoryview, received_ns: int) -> None:
        if self.ended_ns is not None:
            return
        try:
            decoded = decode_untrusted(datagram)
        except DecodeError:
            self.counts.error += 1
            return
        if isinstance(decoded, Data):
            if self._credited_together(DatagramBatch(datagram, len(datagram), received_ns)):
                return
            self.counts.error += 1
            if self._verify is Verify.DATA:
                self._fail(StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN, received_ns)
        elif isinstance(decoded, ConnectionId) and self._request is not None:
            if self.connection_id is None:
                self.connection_id = decoded.text
        else:
            self.counts.error += 1
