"""What a live view shows beside the counts, all of it bounded: delay, freezes, buffer, hosts, the worst streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from heapq import nlargest
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from attrs import evolve, frozen

from cts.metrics.glance import MediaGlance
from cts.metrics.host import HostFigures
from cts.metrics.playout import Playout

__all__ = ["STREAMS_SHOWN", "LiveFigures", "StreamGlance", "StreamOrder", "worst_of"]

STREAMS_SHOWN = 16
"""Streams that are kept for each order in which they may be shown."""


class StreamGlance(NamedTuple):
    """One stream up to now; a tuple, which is made and pickled in a fifth of the time, since there is one for each stream.

    Attributes:
        number, peer: which one, and its peer's address.
        rendered, dropped: frames with a verdict, and those of them that were not whole; 0 of a sender.
        due, missing: bytes, as in :class:`cts.metrics.loss.DueBytes`.
        unreachable: times that the network said that its peer does not get what is sent.
        jitter_ns, freezes: as in :class:`MediaGlance`; None where they are not measured.
    """

    number: int
    peer: str
    rendered: int = 0
    dropped: int = 0
    due: int = 0
    missing: int = 0
    unreachable: int = 0
    jitter_ns: int | None = None
    freezes: int | None = None

    @property
    def dropped_share(self) -> float:
        """Dropped frames of those with a verdict, 0 to 1."""
        return self.dropped / self.rendered if self.rendered else 0.0

    @property
    def missing_share(self) -> float:
        """Missing bytes of those due, 0 to 1."""
        return self.missing / self.due if self.due else 0.0


class StreamOrder(Enum):
    """By what streams are the worst."""

    DROPPED = "dropped"
    MISSING = "missing"
    JITTER = "jitter"
    FREEZES = "freezes"
    UNREACHABLE = "unreachable"


_BADNESS: Mapping[StreamOrder, Callable[[StreamGlance], float]] = {
    StreamOrder.DROPPED: lambda stream: stream.dropped_share,
    StreamOrder.MISSING: lambda stream: stream.missing_share,
    StreamOrder.JITTER: lambda stream: stream.jitter_ns or 0,
    StreamOrder.FREEZES: lambda stream: stream.freezes or 0,
    StreamOrder.UNREACHABLE: lambda stream: stream.unreachable,
}


def worst_of(streams: Iterable[StreamGlance], order: StreamOrder, at_most: int = STREAMS_SHOWN) -> list[StreamGlance]:
    """Return the worst streams, the worst first; of those that are as bad as each other the earliest."""
    badness = _BADNESS[order]
    by_number = sorted(streams, key=attrgetter("number"))
    bad = [stream for stream in by_number if badness(stream)]
    worst = nlargest(at_most, bad, key=badness)
    if len(worst) == at_most:
        return worst
    return [*worst, *islice((stream for stream in by_number if not badness(stream)), at_most - len(worst))]


@frozen(kw_only=True)
class LiveFigures:
    """What is of interest beside a snapshot's counts, while the run goes on.

    Attributes:
        streams: those that run and are the worst in any order, by number.
        media: of the streams that were looked at; None where none is measured.
        playout: the same; None also where they are of several plans.
        hosts: how this host serves each process; none in virtual time.
    """

    streams: tuple[StreamGlance, ...] = ()
    media: MediaGlance | None = None
    playout: Playout | None = None
    hosts: tuple[HostFigures, ...] = ()

    @classmethod
    def of(
        cls,
        streams: Iterable[StreamGlance],
        media: Iterable[MediaGlance | None],
        playouts: Iterable[Playout | None],
        hosts: Iterable[HostFigures] = (),
    ) -> LiveFigures:
        """Return what streams and processes come to together."""
        every = tuple(streams)
        shown = {stream.number: stream for order in StreamOrder for stream in worst_of(every, order)}
        glances = [each for each in media if each is not None]
        return cls(
            streams=tuple(shown[number] for number in sorted(shown)),
            media=sum(glances[1:], glances[0]) if glances else None,
            playout=_together(playouts),
            hosts=tuple(hosts),
        )

    def renumbered(self, numbers: Mapping[int, int]) -> LiveFigures:
        """Return the same with other numbers for streams; without those that have none."""
        known = [stream for stream in self.streams if stream.number in numbers]
        return evolve(self, streams=tuple(stream._replace(number=numbers[stream.number]) for stream in known))


def _together(playouts: Iterable[Playout | None]) -> Playout | None:
    total: Playout | None = None
    for playout in playouts:
        if playout is not None:
            try:
                total = playout if total is None else total + playout
            except ValueError:  # of several plans
                return None
    return total
