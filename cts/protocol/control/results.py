"""The exchange of final results: each end repeats its own until they are acknowledged, or for 2 s, and waits for those of
the other.
"""

from __future__ import annotations

from cts.protocol.control.messages import Results
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS
from cts.units import MILLISECOND, SECOND

__all__ = ["CUT_OFF", "RESULTS_REPEATED_NS", "RESULTS_RETRY_NS", "ResultsExchange"]

CUT_OFF = "Cancelled"
"""The outcome that an end tells, once, as it is cut off and leaves."""
RESULTS_RETRY_NS = 100 * MILLISECOND
"""From one RESULTS to the next."""
RESULTS_REPEATED_NS = 2 * SECOND
"""For so long they are repeated, and for so long after its own end the peer's are waited for."""


class ResultsExchange:
    """One end's part, from when its side of the stream is over.

    Args:
        own: its results.
        now_ns: this instant; they are due.
        peer_ends_ns: when the other end's side is over by the plan, as a receiver's is one buffer later; in this end's clock.

    Attributes:
        acknowledged: whether the peer has them.
        sent: how often they were sent.
    """

    def __init__(self, own: Results, now_ns: int, *, peer_ends_ns: int) -> None:
        self.acknowledged = False
        self.sent = 0
        self._own = own
        self._next_ns = now_ns
        self._repeated_until_ns = now_ns + RESULTS_REPEATED_NS
        self._waits_until_ns = max(now_ns, peer_ends_ns) + RESULTS_REPEATED_NS

    def _repeats(self) -> bool:
        return not self.acknowledged and self._next_ns <= self._repeated_until_ns

    def due_ns(self, *, has_peers: bool) -> int:
        """Return when something is next to be done: to send, or to wait no longer."""
        if self._repeats():
            return self._next_ns
        if has_peers:
            return FOREVER_NS if self.acknowledged else self._repeated_until_ns + JUST_AFTER_NS
        return self._waits_until_ns + JUST_AFTER_NS

    def poll(self, now_ns: int) -> Results | None:
        """Return the results if they are to be sent now."""
        if not self._repeats() or not self._next_ns <= now_ns <= self._repeated_until_ns:
            return None
        self.sent += 1
        self._next_ns = now_ns + RESULTS_RETRY_NS
        return self._own

    def is_over(self, now_ns: int, *, has_peers: bool) -> bool:
        """Tell whether this end need not stay any longer.

        Args:
            now_ns: this instant.
            has_peers: whether the other end's results have come.
        """
        if has_peers:
            return self.acknowledged or now_ns > self._repeated_until_ns
        return now_ns > self._waits_until_ns
