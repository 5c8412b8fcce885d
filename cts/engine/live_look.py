"""What a live view is shown of the streams that run: looked up once a second, a few microseconds a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice

from attrs import define, field

from cts.api import Histogram, Role
from cts.engine.streams import OpenStream, Streams
from cts.metrics.glance import MediaGlance, glance_of_ended
from cts.metrics.host import HostFigures
from cts.metrics.media import MediaTotals
from cts.metrics.playout import Playout
from cts.records.live import LiveFigures, StreamGlance
from cts.records.observer import Observer
from cts.units import SECOND

__all__ = ["LiveLook", "LookAtHost", "status_parts"]

LOOKED_AT = 8
"""Streams whose delay and playout are looked at, those that have run longest."""
_AT_A_TIME = 2
"""How many of them in one go: a look takes up to a millisecond, in which no frame leaves."""

LookAtHost = Callable[[int, Histogram], HostFigures]
"""Returns how this host serves the run, given how often a receive buffer was full, and how late frames left."""


def status_parts(interval_ns: int, observer: Observer) -> int:
    """Return into how many parts a status interval is cut, so that who redraws is told every second at the least."""
    return -(-interval_ns // SECOND) if observer.redraws else 1


@define(eq=False)
class LiveLook:
    """Looks at the measured streams of a session.

    Attributes:
        at_host: looks at the host; None where there is none, as in virtual time.
    """

    at_host: LookAtHost | None = None
    _seen: dict[OpenStream, tuple[MediaGlance, Playout | None]] = field(factory=dict, init=False)

    def figures(self, measured: Collection[Streams], sides: Collection[Streams], overflowed: int) -> LiveFigures:
        """Return what is known now.

        Args:
            measured: the measured sides, whose counts have just been taken.
            sides: all sides.
            overflowed: datagrams that the kernel dropped for want of receive-buffer space.
        """
        self._look(measured)
        ended = [(_glance_of_ended(each.measuring.metrics), each.measuring.playout) for each in measured]
        media, playouts = zip(*ended, *self._seen.values(), strict=True)
        hosts = []
        if self.at_host is not None:
            receives = any(each.role is Role.RECEIVER for each in sides)
            hosts.append(self.at_host(overflowed if receives else 0, _send_lateness(sides)))
        return LiveFigures.of(_glances(measured), media, playouts, hosts)

    def _look(self, measured: Iterable[Streams]) -> None:
        """Look again at those that were looked at longest ago."""
        running = chain.from_iterable(streams.seen.items() for streams in measured)
        followed = dict(islice((each for each in running if each[0].measures is not None), LOOKED_AT))
        for stream in [each for each in self._seen if each not in followed]:
            del self._seen[stream]
        new = [each for each in followed if each not in self._seen]
        for stream in [*new, *self._seen][:_AT_A_TIME]:
            self._seen.pop(stream, None)
            if stream.measures is not None:
                self._seen[stream] = stream.measures.glance(followed[stream])


def _glance_of_ended(metrics: MediaTotals | None) -> MediaGlance | None:
    return None if metrics is None else glance_of_ended(metrics.streams, metrics.drift.pdv, metrics.viewing)


def _glances(measured: Iterable[Streams]) -> Iterator[StreamGlance]:
    for stream, counts in chain.from_iterable(streams.seen.items() for streams in measured):
        measures = stream.measures
        yield StreamGlance(
            number=stream.info.number,
            peer=str(stream.info.remote),
            rendered=counts.frames.rendered,
            dropped=counts.frames.dropped,
            due=counts.due.due,
            missing=counts.due.missing,
            unreachable=counts.unreachable,
            jitter_ns=None if measures is None else measures.jitter_ns,
            freezes=None if measures is None else measures.freezes,
        )


def _send_lateness(sides: Iterable[Streams]) -> Histogram:
    """Return how late frames left, of streams that have ended and of a few that run."""
    total = Histogram.of(streams.send_lateness for streams in sides)
    for streams in sides:
        for stream, _ in zip(streams.seen, range(LOOKED_AT), strict=False):
            if (lateness := stream.socket.send_lateness) is not None:
                total.add(lateness)
    return total
