"""The sending side: names the stream and sends (server, pull), or asks, waits for the name and sends (client, push)."""

from __future__ import annotations

from cts.errors import DecodeError
from cts.metrics.counters import Became, FrameTotals
from cts.protocol.absence import Absence
from cts.protocol.agreement import PEER_ASKS, PEER_SENDS
from cts.protocol.handshake import Handshake
from cts.protocol.pattern import IOPattern
from cts.protocol.plan import StreamPlan
from cts.protocol.remark import left_unsent, no_frames
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS, DatagramBatch, IOAction, IOStatus, IOTask, StreamError
from cts.protocol.wire import ConnectionId, Data, Start, decode_untrusted, is_control

__all__ = ["MediaStreamSender"]

_SEND = IOAction.SEND
_CONTINUE = IOStatus.CONTINUE


class MediaStreamSender(IOPattern):
    """Sends one stream, as a server in a pull or as a client in a push.

    Args:
        plan: the stream's arithmetic.
        handshake: this side of the beginning; frames are sent once it has nothing to send.
        gone_after_ns: how long the network may say that the peer cannot be reached until the stream ends; None for ever.

    Attributes:
        sequence: the frame in flight, or the next one where none is.
    """

    def __init__(self, plan: StreamPlan, handshake: Handshake, gone_after_ns: int | None = None) -> None:
        super().__init__(handshake, Absence(gone_after_ns))
        self._plan = plan
        self.sequence = 1
        self._final_frame = plan.final_frame
        self._transfer_size = plan.transfer_size

    @property
    def counts(self) -> FrameTotals:
        """Nothing but what its peer sent that it has no use for: a sender judges no frames."""
        return FrameTotals(error=self.arrivals.totals().errors)

    @property
    def frames_due(self) -> int:
        """Frames that were sent, or that the local host refused."""
        return self.sequence - 1

    def start_repeated(self, received_ns: int) -> None:
        """Answer it when the next frame has gone: what the peer lacks may be the name alone."""
        self.absence.heard()
        self.handshake.asked_again(received_ns)

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether this stream has ended, or its peer can ask no more."""
        another = not self.handshake.agreed and self.handshake.begins_another(received_ns)
        return self.ended_ns is not None or another

    def frame_went(self, now_ns: int) -> int | None:
        """Complete the frame in flight, which went whole, and initiate the next one.

        The same as ``complete_io`` and ``initiate_io``, for those who send the frames of many streams.

        Returns:
            When the next frame is due; None if the stream has ended, or something else is to be sent first.
        """
        sent = self.sequence
        self.confirmed_bytes += self.in_flight_bytes
        if self._status is not _CONTINUE:
            self.in_flight_bytes = 0
            return None
        if sent >= self._final_frame:
            self.in_flight_bytes = 0
            self._frame_sent(now_ns)
            return None
        self.sequence = sent + 1
        if self.handshake.pending:
            self.in_flight_bytes = 0
            return None
        self.in_flight_bytes = self._plan.size_of(sent + 1)
        return self.handshake.base_ns + self._plan.send_offset_ns(sent + 1)

    def _next_task(self, now_ns: int) -> IOTask:
        handshake = self.handshake
        if not handshake.began:
            return self._ask(now_ns)
        if handshake.pending:
            return self._begin(handshake, now_ns)
        if self.in_flight_bytes:
            return IOTask(IOAction.NONE, FOREVER_NS)
        sequence = self.sequence
        due_ns = handshake.base_ns + self._plan.send_offset_ns(sequence)
        return IOTask(_SEND, due_ns, tracked=True, size=self._plan.size_of(sequence), sequence=sequence)

    def _begin(self, handshake: Handshake, now_ns: int) -> IOTask:
        if now_ns > handshake.gives_up_ns:
            self.ended_ns = handshake.gives_up_ns
            self.remark = self.remark or no_frames(self._plan, handshake, self.absence.times)
            return IOTask(IOAction.FATAL_ABORT, now_ns)
        deadline_ns = handshake.gives_up_ns + JUST_AFTER_NS
        task = handshake.task(now_ns)
        return task if task.due_ns < deadline_ns else IOTask(IOAction.NONE, deadline_ns)

    def _sent(self, task: IOTask, now_ns: int) -> None:
        if task.datagram is None:
            self._frame_sent(now_ns)
        else:
            self.handshake.sent()

    def _frame_sent(self, now_ns: int) -> None:
        sent = self.sequence
        self.sequence = sent + 1
        if sent >= self._final_frame:
            self.measured_until_ns = now_ns
        done = self.confirmed_bytes + self.unsent_bytes
        if done > self._plan.size_up_to(sent):
            self._fail(StreamError.TOO_MUCH_DATA_TRANSFERRED, now_ns)
        elif done == self._transfer_size:
            if self.unsent_frames:
                self.remark = self.remark or left_unsent(self.unsent_frames, self._final_frame)
            self._complete(now_ns)
        elif sent >= self._final_frame:
            self._fail(StreamError.NOT_ALL_DATA_TRANSFERRED, now_ns)

    def _received(self, batch: DatagramBatch) -> None:
        self.absence.heard()
        for datagram in batch.datagrams():
            if is_control(datagram) and self._control(datagram, batch.received_ns):
                continue
            became = Became.UNEXPECTED
            try:
                decoded = decode_untrusted(datagram)
            except DecodeError:
                became = Became.UNDECODABLE
            else:
                if isinstance(decoded, ConnectionId) and self.handshake.asks:
                    became = Became.HANDSHAKE
                    if self.handshake.named(decoded.text, batch.received_ns):
                        self.ready = True
                elif isinstance(decoded, Data | Start):
                    self._contradicted(PEER_SENDS if isinstance(decoded, Data) else PEER_ASKS)
            self.arrivals.take(became, 1, len(datagram), batch.received_ns)
