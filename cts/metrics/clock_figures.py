"""What exchanges of stamps come to at the end of a stream: round trips, the other clock, and one-way delays within bounds.

Nobody sees a delay itself: of each there is a least and a most that it can have been, as the other clock is known. Both are
counted. What so many of a hundred delays do not exceed then lies between what so many of the least, and of the most, do not.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from cts.metrics.histogram import Histogram
from cts.metrics.peer_clock import MOST_DRIFT, ClockEstimate, ClockSample, PeerClock

__all__ = ["ClockFigures", "ClockMetrics", "DelayFigures", "Delays"]

_BUCKET_BITS = 7
"""A bucket of the histogram is no wider than its upper end shifted so far."""


@frozen
class DelayFigures:
    """One-way delays, nanoseconds by this end's clock.

    Attributes:
        count: how many.
        least, p50, p99: the least of them, and what so many of a hundred do not exceed.
    """

    count: int
    least: ClockEstimate
    p50: ClockEstimate
    p99: ClockEstimate


class Delays:
    """The fold over the delays of one way: two histograms and two numbers."""

    def __init__(self) -> None:
        self._least = Histogram()
        self._most = Histogram()
        self._bounds: tuple[int, int] | None = None

    def take(self, least_ns: int, most_ns: int) -> None:
        """Count a delay between these; nothing arrives before it left, whatever the bounds say."""
        least_ns, most_ns = max(least_ns, 0), max(most_ns, 0)
        self._least.record(least_ns)
        self._most.record(most_ns)
        before = self._bounds
        self._bounds = (least_ns, most_ns) if before is None else (min(before[0], least_ns), min(before[1], most_ns))

    def figures(self) -> DelayFigures | None:
        """Return what they come to; None for none."""
        if self._bounds is None:
            return None
        return DelayFigures(self._least.count, between(*self._bounds), self._percentile(50), self._percentile(99))

    def _percentile(self, percent: float) -> ClockEstimate:
        # The histogram tells the upper end of a bucket: for the least that is too much, by its width at most.
        least = self._least.percentile(percent)
        return between(least - (least >> _BUCKET_BITS), self._most.percentile(percent))


@frozen
class ClockFigures:
    """What one end knows of the other's clock, and of the two ways between them, at the end of a stream.

    Attributes:
        exchanges: PINGs that were answered.
        round_trip_least_ns, round_trip_p50_ns, round_trip_p99_ns: nanoseconds there and back, without what the peer held.
        offset: how much more the other clock shows, nanoseconds, at the last exchange.
        drift: how much faster it goes, parts per thousand million; None of a stream that is too short to tell.
        steps: how often one of the clocks was set.
        to_peer, from_peer: one-way delays of these exchanges.
        media: of the fastest datagram of each frame; None for a sender, and where frames were not followed.
    """

    exchanges: int
    round_trip_least_ns: int
    round_trip_p50_ns: int
    round_trip_p99_ns: int
    offset: ClockEstimate
    drift: ClockEstimate | None
    steps: int
    to_peer: DelayFigures
    from_peer: DelayFigures
    media: DelayFigures | None = None


class ClockMetrics:
    """The fold over the exchanges of one end of a stream. Holds some histograms, however long that runs.

    Attributes:
        clock: the other end's.
    """

    def __init__(self, most_drift: Fraction = MOST_DRIFT) -> None:
        self.clock = PeerClock(most_drift)
        self._most_drift = most_drift
        self._to_peer = Delays()
        self._from_peer = Delays()
        self._media = Delays()
        self._latest_ns: int | None = None

    def take(self, sample: ClockSample) -> None:
        """Take an exchange."""
        self.clock.take(sample)
        now_ns = sample.returned_ns if self._latest_ns is None else max(self._latest_ns, sample.returned_ns)
        self._latest_ns = now_ns
        offset = self.clock.offset(now_ns)
        if offset is None:
            return
        # How far the clocks drift apart while it is under way is not in the offset at its end.
        error = offset.error + self._drifted(now_ns - sample.sent_ns)
        there, back = sample.most_ns - offset.value, offset.value - sample.least_ns
        self._to_peer.take(there - error, there + error)
        self._from_peer.take(back - error, back + error)

    def media(self, transit_ns: int, first_ns: int, last_ns: int, stamp_error_ns: int) -> None:
        """Take a datagram of a frame.

        Args:
            transit_ns: its receive time less its stamp, which is of the other clock.
            first_ns, last_ns: between which it came.
            stamp_error_ns: how far from when it left its stamp may be.
        """
        offset = self.clock.offset(last_ns)
        if offset is not None:
            delay = transit_ns + offset.value
            error = offset.error + stamp_error_ns + self._drifted(max(delay, 0) + offset.error + last_ns - first_ns)
            self._media.take(delay - error, delay + error)

    def figures(self) -> ClockFigures | None:
        """Return what they come to; None for no exchange."""
        if self._latest_ns is None:
            return None
        clock, trips = self.clock, self.clock.round_trips
        offset, least_ns = clock.offset(self._latest_ns), clock.least_round_trip_ns
        to_peer, from_peer = self._to_peer.figures(), self._from_peer.figures()
        if offset is None or least_ns is None or to_peer is None or from_peer is None:
            return None
        return ClockFigures(
            exchanges=trips.count,
            round_trip_least_ns=least_ns,
            round_trip_p50_ns=trips.p50,
            round_trip_p99_ns=trips.p99,
            offset=offset,
            drift=clock.drift(),
            steps=clock.steps,
            to_peer=to_peer,
            from_peer=from_peer,
            media=self._media.figures(),
        )

    def _drifted(self, time_ns: int) -> int:
        return -(-time_ns * self._most_drift.numerator // self._most_drift.denominator)


def between(least: int, most: int) -> ClockEstimate:
    """Return the estimate of what lies between these, ends included."""
    return ClockEstimate((least + most) // 2, (most - least + 1) // 2)
