"""Which datagrams of a frame have come, by their stamps; and whether a peer's stamps tell that at all.

What has come of a frame is kept as spans of stamps. The first span is two numbers, and nearly always the only one: a list is
made when something comes that does not touch it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from attrs import define

from cts.protocol.frame_timing import FrameTiming

__all__ = ["Arrived", "Identification", "WholeAtOnce"]

WholeAtOnce = tuple[int, int, int]
"""All that there is to know of a frame whose datagrams came together, each once, as nearly all do: the first one's stamp, the
sender's ticks per second, and when they came."""

_SPANS = 64
"""Spans of a frame, whatever is due of it, before what touches none of them counts as having come before."""

_FRAMES_TO_TURN = 8
"""Frames in a row that speak against what is held of a peer's stamps, until the opposite is held of them."""


@define(eq=False)
class Arrived:
    """What has come of one frame so far.

    Attributes:
        size: bytes, each time that they came.
        qpc, qpf, received_ns, last_size: of the last datagram: its stamp, when it came, its bytes.
        distinct, distinct_size: datagrams whose stamp had not come before, and their bytes.
        duplicate: the other ones.
        first, last: stamps of the first span; ``last`` is less than ``first`` while there is none.
        spans: first and last stamp of every span, ascending, once there are more of them.
        alike: whether two that cannot be the same, of different length, came one behind the other with one stamp.
        timing: when what came, for whoever wants to know.
    """

    size: int = 0
    qpc: int = 0
    qpf: int = 0
    received_ns: int = 0
    last_size: int = 0
    distinct: int = 0
    distinct_size: int = 0
    duplicate: int = 0
    first: int = 0
    last: int = -1
    spans: list[int] | None = None
    alike: bool = False
    timing: FrameTiming | None = None

    @classmethod
    def spelt_out(cls, whole: WholeAtOnce, sizes: Sequence[int]) -> Arrived:
        """Return what has come of a frame that came whole at once, and of which something more comes."""
        stamp, qpf, received_ns = whole
        due, full_size, last = len(sizes), sum(sizes), stamp + len(sizes) - 1
        return cls(full_size, last, qpf, received_ns, sizes[-1], due, full_size, 0, stamp, last)

    def overlaps(self, first: int, last: int) -> bool:
        """Tell whether a stamp from ``first`` to ``last`` has come."""
        spans = self.spans
        if spans is None:
            return first <= self.last and last >= self.first and self.distinct > 0
        at = bisect_left(spans, first)
        return at < len(spans) and (at % 2 == 1 or spans[at] <= last)

    def take(self, first: int, datagrams: int, size: int, full_size: int, due: int) -> int:
        """Take in datagrams with consecutive stamps, of which all have come or none has; return how many had not.

        Args:
            first: the stamp of the first.
            datagrams, size: how many, and their bytes together.
            full_size: bytes of the frame; what comes when that many have is more than is due.
            due: datagrams that the frame is made of.
        """
        last = first + datagrams - 1
        if self.distinct == 0:
            self.first, self.last = first, last
        elif self.distinct_size >= full_size or self.overlaps(first, last) or not self._join(first, last, due):
            self.duplicate += datagrams
            return 0
        self.distinct += datagrams
        self.distinct_size += size
        return datagrams

    def _join(self, first: int, last: int, due: int) -> bool:
        """Make the stamps part of the spans; tell whether there was room for them."""
        spans = self.spans
        if spans is None:
            if first == self.last + 1:
                self.last = last
                return True
            if last == self.first - 1:
                self.first = first
                return True
            spans = self.spans = [self.first, self.last]
        at = bisect_left(spans, first)
        joins_before, joins_after = at > 0 and spans[at - 1] == first - 1, at < len(spans) and spans[at] == last + 1
        if not (joins_before or joins_after) and len(spans) >= 2 * max(due, _SPANS):
            return False
        spans[at - joins_before : at + joins_after] = [first] * (not joins_before) + [last] * (not joins_after)
        return True

    @property
    def consecutive(self) -> bool:
        """Whether two stamps that came are neighbours."""
        return any(first < last for first, last in self.ranges)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The spans of stamps that have come, ascending."""
        if self.spans is not None:
            return list(zip(self.spans[::2], self.spans[1::2], strict=True))
        return [(self.first, self.last)] if self.distinct else []


@define(eq=False)
class Identification:
    """Whether a peer's stamps tell the datagrams of a frame apart.

    A peer that stamps each of them does; one that stamps a whole train at once does not, and its whole frames look as if all
    but one of their datagrams were lost, and that one came so often instead. No network does that frame after frame, so once
    something is known of a peer one such frame changes nothing, and neither does a stamp that was altered on its way.
    Consecutive stamps do, which no such peer has.

    Attributes:
        holds: True or False once a frame has shown it; None before.
        against: frames in a row that spoke against it.
    """

    holds: bool | None = None
    against: int = 0

    def of(self, arrived: Arrived, full_size: int) -> bool:
        """Return whether the stamps tell the datagrams of this frame apart, one of several datagrams, at its render time."""
        if arrived.consecutive:
            self._decide(True)
        elif arrived.alike:
            self._speaks(False)
        elif arrived.distinct_size >= full_size and arrived.distinct > 1:
            self._speaks(True)
        elif arrived.duplicate >= arrived.distinct > 0 and arrived.size == full_size:
            self._speaks(False)
        return self.holds is not False

    def shown(self) -> None:
        """Take note of a frame whose stamps tell its datagrams apart."""
        self._decide(True)

    def _decide(self, holds: bool) -> None:
        self.holds, self.against = holds, 0

    def _speaks(self, holds: bool) -> None:
        self.against = self.against + 1 if holds is not self.holds else 0
        if self.holds is None or self.against >= _FRAMES_TO_TURN:
            self._decide(holds)
