"""Which places in a frame its missing datagrams have, as far as the stamps of those that came tell it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cts.metrics.frame_record import Ranges
from cts.protocol.distinct import Arrived

__all__ = ["missing_of"]


def missing_of(arrived: Arrived, sizes: Sequence[int]) -> Ranges | None:
    """Return the places, from 0, of the datagrams that have not come; None where the stamps do not tell.

    They tell where they are consecutive: what lies between two that came was sent. What is missing beyond the first and the
    last that came is placed by the frame's last datagram, if that is shorter: where it came, the rest is missing in front.
    Otherwise it counts as missing behind.

    Args:
        arrived: what has come of the frame.
        sizes: the bytes of each of its datagrams.
    """
    due, came, ranges = len(sizes), arrived.distinct, arrived.ranges
    if not came:
        return ((0, due - 1),)
    if came > due or (came == due and arrived.distinct_size != sum(sizes)):
        return None
    first, last = ranges[0][0], ranges[-1][1]
    beyond = due - (last - first + 1)
    if came == due:
        return ()
    if beyond < 0:
        return None
    # Of a run of equal datagrams only the shorter last one can make this much of a difference.
    last_came = sizes[-1] < sizes[0] and came * sizes[0] - arrived.distinct_size >= sizes[0] - sizes[-1]
    begins = beyond if last_came else 0
    missing: list[tuple[int, int]] = [(0, begins - 1)] if begins else []
    missing += [
        (before + 1 - first + begins, after - 1 - first + begins) for (_, before), (after, _) in pairwise(ranges)
    ]
    if beyond and not last_came:
        missing.append((due - beyond, due - 1))
    return tuple(missing)
