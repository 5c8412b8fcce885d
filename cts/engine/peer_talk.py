"""Speaks with the other end of one stream beside media: hears and answers its control datagrams, says this end's when due.

What is said leaves from one task, after whatever else this end does at that instant: in virtual time a link then gets the
same datagrams in the same order in every run. That a PONG waits for it is no error, for it says how long. Nothing that fails
here ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from cts.api import SUCCEEDED, Address, DatagramBatch, IDatagramEndpoint, IPacer, StreamPlan
from cts.errors import DecodeError
from cts.metrics.clock_figures import ClockMetrics
from cts.metrics.peer_clock import ClockSample
from cts.protocol.control.belief import Seen
from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.datagrams import controls_apart, decode_control_untrusted
from cts.protocol.control.messages import Counts, Feature, Results
from cts.protocol.control.pinging import Pace
from cts.protocol.control.session import Rejected, Session
from cts.records.peer_end import ControlTotals, PeerEnd, PeerTotals

__all__ = ["PeerTalk"]


class PeerTalk:
    """One end's part.

    Args:
        session: seals and opens control datagrams of the stream.
        features: what both ends can do.
        plan: the stream's arithmetic.
        endpoint: where it leaves.
        peer: the other end.
        pacer: the run's clock.
        counts: returns what this end has counted up to an instant.
        seen: returns what this end knows of the stream without a look at what waits to be read; None for nothing.
        pace: how often what is said.
        key_name: whose key the peer has.
        on_unconfirmed: told once, in words, if nothing is ever heard of the peer.
        on_silent: told, in words, once it says nothing any more; None for an end that stays all the same.

    Attributes:
        clock: the peer's, as far as it is known.
        finished: whether this end's results are being told, or have been.
        over: set when nothing more is said or waited for.
    """

    def __init__(
        self,
        session: Session,
        features: Feature,
        plan: StreamPlan,
        *,
        endpoint: IDatagramEndpoint,
        peer: Address,
        pacer: IPacer,
        counts: Callable[[int], Counts],
        pace: Pace,
        seen: Callable[[], Seen] | None = None,
        key_name: str | None = None,
        on_unconfirmed: Callable[[str], None] | None = None,
        on_silent: Callable[[str], None] | None = None,
    ) -> None:
        self.clock = ClockMetrics()
        self.over = trio.Event()
        self._channel = StreamChannel(
            session,
            now_ns=pacer.now_ns(),
            jitter=pace.jitter,
            features=features,
            plan=plan,
            seen=seen,
            ping_interval_ns=pace.ping_interval_ns,
        )
        self._endpoint = endpoint
        self._peer = peer
        self._pacer = pacer
        self._counts = counts
        self._interval_ns = pace.counts_interval_ns
        self._tells_ns = pacer.now_ns() + int(self._interval_ns * pace.jitter())
        self._key_name = key_name
        self._on_unconfirmed = on_unconfirmed
        self._on_silent = on_silent
        self.finished = False
        self._undecodable = 0
        self._waiting: trio.CancelScope | None = None

    async def run(self) -> None:
        """Say what is due, until nothing more is to be said or waited for."""
        while not self._over():
            due_ns = self._channel.due_ns if self.finished else min(self._channel.due_ns, self._tells_ns)
            with trio.CancelScope() as self._waiting:
                await self._pacer.wait_past(due_ns)
            if self._waiting.cancelled_caught:
                await self._pacer.wait_past(self._pacer.now_ns())
            self._waiting = None
            self._say(self._pacer.now_ns())
        self.over.set()

    def apart(self, batch: DatagramBatch) -> DatagramBatch | None:
        """Take what is the peer's to say out of a batch; return what is left, None for nothing."""
        controls, others = controls_apart(batch)
        for datagram in controls:
            self._hear(datagram, batch.received_ns)
        if controls:
            self._wake()
        return others

    def heard_data(self) -> None:
        """Take note that data of the peer's has come."""
        self._channel.heard_data()

    def finish(self, results: Results, *, peer_ends_ns: int) -> None:
        """Begin to tell this end's results; :meth:`run` returns once both ends have the other's, or have waited long enough.

        Args:
            results: what its side came to.
            peer_ends_ns: when the peer's is over by the plan.
        """
        self.finished = True
        self._channel.finish(results, self._pacer.now_ns(), peer_ends_ns=peer_ends_ns)
        self._wake()

    def break_off(self, results: Results) -> None:
        """Tell this end's results now, once."""
        self.finish(results, peer_ends_ns=self._pacer.now_ns())
        # They are due since that took note of them: a look at the clock from before would find nothing to say.
        self._say(self._pacer.now_ns())

    def belongs(self, stamped_ns: int, received_ns: int, at_most_ns: int) -> bool:
        """Tell whether a datagram with that stamp can have come from the peer then, as far as its clock is known.

        Args:
            stamped_ns: when it left, by the peer's clock.
            received_ns: when it came.
            at_most_ns: how long it may have been on the way.
        """
        delay = self.clock.clock.one_way(stamped_ns, received_ns)
        return delay is not None and -delay.error <= delay.value <= at_most_ns + delay.error

    @property
    def ended_early(self) -> bool:
        """Whether the peer has told results that are not those of a whole stream."""
        results = self._channel.peer_results
        return results is not None and results.outcome != SUCCEEDED

    @property
    def frames_told(self) -> int | None:
        """How many frames have had their turn there, by its results; None where these do not tell."""
        results = self._channel.peer_results
        return None if results is None or results.sent is None else results.sent.frames_due

    @property
    def known(self) -> PeerEnd:
        """What is known of the peer."""
        channel, rejected = self._channel, self._channel.session.rejected
        results, counts = channel.peer_results, channel.peer_counts
        return PeerEnd(
            clock=self.clock.figures(),
            counts=counts if results is None else Counts(results.received, results.sent),
            outcome=None if results is None else results.outcome,
            acknowledged=channel.acknowledged,
            key_name=self._key_name,
            control=ControlTotals(
                undecodable=self._undecodable,
                other_stream=rejected[Rejected.OTHER_STREAM],
                forged=rejected[Rejected.FORGED],
                replayed=rejected[Rejected.REPLAYED],
                ignored=channel.ignored,
            ),
        )

    @property
    def totals(self) -> PeerTotals:
        """What it told last."""
        results = self._channel.peer_results
        if results is None:
            return PeerTotals.of(self._channel.peer_counts, finished=False)
        return PeerTotals.of(Counts(results.received, results.sent), finished=True)

    def _hear(self, datagram: bytes, received_ns: int) -> None:
        try:
            control = decode_control_untrusted(datagram)
        except DecodeError:
            self._undecodable += 1
            return
        heard = self._channel.hear(control, received_ns)
        if isinstance(heard, ClockSample):
            self.clock.take(heard)

    def _say(self, now_ns: int) -> None:
        if self._on_silent is not None and (text := self._channel.silence(now_ns)) is not None:
            self._on_silent(text)
        if not self.finished and now_ns >= self._tells_ns:
            self._tells_ns += self._interval_ns * ((now_ns - self._tells_ns) // self._interval_ns + 1)
            self._channel.tell(self._counts(now_ns))
        while (datagram := self._channel.poll(now_ns)) is not None:
            # One that does not go is as one that is lost.
            self._endpoint.try_send(self._peer, datagram)

    def _over(self) -> bool:
        over = self._channel.is_over(self._pacer.now_ns())
        told = self._channel.explanation
        if over and told is not None and self._on_unconfirmed is not None:
            self._on_unconfirmed(told)
        return over

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
