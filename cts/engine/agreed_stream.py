"""What one end of a stream that HELLO begins has beside media: from WELCOME on it speaks with its peer.

Until then there is nothing: control datagrams are the handshake's, and a stream that falls back to START stays without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from cts.api import SUCCEEDED, DatagramBatch, FrameRecord, Histogram, Role, StreamRequest, StreamSnapshot
from cts.engine.peer_talk import PeerTalk
from cts.engine.stream_driver import StreamDriver
from cts.protocol.control.acceptor import Accepted
from cts.protocol.control.belief import Seen
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts, Results
from cts.protocol.control.results import CUT_OFF
from cts.protocol.pattern import IOPattern
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.remark import Remark
from cts.protocol.task import JUST_AFTER_NS, StreamError
from cts.protocol.wire import NANOSECONDS_PER_TICK
from cts.records.peer_end import NOTHING_TOLD, PeerEnd, PeerTotals
from cts.units import SECOND

__all__ = ["AgreedStream"]


class AgreedStream:
    """One end's part.

    Args:
        request: the stream.
        driver, pattern: of this side.
        lateness: how late its frames left, if it sends.
        observe: returns what it has counted up to an instant.
    """

    def __init__(
        self,
        request: StreamRequest,
        driver: StreamDriver,
        pattern: IOPattern,
        lateness: Histogram | None,
        observe: Callable[[int], StreamSnapshot],
    ) -> None:
        self._request = request
        self._driver = driver
        self._pattern = pattern
        self._lateness = lateness
        self._observe = observe
        self._receives = request.role is Role.RECEIVER
        self._speaking: trio.Nursery | None = None
        self._over = False
        self._outlasts = False
        self._talk: PeerTalk | None = None
        if isinstance(request.opening, Accepted):
            self._begin()

    @property
    def known(self) -> PeerEnd | None:
        """What is known of the peer; None where both have not agreed on the stream."""
        return None if self._talk is None else self._talk.known

    @property
    def totals(self) -> PeerTotals:
        """What it told last."""
        return NOTHING_TOLD if self._talk is None else self._talk.totals

    @property
    def is_finished(self) -> bool:
        """Whether this side is over, and only its results are still exchanged."""
        return self._talk is not None and self._talk.finished

    async def run(self, stream: Callable[[], Awaitable[None]]) -> None:
        """Run the stream, and then the exchange of results, which takes no longer than the peer's part by the plan and 2 s.

        Cancellation ends either; a peer is told, once, of a stream that is cut off.

        Raises:
            BaseExceptionGroup: what the stream raised.
        """
        async with trio.open_nursery() as self._speaking:
            if self._talk is not None:
                self._speaking.start_soon(self._talk.run)
            try:
                await stream()
                if self._talk is not None:
                    self._talk.finish(self._results(), peer_ends_ns=self._peer_ends_ns)
                    await self._talk.over.wait()
            finally:
                # What is read from here on begins nothing.
                self._over = True
                if self._talk is not None and not self._talk.finished:
                    self._talk.break_off(self._results())
            self._speaking.cancel_scope.cancel()

    def answers_again(self) -> bool:
        """Send WELCOME again if a copy of HELLO comes when this side is over; tell whether it is."""
        if self.is_finished and isinstance(self._request.opening, Accepted):
            self._request.endpoint.try_send(self._request.peer, self._request.opening.answer)
        return self.is_finished

    def received(self, batch: DatagramBatch) -> None:
        """Take what is the peer's to say out of a batch; hand the rest to the pattern."""
        talk = self._talk
        if talk is None:
            self._driver.received(batch)
            if not self._over:
                self._begin()
            return
        if (others := talk.apart(batch)) is not None:
            self._driver.received(others)
            if self._receives and self._pattern.handshake.settled:
                talk.heard_data()
        # Of a whole stream it may tell before this end is through: where its buffer is less than what the way takes.
        if others is not batch and talk.ended_early and not self._over:
            self._peer_ended(talk)

    def belongs(self, qpc: int, qpf: int, received_ns: int) -> bool:
        """Tell whether a datagram with that stamp can be of the stream, as far as the peer's clock is known."""
        if self._talk is None:
            return not self._pattern.handshake.agreed
        patience_ns = self._request.plan.render_offset_ns(1)
        return qpf > 0 and self._talk.belongs(qpc * SECOND // qpf, received_ns, patience_ns)

    def rendered(self, record: FrameRecord) -> None:
        """Take the delay of a frame, if the peer's clock is known."""
        first_ns, last_ns, transit_ns = record.first_ns, record.last_ns, record.least_transit_ns
        if self._talk is not None and first_ns is not None and last_ns is not None and transit_ns is not None:
            # Stamps are whole ticks, and datagrams that leave together have one each.
            self._talk.clock.media(transit_ns, first_ns, last_ns, record.due * NANOSECONDS_PER_TICK)

    def _begin(self) -> None:
        """Speak with the peer, if both ends have agreed on the stream by now."""
        request, opening = self._request, self._request.opening
        if isinstance(opening, Accepted):
            session, features, key_name = opening.session, opening.features, opening.key_name
        elif opening is not None and opening.session is not None and opening.welcome is not None:
            session, features, key_name = opening.session, opening.welcome.features, opening.key_name
        else:
            return
        self._talk = PeerTalk(
            session,
            features,
            request.plan,
            endpoint=request.endpoint,
            peer=request.peer,
            pacer=request.pacer,
            counts=self._counts,
            pace=request.pace,
            seen=self._seen,
            key_name=key_name,
            on_unconfirmed=self._unconfirmed,
            # Who receives holds nothing up by staying, and what comes late it counts.
            on_silent=None if self._receives else self._silent,
        )
        if self._speaking is not None:
            self._speaking.start_soon(self._talk.run)

    def _peer_ended(self, talk: PeerTalk) -> None:
        """Send no more to a peer that has ended early; a server renders what it has sent, which leaves a place to others."""
        if not self._receives:
            self._driver.peer_gone(StreamError.PEER_ENDED)
        elif isinstance(self._request.opening, Accepted) and self._speaking is not None and not self._outlasts:
            self._outlasts = True
            last = talk.frames_told
            if isinstance(self._pattern, MediaStreamReceiver) and last is not None:
                last = self._pattern.frames.none_sent_after(last)
            self._speaking.start_soon(self._outlast, last)

    async def _outlast(self, frames: int | None) -> None:
        """Stay until the last frame that can come has had its turn, as it does with each that is in the buffer; end then."""
        pacer, plan, now_ns = self._request.pacer, self._request.plan, self._request.pacer.now_ns()
        due_ns = now_ns + plan.render_offset_ns(1)
        if frames is not None:
            # What comes in the instant of its turn has come in time.
            last_ns = self._pattern.handshake.base_ns + plan.render_offset_ns(frames) + JUST_AFTER_NS
            # Who says that all was sent keeps no place for the whole plan by it. An honest last frame has a buffer before it,
            # and what the first datagram took longer than this word.
            due_ns = min(last_ns, due_ns + plan.render_offset_ns(1)) if frames else now_ns
        if due_ns > now_ns:
            await pacer.wait_past(due_ns)
        self._observe(pacer.now_ns())
        if not self._driver.over():
            self._driver.peer_gone(StreamError.PEER_ENDED)

    @property
    def _peer_ends_ns(self) -> int:
        """When the peer's side is over by the plan; who sends to one that has failed, or is done itself, waits for no more."""
        if self._receives or self._pattern.error is not None:
            return self._request.pacer.now_ns()
        return self._pattern.handshake.base_ns + self._request.plan.end_offset_ns

    def _results(self) -> Results:
        outcome = CUT_OFF
        if self._driver.over():
            error = self._pattern.error
            outcome = SUCCEEDED if error is None else error.value
        counts = self._counts(self._request.pacer.now_ns())
        return Results(outcome, counts.received, counts.sent)

    def _counts(self, now_ns: int) -> Counts:
        pattern, counts = self._pattern, self._observe(now_ns)
        elapsed_ns = max(0, (pattern.ended_ns or now_ns) - pattern.handshake.base_ns)
        if self._receives:
            received = ReceiverCounts.of(
                counts.frames,
                counts.arrivals,
                counts.due,
                elapsed_ns=elapsed_ns,
                bytes_received=counts.bytes_received,
                bytes_on_time=counts.bytes_on_time,
                bytes_of_no_frame=counts.bytes_of_no_frame,
            )
            return Counts(received=received)
        sent = SenderCounts.of(
            counts.due,
            (self._lateness or Histogram()).percentiles(),
            elapsed_ns=elapsed_ns,
            frames_due=pattern.frames_due,
            frames_unsent=pattern.unsent_frames,
            bytes_sent=counts.bytes_sent,
        )
        return Counts(sent=sent)

    def _seen(self) -> Seen:
        pattern, role = self._pattern, self._request.role
        if isinstance(pattern, MediaStreamReceiver):
            counts = pattern.frames.counts
            return Seen(role, counts.completed + counts.repeated)
        # The next one may be leaving.
        return Seen(role, min(pattern.frames_due + 1, self._request.plan.final_frame))

    def _unconfirmed(self, text: str) -> None:
        """Say that nothing was ever heard of the peer; send no more."""
        self._pattern.remark = self._pattern.remark or Remark(text)
        if not self._receives:
            self._driver.peer_gone(StreamError.PEER_GONE)

    def _silent(self, text: str) -> None:
        """Say that the peer, which was there, is not any more; send no more, for whoever has its address now did not ask."""
        if not self._driver.over():
            self._pattern.remark = Remark(text)
            self._driver.peer_gone(StreamError.PEER_SILENT)
