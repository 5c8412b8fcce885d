"""Another end's clock, and exchanges with it, as they truly are."""

from __future__ import annotations

from fractions import Fraction

from cts.metrics.peer_clock import ClockSample

__all__ = ["PPM", "OtherClock"]

PPM = Fraction(1, 1_000_000)


class OtherClock:
    """It shows more than this end's by an offset, and gains on it by a ratio."""

    def __init__(self, offset_ns: int, drift: Fraction = Fraction(0)) -> None:
        self._offset_ns = offset_ns
        self._drift = drift

    def offset(self, at_ns: int) -> Fraction:
        return self._offset_ns + at_ns * self._drift

    def shows(self, at_ns: int) -> int:
        return int(at_ns + self.offset(at_ns))

    def exchange(self, sent_ns: int, there_ns: int, back_ns: int, held_ns: int = 0) -> ClockSample:
        arrived_ns = sent_ns + there_ns
        left_ns = arrived_ns + held_ns
        return ClockSample(sent_ns, self.shows(arrived_ns), self.shows(left_ns), left_ns + back_ns)
