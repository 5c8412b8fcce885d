"""Whether a server lets peers wait only while others have its slots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from cts.verification.compare import StreamRow
from cts.verification.differences import Difference
from cts.verification.status import HELD_NS

__all__ = ["waited_too_long"]


def waited_too_long(
    rows: Sequence[StreamRow], waits: Sequence[tuple[int, int, int]], tolerance_ns: int
) -> Iterator[Difference]:
    """Yield what differs: a stream that began late though nobody was in its way.

    Args:
        rows: all streams.
        waits: client, when it asked, and when the server began its stream.
        tolerance_ns: how far times of truth and run may lie apart.
    """
    lives = sorted((row.opened_ns, row.ended_ns) for row in rows)
    opened = [opened_ns for opened_ns, _ in lives]
    busy_until = list(accumulate((ended_ns for _, ended_ns in lives), max))
    for client, asked_ns, answered_ns in waits:
        before = bisect_right(opened, asked_ns)
        if before and asked_ns <= busy_until[before - 1] + tolerance_ns + HELD_NS:
            continue
        number = next(row.stream for row in rows if (row.client, row.opened_ns) == (client, answered_ns))
        yield Difference("time_ns of stream_opened", number, client, None, asked_ns, answered_ns)
