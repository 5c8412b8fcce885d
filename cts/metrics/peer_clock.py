"""The other end's clock, as far as exchanges of four stamps show it (RFC 5905, section 8), and never further.

Of one exchange two things are certain, since nothing arrives before it left: the offset was at most T2 - T1 when the question
came, and at least T3 - T4 when the answer left. A later exchange narrows that; in between, both bounds widen by what two clocks
drift apart at most (Marzullo's intervals). The estimate is the middle, and its error half of what lies between the bounds: half
the least round trip, and the drift since.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from cts.metrics.histogram import Histogram, Percentiles
from cts.units import SECOND

__all__ = ["MOST_DRIFT", "ClockEstimate", "ClockSample", "PeerClock"]

MOST_DRIFT = Fraction(200, 1_000_000)
"""How fast two clocks drift apart at most: that each is within 100 ppm of the truth is what is taken for granted."""
_ANCHOR_NS = 10 * SECOND
"""From the first exchange of so long a time, and in the latest, the best stands for it where the drift is told."""


@frozen
class ClockSample:
    """One exchange, by four stamps.

    Attributes:
        sent_ns, returned_ns: when the question left and the answer came, by this end's clock (T1, T4).
        peer_received_ns, peer_sent_ns: when the question came and the answer left, by the other's (T2, T3).
    """

    sent_ns: int
    peer_received_ns: int
    peer_sent_ns: int
    returned_ns: int

    @property
    def round_trip_ns(self) -> int:
        """Nanoseconds on the way there and back."""
        return self.returned_ns - self.sent_ns - (self.peer_sent_ns - self.peer_received_ns)

    @property
    def most_ns(self) -> int:
        """The offset at most, as if the question had taken no time."""
        return self.peer_received_ns - self.sent_ns

    @property
    def least_ns(self) -> int:
        """The offset at least, as if the answer had taken none."""
        return self.peer_sent_ns - self.returned_ns

    @property
    def offset_ns(self) -> int:
        """How much more the other clock shows, as if both ways took the same; wrong by :attr:`error_ns` at most."""
        return (self.most_ns + self.least_ns) // 2

    @property
    def error_ns(self) -> int:
        """Half the round trip, rounded up, and one for the rounding of the offset: all of it may have been one way's."""
        return (self.round_trip_ns + 1) // 2 + 1


@frozen
class ClockEstimate:
    """What is known of a quantity: it lies within ``error`` of ``value``."""

    value: int
    error: int


class PeerClock:
    """Follows the other end's clock. Holds a few numbers and a histogram, however long it runs.

    Args:
        most_drift: how fast the two clocks drift apart at most, as a ratio.

    Attributes:
        steps: how often a clock was set: exchanges that no drift explains.
        least_round_trip_ns: of all exchanges; None before the first.
    """

    def __init__(self, most_drift: Fraction = MOST_DRIFT) -> None:
        self.steps = 0
        self.least_round_trip_ns: int | None = None
        self._round_trips = Histogram()
        self._most_drift = most_drift
        self._most: tuple[int, int, int] | None = None
        self._least: tuple[int, int, int] | None = None
        self._first: ClockSample | None = None
        self._latest: ClockSample | None = None

    @property
    def round_trips(self) -> Percentiles:
        """Nanoseconds of the round trips."""
        return self._round_trips.percentiles()

    def take(self, sample: ClockSample) -> None:
        """Take an exchange; its round trip is not below 0."""
        trip_ns = sample.round_trip_ns
        self._round_trips.record(trip_ns)
        self.least_round_trip_ns = (
            trip_ns if self.least_round_trip_ns is None else min(self.least_round_trip_ns, trip_ns)
        )
        # When in the exchange each bound held is not known: anywhere from its beginning to its end.
        most = (sample.most_ns, sample.sent_ns, sample.returned_ns)
        least = (sample.least_ns, sample.sent_ns, sample.returned_ns)
        now_ns = sample.returned_ns
        if self._most is None or self._least is None:
            self._most, self._least = most, least
        else:
            if self._at_most(most, now_ns) <= self._at_most(self._most, now_ns):
                self._most = most
            if self._at_least(least, now_ns) >= self._at_least(self._least, now_ns):
                self._least = least
            if self._at_most(self._most, now_ns) < self._at_least(self._least, now_ns):
                self.steps += 1
                self._most, self._least = most, least
                self._first = self._latest = None
        self._anchor(sample)

    def offset(self, at_ns: int) -> ClockEstimate | None:
        """Return how much more the other clock shows at an instant of this end's clock, nanoseconds; None for unknown."""
        if self._most is None or self._least is None:
            return None
        most, least = self._at_most(self._most, at_ns), self._at_least(self._least, at_ns)
        return ClockEstimate((most + least) // 2, (most - least + 1) // 2 + 1)

    def one_way(self, peer_sent_ns: int, received_ns: int) -> ClockEstimate | None:
        """Return how long a datagram was on its way here, nanoseconds.

        Args:
            peer_sent_ns: when it left, by the other clock.
            received_ns: when it came, by this end's.
        """
        offset = self.offset(received_ns)
        return None if offset is None else ClockEstimate(received_ns - peer_sent_ns + offset.value, offset.error)

    def drift(self) -> ClockEstimate | None:
        """Return how much faster the other clock goes, in parts per thousand million; None while too little time has passed."""
        first, latest = self._first, self._latest
        if first is None or latest is None or latest.sent_ns - first.returned_ns < _ANCHOR_NS:
            return None
        spans = latest.sent_ns - first.returned_ns, latest.returned_ns - first.sent_ns
        most = max(Fraction(latest.most_ns - first.least_ns, span) for span in spans)
        least = min(Fraction(latest.least_ns - first.most_ns, span) for span in spans)
        value = (most + least) / 2
        return ClockEstimate(round(value * SECOND), -int(-(most - least) / 2 * SECOND // 1) + 1)

    def _at_most(self, bound: tuple[int, int, int], at_ns: int) -> int:
        return bound[0] + self._drifted_ns(bound, at_ns)

    def _at_least(self, bound: tuple[int, int, int], at_ns: int) -> int:
        return bound[0] - self._drifted_ns(bound, at_ns)

    def _drifted_ns(self, bound: tuple[int, int, int], at_ns: int) -> int:
        _, from_ns, to_ns = bound
        passed_ns = max(at_ns - from_ns, to_ns - at_ns)
        return -(-passed_ns * self._most_drift.numerator // self._most_drift.denominator)

    def _anchor(self, sample: ClockSample) -> None:
        """Keep the best exchange of the first while, and of the latest."""
        first, latest = self._first, self._latest
        if first is None or (
            sample.sent_ns - first.sent_ns < _ANCHOR_NS and sample.round_trip_ns < first.round_trip_ns
        ):
            self._first = sample
        if latest is None or (
            sample.sent_ns - latest.sent_ns >= _ANCHOR_NS or sample.round_trip_ns <= latest.round_trip_ns
        ):
            self._latest = sample
