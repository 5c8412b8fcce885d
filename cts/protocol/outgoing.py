"""A frame on its way out: a header for each of its datagrams, and payloads that are prefixes of the one pattern."""

from __future__ import annotations

from typing import overload

from cts.protocol.plan import StreamPlan
from cts.protocol.stamps import Header, header_block
from cts.protocol.trains import Train
from cts.protocol.wire import DATA_FLAG, DATA_HEADER, HEADER_SIZE, NANOSECONDS_PER_TICK, TICKS_PER_SECOND

__all__ = ["Frame"]


class Frame:
    """One frame to send.

    A datagram is one of :meth:`stamp`'s headers followed by one of ``payloads``.

    Attributes:
        sequence: its number, from 1.
        size: bytes of all its datagrams, headers included.
        due_ns: when it is to leave, in the pacer's clock.
        plan: the stream's arithmetic.
        payloads: the payload of each datagram, in order.
    """

    __slots__ = ("_free_tick", "_header", "_stamped", "due_ns", "payloads", "plan", "sequence", "size")

    def __init__(self, plan: StreamPlan, sequence: int, due_ns: int) -> None:
        self.plan = plan
        self.sequence = sequence
        self.size = plan.size_of(sequence)
        self.due_ns = due_ns
        self.payloads = plan.payloads
        self._header = bytearray(HEADER_SIZE)
        self._stamped, self._free_tick = sequence, 0

    @overload
    def stamp(self, now_ns: int) -> bytearray: ...

    @overload
    def stamp(self, now_ns: int, datagrams: int) -> Header: ...

    def stamp(self, now_ns: int, datagrams: int = 1) -> Header:
        """Return the header of the frame's next datagram, or those of the next ones, which leave together now.

        The stamps in them are what tells the datagrams of a frame apart: the first is the time of this moment, each further
        one a tick more, and none is less than or equal to one given before. Ask as late as possible before the send.

        Args:
            now_ns: the pacer's clock, nanoseconds; goes on the wire in ticks of 100 ns.
            datagrams: how many.

        Returns:
            One header, in a buffer that the next call writes anew; or a block of them, one behind the other, that stays.
        """
        tick = now_ns // NANOSECONDS_PER_TICK
        if self._stamped != self.sequence:
            self._stamped = self.sequence
        elif tick < self._free_tick:
            tick = self._free_tick
        self._free_tick = tick + datagrams
        if datagrams > 1:
            return header_block(self.sequence, tick, datagrams)
        DATA_HEADER.pack_into(self._header, 0, DATA_FLAG, self.sequence, tick, TICKS_PER_SECOND)
        return self._header

    def trains(self, segment_limit: int) -> tuple[Train, ...]:
        """Return the payloads in trains of at most ``segment_limit`` that one segmented send can carry."""
        return self.plan.trains(segment_limit)
