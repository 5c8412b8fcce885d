"""Delay variation and jitter of one stream for its cells, by the same definitions as those of its metrics."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from cts.comparison.cells import Cells, Times
from cts.metrics.clock_drift import LIFE_POINTS, LINES_EVERY, WINDOW_NS, line_under
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.usable_transits import FARTHEST, UsableTransits
from cts.protocol.plan import StreamPlan

__all__ = ["StreamDelays"]

_SETTLING = 64
"""First transits by which it is known where the others may lie."""


class StreamDelays:
    """The delays of a stream's frames in order. It keeps 16 bytes a frame: which transit is the least is known at the end only.

    Args:
        plan: the stream's arithmetic.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._usable = UsableTransits(plan.end_offset_ns, plan.render_offset_ns(1))
        self._dues, self._transits = array("q"), array("q")
        self._late_dues, self._late_transits = array("q"), array("q")
        self._firsts: list[tuple[int, int]] = []
        self._least = FARTHEST
        self._unusable = 0

    def frame(self, due_ns: int, record: FrameRecord) -> None:
        """Take a frame, by the time in the run when it was due."""
        transit, least, greatest = record.transit_ns, record.least_transit_ns, record.greatest_transit_ns
        if transit is None or least is None or greatest is None:
            return
        if min(least, transit) < self._usable.low or max(greatest, transit) > self._usable.high:
            self._unusable += 1
            return
        self._dues.append(due_ns)
        self._transits.append(transit)
        if self._usable.known:
            self._least = min(self._least, least)
            return
        self._firsts.append((min(least, transit), max(greatest, transit)))
        if len(self._firsts) >= _SETTLING:
            self._settle()

    def missed(self, due_ns: int, record: MissedRecord) -> None:
        """Take what came late of the frame that was due then, and had not come before."""
        if self._usable.low <= record.transit_ns <= self._usable.high:
            self._late_dues.append(due_ns)
            self._late_transits.append(record.transit_ns)

    def finish(self, cells: Cells) -> None:
        """Count them in cells, unless they make no sense; no more is to be used."""
        if not self._usable.known:
            self._settle()
        usable = self._usable
        if self._dues:
            usable.take(self._dues, self._transits)
        if usable.are_nonsense(self._unusable):
            return
        # Each frame once: what came of it last.
        last = dict(zip(self._dues, self._transits, strict=True))
        late = zip(self._late_dues, self._late_transits, strict=True)
        last |= {due: transit for due, transit in late if usable.low <= transit <= usable.high}
        if not last:
            return
        for due, over in _over_the_least(last, min(self._least, *last.values())):
            cells.at(due).times[Times.PDV].record(over)
        for due, jitter in _jitters(self._dues, self._transits):
            cells.at(due).times[Times.JITTER].record(jitter)

    def _settle(self) -> None:
        """Leave out of the first frames those whose transits make no sense."""
        firsts, dues, transits = self._firsts, self._dues, self._transits
        if not (first := transits or self._late_transits):
            return
        self._usable.settle(first)
        low, high = self._usable.low, self._usable.high
        made_of = [place for place, (least, greatest) in enumerate(firsts) if low <= least and greatest <= high]
        self._unusable += len(firsts) - len(made_of)
        self._dues, self._transits = (array("q", [each[place] for place in made_of]) for each in (dues, transits))
        self._least = min((firsts[place][0] for place in made_of), default=FARTHEST)


def _over_the_least(transits: dict[int, int], least: int) -> Iterator[tuple[int, int]]:
    """Yield by how much transits exceed the least one, or the line of the clocks where these drifted apart, and when."""
    first, last = min(transits), max(transits)
    window_ns = max(WINDOW_NS, -(-(last + 1 - first) // LIFE_POINTS))
    lowest: dict[int, tuple[int, int]] = {}
    for due, transit in transits.items():
        window = (due - first) // window_ns
        lowest[window] = min(lowest.get(window, (transit, due)), (transit, due))
    drawn = [lowest[window] for window in sorted(lowest)]
    if len(drawn) >= LINES_EVERY:
        line = line_under([due for _, due in drawn], [transit for transit, _ in drawn])
        if line.significant:
            for due, transit in transits.items():
                yield due, max(transit - line.y - round((due - line.x) * line.slope), 0)
            return
    for due, transit in transits.items():
        yield due, transit - least


def _jitters(dues: Sequence[int], transits: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield interarrival jitter (RFC 3550, section 6.4.1 and A.8) after each difference, and when that was."""
    jitter = 0
    for count in range(1, len(dues)):
        amount = abs(transits[count] - transits[count - 1])
        jitter += amount - (jitter + 8 >> 4)
        yield dues[count], jitter >> 4
