"""A path that is too narrow, told from one that loses by chance.

A queue that never empties before a link of a fixed rate shows in two ways at once. Delay stands where the full queue holds
it, so that half of all frames take nearly as long as the slowest. And what gets through is the same in each stretch of time:
chance that takes a share p of n datagrams would take n p give or take sqrt(n p (1 - p)), a full queue takes what is too much.
Both must show.

Where a host hands frames over whole (UDP_SEGMENT) a queue may take all of a frame or nothing: then frames, not datagrams,
are what chance would take.
"""

from __future__ import annotations

from collections.abc import Sequence
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
"""Datagrams, or frames, lost in each block, on average, at least: of fewer all that is steady is their being few."""
_PLATEAU = 0.8
"""Share of the 99th percentile of delay variation that its median must be; of normal jitter it is 0.7 at most."""
_LEAST_QUEUE_NS = 10 * MILLISECOND
_WHOLE = 0.95
"""Share of what frames lacked that were not whole, of all of them, from which on they were lost whole."""

_Blocks = tuple[Sequence[int], Sequence[int]]
"""What was due in each block of time, and what of it was lost."""


def full_queue_ns(blocks: BlockSums, variation: DelayVariationTotals, *, late: bool = False) -> int | None:
    """Return how much longer frames took than the fastest behind a queue that stayed full; None where nothing bears that out.

    Args:
        blocks: what was due and what was lost, by time.
        variation: of delay, over the same time.
        late: whether data came too late: then the last of it came after the end, and is lost to who had stopped listening.
    """
    queue_ns = _plateau(variation.pdv)
    datagrams, frames = _behind_a_full_queue(blocks, (queue_ns or 0) if late else 0)
    # Of frames that are seldom there may be none in between.
    if queue_ns is None or not any(datagrams[0]):
        return None
    whole_frames = _folded(*frames) if _lost_by_frames(datagrams, frames) else ([], [])
    return queue_ns if _is_steady(*datagrams) or _is_steady(*whole_frames) else None


def _behind_a_full_queue(blocks: BlockSums, end_ns: int) -> tuple[_Blocks, _Blocks]:
    """Return how many datagrams, and frames, were due and lost by block, without those in which the queue fills.

    Args:
        blocks: all.
        end_ns: of the time before the last block, what does not count either.
    """
    totals, lost = blocks.datagrams()
    frames, played = blocks.frames()
    usual = median(lost) if lost else 0
    first = next((place for place, count in enumerate(lost) if 2 * count > usual), len(lost))
    # The last one is a part.
    shift, _, _ = blocks.parts()
    behind = slice(first + 1, -1 - (-(-end_ns >> shift)))
    not_played = [all_of - part for all_of, part in zip(frames, played, strict=True)]
    return (totals[behind], lost[behind]), (frames[behind], not_played[behind])


def _lost_by_frames(datagrams: _Blocks, frames: _Blocks) -> bool:
    """Tell whether frames were lost whole: a host hands one over in one piece, and a queue takes all of that or nothing."""
    (due, lost), (due_frames, lost_frames) = (tuple(map(sum, each)) for each in (datagrams, frames))
    return 0 < lost_frames * due * _WHOLE <= lost * due_frames


def _folded(totals: Sequence[int], lost: Sequence[int]) -> _Blocks:
    """Return longer blocks, so long that enough was lost in each; without those that are left over."""
    together = max(1, -(-_LEAST_LOST * len(lost) // max(1, sum(lost))))
    starts = range(0, len(lost) - together + 1, together)
    all_of, part = ([sum(each[at : at + together]) for at in starts] for each in (totals, lost))
    return all_of, part


def _is_steady(totals: Sequence[int], lost: Sequence[int]) -> bool:
    """Tell whether what was lost of all that was due in each block is steadier than chance."""
    if len(totals) < _BLOCKS:
        return False
    share = sum(lost) / sum(totals)
    by_chance = sum(totals) * share * (1 - share)
    strays = sum((count - share * total) ** 2 for total, count in zip(totals, lost, strict=True))
    steady = strays * len(totals) <= _STEADIER * by_chance * (len(totals) - 1)
    return steady and share < 1 and sum(lost) >= _LEAST_LOST * len(totals)


def _plateau(pdv: Distribution) -> int | None:
    """Return the delay variation that frames stay at; None where they do not."""
    half, most = pdv.percentile(50), pdv.percentile(99)
    if half is None or most is None or half < max(_LEAST_QUEUE_NS, _PLATEAU * most):
        return None
    return half
