"""The receiving side: asks for the stream (client) or names it (server), renders, and ends by its renderer alone."""

from __future__ import annotations

from collections.abc import Callable

from cts.errors import DecodeError
from cts.metrics.counters import Became, FrameTotals
from cts.protocol.agreement import PEER_ASKS, Agreement
from cts.protocol.frame_records import MissedObserver, RecordObserver
from cts.protocol.frames import FrameBuffer, FrameObserver, VerdictRule
from cts.protocol.handshake import Handshake, retry_ns
from cts.protocol.pattern import IOPattern
from cts.protocol.plan import StreamPlan
from cts.protocol.remark import Remark, fell_silent, no_frames, silence_told_ns, wrong_payload
from cts.protocol.stamps import STEP_LIMIT
from cts.protocol.task import JUST_AFTER_NS, DatagramBatch, IOAction, IOTask, StreamError, Verify
from cts.protocol.wire import (
    DATA_FLAG,
    DATA_HEADER,
    HEADER_SIZE,
    ConnectionId,
    Data,
    Start,
    decode_untrusted,
    is_control,
    matches_pattern,
)

__all__ = ["MediaStreamReceiver"]

# Named once, as in the pattern: every batch comes by here.
_ON_TIME = Became.ON_TIME

_STEPS_UP_TO = 2**63 - 1 - STEP_LIMIT
"""Stamps from which no batch counts on to one that the header has no room for."""


