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
from cts.metrics.usable_transits import FARTHEST, UsableTransits
from cts.metrics.viewing import AVERAGED, Viewing, ViewingTotals

__all__ = ["MediaMetrics", "MediaTotals"]

_TOGETHER = 64
"""Frames whose times are looked at together: one by one they cost twice as much."""


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
        unusable: frames of which any datagram's transit makes no sense; they count in everything but delay. All that anything
            came of where most are, or all transits together make no sense; then nothing is known of delay.
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
        usable: tells which transits make sense; as many as there can be if it is left out.

    Attributes:
        variation, drift, viewing: folds over what was told of, but for up to 64 frames; to be looked at only.
    """

    __slots__ = (
        "_block_at", "_block_end", "_block_frames", "_block_position", "_blocks", "_breaks", "_bytes", "_datagrams",
        "_dues", "_duplicate", "_extents", "_first_due", "_firsts", "_forgotten", "_frames", "_interval_ns",
        "_lacking", "_lacking_before", "_last_due", "_late", "_late_by", "_late_firsts", "_least", "_missing",
        "_one_short", "_position", "_reordered", "_runs", "_spreads", "_transits", "_unknown", "_unusable", "_usable",
        "drift", "variation", "viewing",
    )  # fmt: skip

    def __init__(self, interval_ns: int, datagrams: int, usable: UsableTransits | None = None) -> None:
        self._interval_ns, self._datagrams = interval_ns, datagrams
        self.viewing, self.variation, self.drift = Viewing(interval_ns), DelayVariation(), ClockDrift()
        self._blocks, self._late_by = BlockSums(), Distribution()
        self._runs: LossRuns | None = None
        self._extents: Lengths | None = None
        # Of frames of which something came in time: transit, render time, spread; and where one before them had nothing.
        self._transits, self._dues, self._spreads = array("q"), array("q"), array("q")
        self._breaks: list[int] = []
        # Until it is known which transits make sense: least and greatest of those frames, their spread; and what came late.
        self._usable = usable or UsableTransits()
        self._firsts: list[tuple[int, int, int | None]] = []
        self._late_firsts: list[tuple[int, int]] = []
        self._least, self._block_end = FARTHEST, -FARTHEST
        self._frames = self._position = self._bytes = 0
        self._first_due = self._last_due = 0
        self._block_at = self._block_frames = self._block_position = 0
        self._missing = self._duplicate = self._one_short = self._late = self._unknown = 0
        self._reordered = self._unusable = 0
        # What frames still lack: no more than that can come late. The last frame forgotten, and what those lack together.
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
            self.viewing.rendered.append(due_ns)
        if transit is None or least is None or greatest is None:
            self._break()
            return
        usable = self._usable
        if not (least >= usable.low and usable.low <= transit <= usable.high and greatest <= usable.high):
            self._unusable += 1
            self._break()
            return
        self._transits.append(transit)
        self._dues.append(due_ns)
        if least < self._least:
            self._least = least
        if (spread := last - first if due > 1 and first is not None and last is not None else None) is not None:
            self._spreads.append(spread)
        if not usable.known:
            self._firsts.append((least, greatest, spread))
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
        if self._usable.known:
            self._take_late(due_ns, transit)
            return
        self._late_firsts.append((due_ns, transit))
        if len(self._late_firsts) >= _TOGETHER:
            self._settle()

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
        lost, due_ns = frames * self._datagrams, self._last_due + interval_ns
        self._runs.lack(self._frames + 1, self._position, lost, ((0, lost - 1),))
        self._next_block(due_ns)
        self._frames += frames
        self._position += lost
        self._missing += lost
        self._last_due += frames * interval_ns
        self._block_frames, self._block_position, self._block_at = self._frames, self._position, self._last_due
        # So that blocks have their length from the start, and are few.
        self._blocks.add(self._last_due, 0, 0, 0, 0)
        self._block_end = self._blocks.end_of(self._last_due)
        while frames:
            together = min(frames, -(-(self._blocks.end_of(due_ns) - due_ns) // interval_ns))
            self._blocks.add(due_ns, together, together, together * self._datagrams, together * self._datagrams)
            due_ns += together * interval_ns
            frames -= together

    def seen(self) -> ViewingTotals:
        """Return what a viewer saw up to the last frame that it was told of; the fold goes on."""
        return self.viewing.totals(self._frames, self._first_due, self._last_due)

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
            self._position, in_time, self._late, self._duplicate, self._late_by, self._one_short, self._unknown
        )
        variation = self.variation.totals()
        drift, unusable = self.drift.totals(variation.pdv), self._unusable
        if self._usable.are_nonsense(unusable):
            variation, drift = DelayVariationTotals(spread=variation.spread), DriftTotals()
            unusable += self._usable.frames
        return MediaTotals(
            streams=1,
            bytes_in_time=self._bytes,
            datagrams=datagrams,
            runs=(self._runs or LossRuns()).totals(self._position),
            reordering=Reordering(in_time + self._late, self._reordered, self._extents or Lengths()),
            variation=variation,
            drift=drift,
            viewing=self.seen(),
            blocks=self._blocks,
            unusable=unusable,
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
        if len(self.viewing.rendered) > AVERAGED + _TOGETHER:
            self.viewing.look()

    def _look(self) -> None:
        """Take what has gathered."""
        self.viewing.look()
        if not self._usable.known and (self._transits or self._late_firsts):
            self._settle()
        transits, breaks = self._transits, self._breaks
        if not transits:
            return
        self._usable.take(self._dues, transits)
        after = breaks and breaks[-1] == len(transits)
        if after:
            breaks.pop()
        # The line is drawn before: it begins with the variation so far.
        self.drift.fold(self._dues, transits, self.variation.pdv)
        self.variation.fold(transits, breaks, self._least)
        self.variation.spreads(self._spreads)
        for gathered in (transits, self._dues, self._spreads):
            del gathered[:]
        self._breaks = [0] if after else []

    def _settle(self) -> None:
        """Leave out of the first frames those whose transits make no sense, and take what came late so far."""
        usable, firsts, breaks, transits, dues = self._usable, self._firsts, self._breaks, self._transits, self._dues
        usable.settle(transits or [transit for _, transit in self._late_firsts])
        while self._late_firsts:
            self._take_late(*self._late_firsts.pop(0))
        self._transits, self._dues, self._spreads = array("q"), array("q"), array("q")
        self._breaks, self._firsts, self._least = [], [], FARTHEST
        for place, (least, greatest, spread) in enumerate(firsts):
            if place in breaks:
                self._break()
            if min(least, transits[place]) < usable.low or max(greatest, transits[place]) > usable.high:
                self._unusable += 1
                self._break()
                continue
            self._transits.append(transits[place])
            self._dues.append(dues[place])
            self._least = min(self._least, least)
            if spread is not None:
                self._spreads.append(spread)
        if len(firsts) in breaks:
            self._break()

    def _take_late(self, due_ns: int, transit: int) -> None:
        if self._usable.low <= transit <= self._usable.high:
            self.variation.late(transit)
            self.drift.over_line((due_ns,), (transit,))

    def _next_block(self, due_ns: int) -> None:
        """End a block of time before a frame."""
        frames = self._frames - self._block_frames
        if frames:
            self._blocks.add(self._block_at, frames, 0, self._position - self._block_position, 0)
        elif not self._frames:
            self._first_due = due_ns
        self._block_frames, self._block_position, self._block_at = self._frames, self._position, due_ns
        self._block_end = self._blocks.end_of(due_ns)
