"""All media metrics of a stream as a fold over what is known of its frames.

The same records in the same order give the same totals to the bit, live and when they are read back.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from copy import deepcopy

from cts.metrics.clock_drift import ClockDrift, DriftTotals
from cts.metrics.confidence import BlockSums
from cts.metrics.datagrams import DatagramTotals
from cts.metrics.delay_variation import DelayVariation, DelayVariationTotals
from cts.metrics.distribution import Distribution, Lengths
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.lacking_frames import LackingFrames
from cts.metrics.loss_runs import LossRuns
from cts.metrics.media_totals import MediaTotals
from cts.metrics.reordering import Reordering
from cts.metrics.usable_transits import FARTHEST, UsableTransits
from cts.metrics.viewing import AVERAGED, Viewing, ViewingTotals

__all__ = ["MediaMetrics"]

_TOGETHER = 64
"""Frames whose times are looked at together: one by one they cost twice as much."""


class MediaMetrics:
    """The fold over one stream: takes each frame at its render time, in order, and what came late as it comes.

    It holds 7 to 12 KiB: what takes most grows with the number of powers of two over which delays vary. It is twice as much
    where transits fall all the time, and 270 KiB more where frames by the thousand lack something, since it remembers what.

    Args:
        interval_ns: between frames.
        datagrams: that make a frame.
        usable: tells which transits make sense; as many as there can be if it is left out.

    Attributes:
        variation, drift, viewing: folds over what was told of, but for up to 64 frames, and for the delay of frames that lack
            something yet; to be looked at only.
    """

    __slots__ = (
        "_block_at", "_block_end", "_block_frames", "_block_position", "_blocks", "_breaks", "_bytes", "_datagrams",
        "_dues", "_duplicate", "_extents", "_first_due", "_firsts", "_frames", "_interval_ns", "_lacking", "_last_due",
        "_late", "_late_by", "_late_firsts", "_least", "_missing", "_one_short", "_open_at", "_position",
        "_reordered", "_runs", "_spreads", "_transits", "_unknown", "_unusable", "_usable",
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
        # Which of these lack something, so that more may come.
        self._lacking = LackingFrames()
        self._open_at: dict[int, int] = {}
        # Until it is known which transits make sense: least, greatest and spread of those frames; and what lacked something.
        self._usable = usable or UsableTransits()
        self._firsts: list[tuple[int, int, int | None]] = []
        self._late_firsts: list[tuple[int, int]] = []
        self._least, self._block_end = FARTHEST, -FARTHEST
        self._frames = self._position = self._bytes = 0
        self._first_due = self._last_due = 0
        self._block_at = self._block_frames = self._block_position = 0
        self._missing = self._duplicate = self._one_short = self._late = self._unknown = 0
        self._reordered = self._unusable = 0

    @property
    def frames(self) -> int:
        """How many it was told of."""
        return self._frames

    @property
    def lacking(self) -> tuple[Sequence[int], Sequence[int]]:
        """Render times and transits of frames that lack something, of which more may come; the folds have not got them."""
        usable = self._usable
        found = [each for each in self._lacking.delays() if usable.low <= each[1] <= usable.high]
        return [due_ns for due_ns, _ in found], [transit for _, transit in found]

    def frame(self, record: FrameRecord) -> None:
        """Take the next frame."""
        (
            sequence,
            due_ns,
            due,
            distinct,
            size,
            duplicate,
            missing,
            first,
            last,
            _,
            _,
            least,
            greatest,
            transit,
            extents,
        ) = record
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
        if distinct < due:
            self._lacking.arrived(sequence, due_ns, transit)
            self._open_at[len(self._transits)] = sequence
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
            fresh = self._lacking.take(sequence, datagrams, told_apart=False)
            self._unknown += datagrams
        else:
            fresh = self._lacking.take(sequence, fresh, told_apart=True)
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
        if self._usable.low <= transit <= self._usable.high:
            self._lacking.arrived(sequence, due_ns, transit)
        self._take_late(self._lacking.whole(sequence))

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
        return deepcopy(self, {id(self._lacking): self._lacking.of_delays()}).finish()

    def finish(self) -> MediaTotals:
        """Return the totals of a stream that has ended; the fold is no more to be used."""
        self._look()
        for delayed in self._lacking.delays():
            self._take_late(delayed)
        if self._late_firsts:
            self._settle()
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
            self._take_late(self._lacking.lack(sequence, lacking))
        self._duplicate += record.duplicate
        self._take_extents(record.extents)
        if record.missing is None or lacking > 0:
            self._runs = self._runs or LossRuns()
            self._runs.lack(sequence, self._position, due, record.missing)

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
        dues, whole = self._dues, transits
        if self._open_at:
            places = [place for place in range(len(transits)) if place not in self._open_at]
            dues, whole = (array("q", [values[place] for place in places]) for values in (dues, transits))
            self._open_at = {}
        # The line is drawn before: it begins with the variation so far.
        self.drift.fold(self._dues, transits, self.variation.pdv, (dues, whole))
        self.variation.fold(transits, breaks, self._least, whole)
        self.variation.spreads(self._spreads)
        for gathered in (transits, self._dues, self._spreads):
            del gathered[:]
        self._breaks = [0] if after else []

    def _settle(self) -> None:
        """Leave out of the first frames those whose transits make no sense, and take those that have lacked something."""
        usable, firsts, breaks, transits, dues = self._usable, self._firsts, self._breaks, self._transits, self._dues
        usable.settle(transits or [transit for _, transit in self._late_firsts])
        while self._late_firsts:
            self._take_late(self._late_firsts.pop(0))
        self._transits, self._dues, self._spreads = array("q"), array("q"), array("q")
        open_at, self._open_at = self._open_at, {}
        self._breaks, self._firsts, self._least = [], [], FARTHEST
        for place, (least, greatest, spread) in enumerate(firsts):
            if place in breaks:
                self._break()
            if min(least, transits[place]) < usable.low or max(greatest, transits[place]) > usable.high:
                self._unusable += 1
                self._break()
                self._lacking.leave_out(open_at.get(place, 0))
                continue
            if place in open_at:
                self._open_at[len(self._transits)] = open_at[place]
            self._transits.append(transits[place])
            self._dues.append(dues[place])
            self._least = min(self._least, least)
            if spread is not None:
                self._spreads.append(spread)
        if len(firsts) in breaks:
            self._break()

    def _take_late(self, delayed: tuple[int, int] | None) -> None:
        """Take render time and transit of a frame that lacked something, of which nothing more can come; if anything has."""
        if delayed is None:
            return
        if not self._usable.known:
            self._late_firsts.append(delayed)
            if len(self._late_firsts) >= _TOGETHER:
                self._settle()
            return
        due_ns, transit = delayed
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
