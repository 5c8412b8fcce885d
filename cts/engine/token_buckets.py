"""Rates of what anybody may send: token buckets in the form of ITU-T I.371's virtual scheduling (GCRA), one number each."""

from __future__ import annotations

from collections import OrderedDict

from cts.units import SECOND

__all__ = ["TokenBuckets"]


class TokenBuckets:
    """A bucket for each key, in a table that has room for so many: the one that was looked at longest ago gives way.

    A bucket that gave way is full again for its key, as it is for one that was never seen: nobody is kept out by others'
    buckets. O(1).

    Args:
        per_second: tokens that a bucket gains in a second.
        burst: tokens that it holds at most.
        at_most: buckets that are kept.
    """

    def __init__(self, per_second: int, burst: int, at_most: int) -> None:
        self._per_second = per_second
        # Times are counted in so many parts of a nanosecond that the interval between two tokens is whole.
        self._tolerance = (burst - 1) * SECOND
        self._at_most = at_most
        # When each bucket is full again. To look for the first key of a dict takes longer the more were taken out before it.
        self._full_at: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: int, now_ns: int) -> bool:
        """Take a token out of a key's bucket; False if there is none. Time that goes backwards gains nothing."""
        now = now_ns * self._per_second
        buckets = self._full_at
        full_at = buckets.get(key)
        if full_at is not None:
            buckets.move_to_end(key)
        elif len(buckets) >= self._at_most:
            buckets.popitem(last=False)
        if full_at is None or full_at < now:
            full_at = now
        taken = full_at - now <= self._tolerance
        buckets[key] = full_at + SECOND if taken else full_at
        return taken