class MediaStreamReceiver(IOPattern):
    """Receives one stream, as a client in a pull or as a server in a push.

    Args:
        plan: the stream's arithmetic.
        handshake: this side of the beginning.
        verify: what to do about payloads that are not the pattern.
        on_frame: told of every frame as it is rendered, in order.
        agreement: watches whether the peer's settings are this side's; None where they are known to be.
        on_record, on_missed: told of each frame's datagrams as it is rendered, and of data that came too late for that.
        rule: by what frames are judged.

    Attributes:
        belongs: tells of a stamp (QPC, QPF) and a receive time whether such a datagram can be the peer's; None for any. One
            with a wrong payload that cannot be is counted, and ends no stream.
    """

    def __init__(
        self,
        plan: StreamPlan,
        handshake: Handshake,
        *,
        verify: Verify = Verify.DATA,
        on_frame: FrameObserver | None = None,
        agreement: Agreement | None = None,
        on_record: RecordObserver | None = None,
        on_missed: MissedObserver | None = None,
        rule: VerdictRule = VerdictRule.DISTINCT,
    ) -> None:
        super().__init__(handshake)
        self._plan = plan
        self._agreement = agreement
        on_size = None if agreement is None else agreement.rendered
        self.frames = FrameBuffer(
            plan, handshake.base_ns, on_frame, on_size, on_record=on_record, on_missed=on_missed, rule=rule
        )
        self._verify = verify
        self._looks_at_payload = verify is not Verify.CONNECTION
        self._final_frame = plan.final_frame
        self._data_ns = 0
        self._last_frame = 0
        self._found: Remark | None = None
        self._silence_told_ns = silence_told_ns(plan)
        self._silence: Remark | None = None
        self.belongs: Callable[[int, int, int], bool] | None = None

    @property
    def counts(self) -> FrameTotals:
        """Verdicts so far, and datagrams that fit no frame."""
        return self.frames.counts.totals(self.arrivals.totals().errors)

    def start_repeated(self, received_ns: int) -> None:
        """Answer again; before the first data, the peer's stream begins anew, and so does this side's schedule."""
        self.observe(received_ns)
        if self.ended_ns is not None:
            return
        self.ready = True
        if self.handshake.asked_again(received_ns):
            self.frames.anchor(self.handshake.base_ns)

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether this stream has ended, or its peer has shown to have its name and sends no more."""
        self.observe(received_ns)
        if self.ended_ns is not None or not self.handshake.settled or self.handshake.agreed:
            return self.ended_ns is not None
        last_send_ns = self.handshake.base_ns + self._plan.send_offset_ns(self._final_frame)
        sends_until_ns = min(last_send_ns, self._data_ns + retry_ns(self._plan))
        return self.measured_until_ns is not None or received_ns > sends_until_ns

    @property
    def _waits_until_ns(self) -> int:
        """Until when this side waits for the first data."""
        return max(self.frames.next_render_ns, self.handshake.base_ns + self.handshake.patience_ns)

    def observe(self, now_ns: int) -> None:
        """Bring the verdicts up to date: everything that arrived before ``now_ns`` must have been handed over."""
        if now_ns <= self.frames.next_render_ns or self.ended_ns is not None or not self.handshake.began:
            return
        if not self.handshake.settled:
            if now_ns <= self._waits_until_ns:
                return
            self.ended_ns = self._waits_until_ns
            self.frames.drop_the_rest()
            self.error = StreamError.NOT_ALL_DATA_TRANSFERRED
            self.remark = self.remark or no_frames(self._plan, self.handshake, self.absence.times)
            return
        self.frames.render_before(now_ns)
        if self._silence is not None or now_ns - self._data_ns > self._silence_told_ns:
            self._look_for_silence(now_ns)
        if self.frames.finished:
            self.ended_ns = self._last_render_ns
            self._judge_agreement(at_the_end=True)
            if self.remark is None or self.remark is self._silence:
                self.remark = fell_silent(self._plan, self.handshake.base_ns, self._data_ns, self._last_frame)
            if self.handshake.connection_id is None:
                self.error = StreamError.NO_CONNECTION_ID

    def _look_for_silence(self, now_ns: int) -> None:
        """Take note that the peer is silent where it was to send, or that it no longer is."""
        if self.remark is None or self.remark is self._silence:
            last = self._data_ns, self._last_frame
            self.remark = self._silence = fell_silent(self._plan, self.handshake.base_ns, *last, now_ns)

    @property
    def _last_render_ns(self) -> int:
        return self.handshake.base_ns + self._plan.end_offset_ns

    def _next_task(self, now_ns: int) -> IOTask:
        self.observe(now_ns)
        if self.ended_ns is not None:
            return IOTask(IOAction.FATAL_ABORT if self.error else IOAction.ABORT, now_ns)
        if not self.handshake.began:
            return self._ask(now_ns)
        deadline_ns = (self._last_render_ns if self.handshake.settled else self._waits_until_ns) + JUST_AFTER_NS
        if self.handshake.pending:
            task = self.handshake.task(now_ns)
            if task.due_ns < min(deadline_ns, self.handshake.gives_up_ns + JUST_AFTER_NS):
                return task
        return IOTask(IOAction.NONE, deadline_ns)

    def _sent(self, task: IOTask, now_ns: int) -> None:
        self.handshake.sent()

    def _schedule_began(self) -> None:
        self.frames.anchor(self.handshake.base_ns)

    def _received(self, batch: DatagramBatch) -> None:
        if not self.handshake.began:
            self._answered(batch)
            return
        # Until something has come, the first render time ends the stream.
        if batch.received_ns > (self.frames.look_ns if self.handshake.settled else self.frames.next_render_ns):
            self.observe(batch.received_ns)
        if self.ended_ns is None and not self._taken_together(batch):
            self.observe(batch.received_ns)
            for datagram in batch.datagrams():
                self._datagram(datagram, batch.received_ns)

    def _taken_together(self, batch: DatagramBatch) -> bool:
        """Take a batch of good data of one frame, whose stamps are all the same or consecutive; tell whether it was.

        This is what nearly every batch is, looked at once for all of its datagrams; what holds for the first, header and
        payload, holds for all but the stamp. Any other batch is left to be looked at datagram by datagram.
        """
        data, total = batch.data, len(batch.data)
        size = min(batch.segment_size, total)
        if size <= HEADER_SIZE or 0 < (rest := total % size) <= HEADER_SIZE:
            return False
        flag, sequence, qpc, qpf = DATA_HEADER.unpack_from(data)
        if flag != DATA_FLAG:
            return False
        step = batch.stamp_step() if size < total else 0
        if step is None or (step and qpc > _STEPS_UP_TO):
            return False
        if self._looks_at_payload and not matches_pattern(data[HEADER_SIZE:size]):
            return False
        # Before anybody looks for a silence.
        self._data_ns = batch.received_ns
        if not self.handshake.settled:
            self.handshake.data_came()
            if self.handshake.patience_ns:
                # Render times may have passed in waiting, and the driver may wait for longer than the stream has left.
                self.ready = True
                self.observe(batch.received_ns)
                if self.ended_ns is not None:
                    return True
        frames, received_ns = self.frames, batch.received_ns
        if sequence > self._last_frame:
            self._last_frame = sequence
        if received_ns > frames.next_render_ns and not frames.is_open(sequence):
            self.observe(received_ns)
        agreement = self._agreement
        if (
            agreement is not None
            and (
                sequence != agreement.sequence or size not in agreement.known or (rest and rest not in agreement.known)
            )
            and agreement.note(sequence, size, rest, qpc, qpf)
        ):
            self._judge_agreement()
        datagrams = -(-total // size)
        if frames.head <= sequence < frames.beyond:
            self.arrivals.take(_ON_TIME, datagrams, total, received_ns, sequence, qpc, qpf)
            frames.add(sequence, datagrams, total, size, qpc, step, qpf, received_ns)
            # A stray one that the buffer did not take says nothing of the stream.
            if sequence == self._final_frame and self.measured_until_ns is None:
                self.measured_until_ns = received_ns
        else:
            became = frames.miss(sequence, datagrams, total, size, qpc, step, qpf, received_ns)
            self.arrivals.take(became, datagrams, total, received_ns, sequence, qpc, qpf)
        return True

    def _judge_agreement(self, *, at_the_end: bool = False) -> None:
        if self._agreement is None or self._contradictions or self.handshake.agreed:
            return
        # While it runs, only what has been found twice is told: the first frames show less than more of them do.
        found = self._agreement.judge()
        if at_the_end or found == self._found:
            self.remark = found
        self._found = found

    def _answered(self, batch: DatagramBatch) -> None:
        """Take what comes before the schedule has begun, datagram by datagram: any of them may begin it."""
        for datagram in batch.datagrams():
            if self.handshake.began:
                self._received(DatagramBatch(datagram, len(datagram), batch.received_ns))
            else:
                self._datagram(datagram, batch.received_ns)

    def _datagram(self, datagram: bytes | memoryview, received_ns: int) -> None:
        if self.ended_ns is not None:
            return
        size = len(datagram)
        if is_control(datagram) and self._control(datagram, received_ns):
            return
        try:
            decoded = decode_untrusted(datagram)
        except DecodeError:
            self.arrivals.take(Became.UNDECODABLE, 1, size, received_ns)
            return
        if isinstance(decoded, Data):
            if not self.handshake.began:
                if not self._begun_by(decoded, received_ns):
                    self.arrivals.take(Became.UNEXPECTED, 1, size, received_ns)
                    return
                self._schedule_began()
            if self._taken_together(DatagramBatch(datagram, size, received_ns)):
                return
            became = Became.WRONG_PAYLOAD
            self.arrivals.take(became, 1, size, received_ns, decoded.sequence, decoded.qpc, decoded.qpf)
            belongs = self.belongs
            if self._verify is Verify.DATA and (belongs is None or belongs(decoded.qpc, decoded.qpf, received_ns)):
                self.remark = self.remark or wrong_payload(decoded.sequence)
                self._fail(StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN, received_ns)
        elif isinstance(decoded, ConnectionId) and self.handshake.asks:
            self.arrivals.take(Became.HANDSHAKE, 1, size, received_ns)
            self.handshake.named(decoded.text, received_ns)
        else:
            self.arrivals.take(Became.UNEXPECTED, 1, size, received_ns)
            if isinstance(decoded, Start):
                self._contradicted(PEER_ASKS)

    def _begun_by(self, data: Data, received_ns: int) -> bool:
        return 1 <= data.sequence <= self._final_frame and self.handshake.data_first(data.sequence, received_ns)
