"""Searching for the greatest load that holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

__all__ = ["greatest_that_holds"]


async def greatest_that_holds(
    holds: Callable[[int], Awaitable[bool]], first: int, least: int, most: int, *, closeness: float = 1.15
) -> int:
    """Return the greatest load found to hold, 0 if not even ``least`` does.

    Doubles from ``first`` until a load fails (or halves until one holds), then bisects until the least that failed is no more
    than ``closeness`` times the greatest that held. A load counts as holding only if it holds twice.

    Args:
        holds: tries a load.
        first, least, most: where to begin, and the bounds.
        closeness: a ratio, greater than 1.
    """

    async def twice(load: int) -> bool:
        return await holds(load) and await holds(load)

    low, high = 0, 0
    load = first
    while not high or not low:
        if await twice(load):
            low = load
            if load >= most:
                return low
            load = min(2 * load, most)
        else:
            high = load
            if load <= least:
                return low
            load = max(load // 2, least)
    while high - low > 1 and high > low * closeness:
        load = (low + high) // 2
        if await twice(load):
            low = load
        else:
            high = load
    return low
