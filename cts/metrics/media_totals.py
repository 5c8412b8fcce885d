"""All media metrics of a stream, or the sum of many."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from attrs import field, frozen

from cts.metrics.clock_drift import DriftTotals
from cts.metrics.confidence import BlockSums
from cts.metrics.counters import Totals
from cts.metrics.datagrams import DatagramTotals
from cts.metrics.delay_variation import DelayVariationTotals
from cts.metrics.loss_runs import LossRunTotals
from cts.metrics.reordering import Reordering
from cts.metrics.viewing import ViewingTotals

__all__ = ["MediaTotals"]


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
