"""What is known of a stream's frames, as values: everything that metrics, events and the playout sweep are made of.

The receiving side makes them, live metrics and the events log take them as they come, and ``cts replay`` reads them back, so
that what is computed from them later is what was computed at once. Times are in the run's clock, nanoseconds; a transit is the
receive time minus the sender's stamp, whose clock has another origin, so only its differences mean anything.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LACKING_REMEMBERED", "FrameRecord", "MissedRecord", "Ranges"]

LACKING_REMEMBERED = 1024
"""Frames that lacked something at their render time of which it is remembered what, at most: the last ones. What comes late of
one before them is not known to be new."""

Ranges = tuple[tuple[int, int], ...]
"""Positions as inclusive ranges, ascending, none touching the next."""


class FrameRecord(NamedTuple):
    """A frame at its render time (a tuple, since one is made for every frame).

    Attributes:
        sequence: its number, from 1.
        due_ns: its render time.
        due: datagrams that make it.
        distinct: how many of them came on time.
        distinct_size: their bytes, each datagram counted once.
        duplicate: datagrams that came on time and had come before.
        missing: positions, from 0, of datagrams that did not come on time. None where the stamps do not tell which:
            then ``distinct`` is an upper bound and ``duplicate`` counts what was more than due.
        first_ns, last_ns: when the first and the last of what came on time arrived; None if nothing did.
        whole_ns: when every datagram of it had come once; None if that did not happen in time.
        again_ns: when first something came that had come before; None if nothing did.
        least_transit_ns, greatest_transit_ns: of its datagrams; None if none came.
        transit_ns: of the one that arrived last.
        extents: of each datagram that arrived behind one sent later, how many places behind (RFC 4737, section 4.2.3).
    """

    sequence: int
    due_ns: int
    due: int
    distinct: int
    distinct_size: int
    duplicate: int
    missing: Ranges | None
    first_ns: int | None
    last_ns: int | None
    whole_ns: int | None
    again_ns: int | None
    least_transit_ns: int | None
    greatest_transit_ns: int | None
    transit_ns: int | None
    extents: tuple[int, ...] = ()


class MissedRecord(NamedTuple):
    """Datagrams of one frame that arrived together and did not count for it, since its render time had passed.

    Attributes:
        sequence: the frame's number.
        received_ns: when they arrived.
        late_ns: how long after the render time.
        datagrams, size: how many, and their bytes together.
        fresh: how many had not come before; None where that is not known.
        missing: what of the frame is still missing; None where that is not known.
        whole: whether the frame has now come whole, with them.
        again: whether something of it has now come a second time, which it had not before.
        transit_ns: of the last of them.
        extents: as a frame's.
    """

    sequence: int
    received_ns: int
    late_ns: int
    datagrams: int
    size: int
    fresh: int | None
    missing: Ranges | None
    whole: bool
    again: bool
    transit_ns: int
    extents: tuple[int, ...] = ()
