"""The streams of one side that run now, and how they stand: looked at a few at a time, so that frames may leave in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import trio
from attrs import define, field, frozen

from cts.api import IConnectedSocket, IPacer, Role, StreamSnapshot
from cts.metrics.counters import total_of
from cts.protocol.control.acceptor import Accepted
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.greeting import Opening
from cts.records.measures import StreamMeasures
from cts.records.snapshots import StreamInfo
from cts.units import MILLISECOND

__all__ = ["OpenStream", "OpenStreams"]

_LOOKED_AT_A_TIME, _ADDED_AT_A_TIME = 16, 64
"""Streams that are looked at, and whose counts are added up, in one go: that takes as long as a few frames take to be sent."""
_LOOKED_AT_FOR_NS = MILLISECOND // 2
"""So long at most where much has arrived that nobody had read, but for the stream that is looked at then."""


@frozen(eq=False)
class OpenStream:
    """A stream that was made and told of, to be run; ``running`` ends it alone.

    Attributes:
        opening: how it begins by HELLO; None for START.
    """

    info: StreamInfo
    socket: IConnectedSocket = field(repr=False)
    measures: StreamMeasures | None = field(default=None, repr=False)
    opening: Opening | None = field(default=None, repr=False)
    running: trio.CancelScope = field(factory=trio.CancelScope, repr=False, init=False)

    @property
    def welcome(self) -> bytes | None:
        """What its peer was answered that asked for it by HELLO; None for a client's, and for START."""
        return self.opening.answer if isinstance(self.opening, Accepted) else None

    @property
    def gives_way(self) -> bool:
        """Whether it ends where its peer asks for another one: a receiver renders what it has to its end."""
        return self.info.role is Role.SENDER

    def give_way(self) -> None:
        """End it for another one of its peer, if it does."""
        if self.gives_way:
            self.running.cancel()

    @property
    def gave_way(self) -> bool:
        """Whether that is why it ended."""
        return self.running.cancelled_caught and not isinstance(self.opening, ClientHandshake)

    def ask_no_more(self, now_ns: int) -> None:
        """End it if it is still being asked for by HELLO; one whose data comes runs, though its WELCOME be lost."""
        opening = self.opening
        if isinstance(opening, ClientHandshake) and opening.pending and not self.socket.observe(now_ns).bytes_received:
            self.running.cancel()


@define(eq=False)
class OpenStreams:
    """Those of one side, in the order of opening.

    Attributes:
        seen: those that run still of the ones that were looked at last, and their counts then.
    """

    seen: dict[OpenStream, StreamSnapshot] = field(factory=dict, init=False)
    # A number is a stream's, of which a server may have two ends at a time.
    _open: dict[OpenStream, None] = field(factory=dict, init=False)
    _looked_ahead: list[tuple[Sequence[OpenStream], StreamSnapshot]] = field(factory=list, init=False)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open)

    def all(self) -> list[OpenStream]:
        """Return them all."""
        return list(self._open)

    def add(self, stream: OpenStream) -> None:
        """Take one in, unless it is here."""
        self._open[stream] = None

    def remove(self, stream: OpenStream) -> None:
        """Forget one that has ended."""
        del self._open[stream]
        self.seen.pop(stream, None)

    def ask_no_more(self, now_ns: int) -> None:
        """End those that still ask for their stream by HELLO, or wait for a place: nothing of them runs that could end well."""
        for stream in self.all():
            stream.ask_no_more(now_ns)

    def look(self, role: Role, pacer: IPacer) -> Iterator[None]:
        """Look at every one, in steps: whoever takes a step lets frames leave before the next one.

        It also makes known what has arrived and nobody has read yet, and what follows from that follows.

        Args:
            role: which part they play.
            pacer: says what the time is.
        """
        self.seen, self._looked_ahead = {}, []
        looked_at, began_ns = _LOOKED_AT_A_TIME, 0
        for stream in self.all():
            if looked_at >= _LOOKED_AT_A_TIME or pacer.now_ns() - began_ns > _LOOKED_AT_FOR_NS:
                yield
                looked_at, began_ns = 0, pacer.now_ns()
            if stream in self._open:
                self.seen[stream] = stream.socket.observe(pacer.now_ns())
            looked_at += 1
        # What a receiver counts has to be what it has told of its frames, of which it may tell more until then.
        if role is Role.SENDER:
            yield from self._add_up()

    def counts(self, now_ns: int) -> list[StreamSnapshot]:
        """Return what adds up to the counts of all, directly after :meth:`look`: as they were then, where they send.

        Where they receive, as they stand, since they have to be those of what has been told of. What has arrived since the look
        is not read for it: that would take the longer the more it is, and a host that cannot keep up would do nothing else.
        """
        ahead = [(some, total) for some, total in self._looked_ahead if all(each in self._open for each in some)]
        self._looked_ahead = []
        known = {stream for some, _ in ahead for stream in some}
        others = [stream.socket.counts(now_ns) for stream in self.all() if stream not in known]
        return [*(total for _, total in ahead), *others]

    def _add_up(self) -> Iterator[None]:
        ahead: list[tuple[Sequence[OpenStream], StreamSnapshot]] = []
        seen = iter(list(self.seen.items()))
        while some := dict(islice(seen, _ADDED_AT_A_TIME)):
            yield
            ahead.append((list(some), total_of(list(some.values()))))
        self._looked_ahead = ahead
