"""What each status line must say: everything that happened before it, of all streams together.

Streams are followed one beside the other, each at its own pace through the truth, so what happened is entered where the first
status lies that tells of it for certain, and the first that may; sums over those before are what a status must say at least and
at most. What happens at the very instant of a status may be in it or not. So it is with what came within the tolerance of it;
and a real run's status may be as old as the one before, for its processes tell of themselves one after the other. The last
line of a whole log tells of everything.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from cts.records.reported_run import STATUS, ReportedOtherEnd
from cts.verification.bounds import Bounds

__all__ = ["CLOCKS_NS", "EXCHANGED_NS", "HELD_NS", "NEVER_NS", "StatusLines"]

NEVER_NS = 2**80

HELD_NS = 2_000_000
"""A stream that failed keeps its slot until the datagram that failed it has been handed over."""

EXCHANGED_NS = 2_000_000_000 + HELD_NS
"""A stream that HELLO began is told to have ended when its two ends have the results of the other, or for so long have not."""
CLOCKS_NS = 2_000_000_000
"""Until it knows its peer's clock, a receiver of such a stream takes a wrong payload for a stranger's."""

_KEYS = (*STATUS, "opened", "ended", "refused", "served")


class StatusLines:
    """Collects what the status lines must say.

    Args:
        times_ns: when each was told, rising.
        tolerance_ns: how far times of truth and run may lie apart.
        behind: whether a status may be as old as the one before.
        whole: whether the last one tells of everything.
    """

    def __init__(self, times_ns: Sequence[int], *, tolerance_ns: int, behind: bool, whole: bool) -> None:
        count = len(times_ns)
        self._sure_ns = [at_ns - tolerance_ns for at_ns in times_ns]
        self._maybe_ns = [at_ns + tolerance_ns for at_ns in times_ns]
        if behind:
            self._sure_ns = [-NEVER_NS, *self._sure_ns[:-1]] if count else []
        if whole and count:
            self._sure_ns[-1] = self._maybe_ns[-1] = NEVER_NS
        self._low = {key: array("q", bytes(8 * count + 8)) for key in _KEYS}
        self._high = {key: array("q", bytes(8 * count + 8)) for key in _KEYS}
        self._doubtful_ns = NEVER_NS
        self._times_ns = times_ns

    def until(self, at_ns: int) -> int:
        """Return the last instant up to which all that happens from ``at_ns`` on is told of by the same lines."""
        sure, maybe = bisect_right(self._sure_ns, at_ns), bisect_left(self._maybe_ns, at_ns)
        ends = [
            edges[at] - off
            for edges, at, off in ((self._sure_ns, sure, 1), (self._maybe_ns, maybe, 0))
            if at < len(edges)
        ]
        return min(ends, default=NEVER_NS)

    def sure(self, key: str, at_ns: int, amount: int = 1) -> None:
        """Take note of something that happened at an instant."""
        self._low[key][bisect_right(self._sure_ns, at_ns)] += amount

    def maybe(self, key: str, at_ns: int, amount: int = 1) -> None:
        """Take note of something that happened at an instant, or may have; what did is told to :meth:`sure` as well."""
        self._high[key][bisect_left(self._maybe_ns, at_ns)] += amount

    def ended(
        self,
        opened_ns: int,
        ended_ns: int,
        outcome: str,
        others: Iterable[ReportedOtherEnd] = (),
        held_ns: int = HELD_NS,
    ) -> None:
        """Take note of a whole stream, with its sending ends; ``held_ns`` after an end it is told of at the latest."""
        self.sure("opened", opened_ns)
        self.maybe("opened", opened_ns)
        self.sure("ended", ended_ns + held_ns)
        self.maybe("ended", ended_ns)
        failures = [(other.ended_ns, other.outcome) for other in others if other.failed]
        fails = outcome in ("network error", "protocol error")
        before: str | None = None
        for at_ns in sorted({ended_ns, *(failed_ns for failed_ns, _ in failures)}):
            failed = next((told for failed_ns, told in failures if failed_ns <= at_ns), None)
            now = outcome if at_ns >= ended_ns and (fails or failed is None) else failed
            if now is not None and now != before:
                self.counted(at_ns, now, before, held_ns)
                before = now

    def counted(self, at_ns: int, outcome: str, before: str | None = None, held_ns: int = HELD_NS) -> None:
        """Take note that a stream counts as what came of it, and no longer as what it counted as before."""
        self.sure(f"outcomes.{outcome}", at_ns + held_ns)
        self.maybe(f"outcomes.{outcome}", at_ns)
        if before is not None:
            self._low[f"outcomes.{before}"][bisect_left(self._maybe_ns, at_ns)] -= 1
            self._high[f"outcomes.{before}"][bisect_right(self._sure_ns, at_ns + held_ns)] -= 1

    def doubtful(self, from_ns: int) -> None:
        """Take note that nothing can be said of what happened from an instant on."""
        self._doubtful_ns = min(self._doubtful_ns, from_ns)

    def expected(self) -> Iterator[dict[str, Bounds]]:
        """Yield what each line must say, up to where nothing can be said."""
        low = {key: accumulate(each) for key, each in self._low.items()}
        high = {key: accumulate(each) for key, each in self._high.items()}
        for at_ns in self._times_ns:
            if at_ns >= self._doubtful_ns:
                return
            yield {key: Bounds(next(low[key]), next(high[key])) for key in _KEYS}
