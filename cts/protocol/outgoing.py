"""A frame on its way out: one header for all of its datagrams, and payloads that are prefixes of the one pattern."""

from __future__ import annotations

from cts.protocol.plan import StreamPlan
from cts.protocol.trains import Train
from cts.protocol.wire import DATA_FLAG, DATA_HEADER, HEADER_SIZE, NANOSECONDS_PER_TICK, TICKS_PER_SECOND

__all__ = ["Frame"]


class Frame:
    """One frame to send.

    A datagram is :meth:`stamp`'s header followed by one of ``payloads``. Each may be stamped anew; the header is one buffer,
    rewritten by each call.

    Attributes:
        sequence: its number, from 1.
        size: bytes of all its datagrams, headers included.
        due_ns: when it is to leave, in the pacer's clock.
        plan: the stream's arithmetic.
        payloads: the payload of each datagram, in order.
    """

    __slots__ = ("_header", "due_ns", "payloads", "plan", "sequence", "size")

    def __init__(self, plan: StreamPlan, sequence: int, due_ns: int) -> None:
        self.plan = plan
        self.sequence = sequence
        self.size = plan.size_of(sequence)
        self.due_ns = due_ns
        self.payloads = plan.payloads
        self._header = bytearray(HEADER_SIZE)

    def stamp(self, now_ns: int) -> bytearray:
        """Return the header with the time of this moment in it; ask as late as possible before the send.

        Args:
            now_ns: the pacer's clock, nanoseconds; goes on the wire in ticks of 100 ns.
        """
        DATA_HEADER.pack_into(
            self._header, 0, DATA_FLAG, self.sequence, now_ns // NANOSECONDS_PER_TICK, TICKS_PER_SECOND
        )
        return self._header

    def trains(self, segment_limit: int) -> tuple[Train, ...]:
        """Return the payloads in trains of at most ``segment_limit`` that one segmented send can carry."""
        return self.plan.trains(segment_limit)
