"""All media metrics of a stream as a fold over what is known of its frames, and of many streams as a sum.

The same records in the same order give the same totals to the bit, live and when they are read back.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from copy import deepcopy
from functools import reduce
from operator import add

from attrs import field, frozen

from cts.metrics.clock_drift import ClockDrift, DriftTotals
from cts.metrics.confidence import BlockSums
from cts.metrics.counters import Totals
from cts.metrics.datagrams import DatagramTotals
from cts.metrics.delay_variation import DelayVariation, DelayVariationTotals
from cts.metrics.distribution import Distribution, Lengths
from cts.metrics.frame_record import LACKING_REMEMBERED, FrameRecord, MissedRecord
from cts.metrics.loss_runs import LossRuns, LossRunTotals
from cts.metrics.reordering import Reordering
from cts.metrics.viewing import AVERAGED, Viewing, ViewingTotals

__all__ = ["MediaMetrics", "MediaTotals"]

_TOGETHER = 64
"""Frames whose times are looked at together: one by one they cost twice as much."""
_FARTHEST = (1 << 63) - 1
"""Nanoseconds, 292 years: no time of a run is farther from its origin."""


@frozen
class MediaTotals(Totals):
    """Media metrics of one stream or of many; ``a + b`` is that of both, in whatever order they are added.

    Attributes:
        streams: how many they are of.
        bytes_in_time: of datagrams that came in time, each counted once.
        datagrams: what became of each that was due.
        runs: loss runs, of those whose positions are known.
        reordering: what arrived behind one sent later.
        variation: of delay.
        drift: of the clocks, and the variation without it.
        viewing: what a viewer saw.
        blocks: sums by time, for limits.
        unusable: frames of which any datagram's transit makes no sense; they count in everything but delay.
    """

    streams: int = 0
    bytes_in_time: int = 0
    datagrams: DatagramTotals = field(factory=DatagramTotals)
    runs: LossRunTotals = field(factory=LossRunTotals)
    reordering: Reordering = field(factory=Reordering)
    variation: DelayVariationTotals = field(factory=DelayVariationTotals)
    drift: DriftTotals = field(factory=DriftTotals)
    viewing: ViewingTotals = field(factory=ViewingTotals)
    blocks: BlockSums = field(factory=BlockSums)
    unusable: int = 0

    @classmethod
    def of(cls, parts: Iterable[MediaTotals]) -> MediaTotals:
        """Return the sum of as many as there are."""
        return reduce(add, parts, cls())


class MediaMetrics:
    """The fold over one stream: takes each frame at its render time, in order, and what came late as it comes.

    It holds 7 to 12 KiB: what takes most grows with the number of powers of two over which delays vary. It is twice as much
    where transits fall all the time, and 105 KiB more where frames by the thousand lack something, since it remembers what.

    Args:
        interval_ns: between frames.
        datagrams: that make a frame.
    """

    __slots__ = (
        "_block_at", "_block_end", "_block_frames", "_block_position", "_blocks", "_breaks", "_bytes", "_datagrams",
        "_drift", "_dues", "_duplicate", "_extents", "_first_due", "_forgotten", "_frames", "_interval_ns", "_lacking",
        "_lacking_before", "_last_due", "_late", "_late_by", "_least", "_missing", "_one_short", "_position",
        "_reordered", "_runs", "_spreads", "_transits", "_unknown", "_unusable", "_variation", "_viewing",
    )  # fmt: skip

    def __init__(self, interval_ns: int, datagrams: int) -> None:
        self._interval_ns, self._datagrams = interval_ns, datagrams
        self._viewing = Viewing(interval_ns)
        self._variation = DelayVariation()
        self._drift = ClockDrift()
        self._blocks = BlockSums()
        self._late_by = Distribution()
        # Most streams need neither.
        self._runs: LossRuns | None = None
        self._extents: Lengths | None = None
        # Of frames of which something came in time: transit, render time, spread; and where one before them had nothing.
        self._transits, self._dues, self._spreads = array("q"), array("q"), array("q")
        self._breaks: list[int] = []
        self._least = _FARTHEST
        self._frames = self._position = self._bytes = 0
        self._first_due = self._last_due = 0
        self._block_end = -_FARTHEST
        self._block_at = self._block_frames = self._block_position = 0
        self._missing = self._duplicate = self._one_short = self._late = self._unknown = self._reordered = 0
        self._unusable = 0
        # What frames still lack: no more than that can come late. The last frame forgotten, and what all up to it lack together.
        self._lacking: dict[int, int] = {}
        self._forgotten = self._lacking_before = 0

    @property
    def frames(self) -> int:
        """How many it was told of."""
        return self._frames

    def frame(self, record: FrameRecord) -> None:
        """Take the next frame."""
        _, due_ns, due, distinct, size, duplicate, missing, first, last, _, _, least, greatest, transit, extents = (
            record
        )
        if due_ns >= self._block_end:
            self._next_block(due_ns)
        if distinct < due or missing is None or duplicate or extents:
            self._take_irregular(record)
        self._frames += 1
        self._position += due
        self._bytes += size
        self._last_due = due_ns
        if distinct >= due:
            self._viewing.rendered.append(due_ns)
        if transit is None or least is None or greatest is None:
            self._break()
            return
        if not (least >= -_FARTHEST and -_FARTHEST <= transit <= _FARTHEST and greatest <= _FARTHEST):
            self._unusable += 1
            self._break()
            return
        self._transits.append(transit)
        self._dues.append(due_ns)
        if least < self._least:
            self._least = least
        if due > 1 and first is not None and last is not None:
            self._spreads.append(last - first)
        if len(self._dues) >= _TOGETHER:
            self._look()

    def missed(self, record: MissedRecord) -> None:
        """Take what came of a frame after its render time."""
        sequence, received_ns, late_ns, datagrams, _, fresh, missing, _, _, transit, extents = record
        if fresh is None:
            fresh = self._take_lacking(sequence, datagrams, 0)
            self._unknown += datagrams
        else:
            fresh = self._take_lacking(sequence, fresh, self._lacking_before if sequence <= self._forgotten else 0)
            self._duplicate += datagrams - fresh
        self._take_extents(extents)
        if self._runs is not None:
            self._runs.came_late(sequence, missing)
        if not fresh:
            return
        due_ns = received_ns - late_ns
        self._late += fresh
        self._late_by.record_times(late_ns, fresh)
        self._blocks.add(due_ns, 0, 0, 0, -fresh)
        if abs(transit) <= _FARTHEST:
            self._variation.late(transit)
            self._drift.over_line((due_ns,), (transit,))

    def nothing_until(self, sequence: int, first_due_ns: int) -> None:
        """Take note that frames up to this one had been given up, without a record: nothing of them came in time.

        Args:
            sequence: the last of them.
            first_due_ns: render time of the stream's first frame, which is needed where no frame had a record.
        """
        frames, interval_ns = sequence - self._frames, self._interval_ns
        if frames <= 0:
            return
        if not self._frames:
            self._last_due = first_due_ns - interval_ns
        self._break()
        self._runs = self._runs or LossRuns()
        lost = frames * self._datagrams
        self._runs.lack(self._frames + 1, self._position, lost, ((0, lost - 1),))
        while frames:
            due_ns = self._last_due + interval_ns
            if due_ns >= self._block_end:
                self._next_block(due_ns)
            together = min(frames, -(-(self._block_end - due_ns) // interval_ns))
            self._blocks.add(due_ns, 0, together, 0, together * self._datagrams)
            self._frames += together
            self._position += together * self._datagrams
            self._missing += together * self._datagrams
            self._last_due += together * interval_ns
            frames -= together

    def totals(self) -> MediaTotals:
        """Return what is known so far, as a value; the fold goes on as if nobody had asked."""
        # What frames lack is of no use to the copy, and may be much.
        return deepcopy(self, {id(self._lacking): {}}).finish()

    def finish(self) -> MediaTotals:
        """Return the totals of a stream that has ended; the fold is no more to be used."""
        self._look()
        self._next_block(self._last_due)
        in_time = self._position - self._missing
        datagrams = DatagramTotals(
            due=self._position,
            in_time=in_time,
            late=self._late,
            duplicate=self._duplicate,
            late_by=self._late_by,
            one_short=self._one_short,
            unknown=self._unknown,
        )
        variation = self._variation.totals()
        return MediaTotals(
            streams=1,
            bytes_in_time=self._bytes,
            datagrams=datagrams,
            runs=(self._runs or LossRuns()).totals(self._position),
            reordering=Reordering(in_time + self._late, self._reordered, self._extents or Lengths()),
            variation=variation,
            drift=self._drift.totals(variation.pdv),
            viewing=self._viewing.totals(self._frames, self._first_due, self._last_due),
            blocks=self._blocks,
            unusable=self._unusable,
        )

    def _take_irregular(self, record: FrameRecord) -> None:
        """Take of a frame what most frames do not have."""
        sequence, due = record.sequence, record.due
        if (lacking := due - record.distinct) > 0:
            self._missing += lacking
            self._one_short += lacking == 1 < due
            self._blocks.add(record.due_ns, 0, 1, 0, lacking)
            self._lacking[sequence] = lacking
            if len(self._lacking) > LACKING_REMEMBERED:
                self._forgotten = next(iter(self._lacking))
                self._lacking_before += self._lacking.pop(self._forgotten)
        self._duplicate += record.duplicate
        self._take_extents(record.extents)
        if record.missing is None or lacking > 0:
            self._runs = self._runs or LossRuns()
            self._runs.lack(sequence, self._position, due, record.missing)

    def _take_lacking(self, sequence: int, fresh: int, forgotten: int) -> int:
        """Return how many of what came late its frame had lacked, which it lacks no more.

        Args:
            sequence: the frame's number.
            fresh: datagrams that had not come before, as far as is known.
            forgotten: how many it may have lacked if that is not remembered.
        """
        if (lacking := self._lacking.get(sequence)) is None:
            fresh = min(fresh, forgotten)
            self._lacking_before -= fresh
        else:
            fresh = min(fresh, lacking)
            self._lacking[sequence] = lacking - fresh
        return fresh

    def _take_extents(self, extents: tuple[int, ...]) -> None:
        if extents:
            self._reordered += len(extents)
            self._extents = self._extents or Lengths()
            self._extents.record(extents)

    def _break(self) -> None:
        """Remember that the next frame of which something comes follows on one of which nothing did."""
        if self._breaks[-1:] != [len(self._transits)]:
            self._breaks.append(len(self._transits))
        # What is rendered gathers without any transit, too.
        if len(self._viewing.rendered) > AVERAGED + _TOGETHER:
            self._viewing.look()

    def _look(self) -> None:
        """Take what has gathered."""
        self._viewing.look()
        transits, breaks = self._transits, self._breaks
        if not transits:
            return
        after = breaks and breaks[-1] == len(transits)
        if after:
            breaks.pop()
        # The line is drawn before: it begins with the variation so far.
        self._drift.fold(self._dues, transits, self._variation.pdv)
        self._variation.fold(transits, breaks, self._least)
        self._variation.spreads(self._spreads)
        for gathered in (transits, self._dues, self._spreads):
            del gathered[:]
        self._breaks = [0] if after else []

    def _next_block(self, due_ns: int) -> None:
        """End a block of time before a frame."""
        frames = self._frames - self._block_frames
        if frames:
            self._blocks.add(self._block_at, frames, 0, self._position - self._block_position, 0)
        elif not self._frames:
            self._first_due = due_ns
        self._block_frames, self._block_position, self._block_at = self._frames, self._position, due_ns
        self._block_end = self._blocks.end_of(due_ns)
