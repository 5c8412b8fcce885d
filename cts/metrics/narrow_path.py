"""A path that is too narrow, told from one that loses by chance.

A queue that never empties before a link of a fixed rate shows in two ways at once. Delay stands where the full queue holds
it, so that half of all frames take nearly as long as the slowest. And what gets through is the same in each stretch of time:
chance that takes a share p of n datagrams would take n p give or take sqrt(n p (1 - p)), a full queue takes what is too much.
Both must show.
"""

from __future__ import annotations

from statistics import median

from cts.metrics.confidence import BlockSums
from cts.metrics.delay_variation import DelayVariationTotals
from cts.metrics.distribution import Distribution
from cts.units import MILLISECOND

__all__ = ["full_queue_ns"]

_BLOCKS = 16
"""Blocks of time at least: of fewer chance is too often as steady."""
_STEADIER = 0.25
"""Share of the variance that chance would have which there may be: of 16 blocks chance is as steady once in 500 times."""
_LEAST_LOST = 5
"""Datagrams lost in each block, on average, at least: of fewer all that is steady is their being few."""
_PLATEAU = 0.8
"""Share of the 99th percentile of delay variation that its median must be; of normal jitter it is 0.7 at most."""
_LEAST_QUEUE_NS = 10 * MILLISECOND


def full_queue_ns(blocks: BlockSums, variation: DelayVariationTotals) -> int | None:
    """Return how much longer frames took than the fastest behind a queue that stayed full; None where nothing bears that out.

    Args:
        blocks: what was due and what was lost, by time.
        variation: of delay, over the same time.
    """
    queue_ns = _plateau(variation.pdv)
    totals, lost = blocks.datagrams()
    usual = median(lost) if lost else 0
    first = next((place for place, count in enumerate(lost) if 2 * count > usual), len(lost))
    # Up to there the queue fills, and the last one is a part.
    totals, lost = totals[first + 1 : -1], lost[first + 1 : -1]
    # Of frames that are seldom there may be none in between.
    if queue_ns is None or len(totals) < _BLOCKS or not any(totals):
        return None
    share = sum(lost) / sum(totals)
    by_chance = sum(totals) * share * (1 - share)
    strays = sum((count - share * total) ** 2 for total, count in zip(totals, lost, strict=True))
    steady = strays * len(totals) <= _STEADIER * by_chance * (len(totals) - 1)
    return queue_ns if steady and share < 1 and sum(lost) >= _LEAST_LOST * len(totals) else None


def _plateau(pdv: Distribution) -> int | None:
    """Return the delay variation that frames stay at; None where they do not."""
    half, most = pdv.percentile(50), pdv.percentile(99)
    if half is None or most is None or half < max(_LEAST_QUEUE_NS, _PLATEAU * most):
        return None
    return half
