"""What a live view is shown of the streams that run: looked up once a second, a few microseconds a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from operator import itemgetter

from attrs import define, field

from cts.api import Histogram, Role, StreamSnapshot
from cts.engine.open_streams import OpenStream
from cts.engine.streams import Streams
from cts.metrics.glance import MediaGlance, glance_of_ended
from cts.metrics.host import HostFigures
from cts.metrics.media_totals import MediaTotals
from cts.metrics.playout import Playout
from cts.records.live import STREAMS_SHOWN, LiveFigures, StreamGlance
from cts.records.observer import Observer
from cts.units import SECOND

__all__ = ["LiveLook", "LookAtHost", "status_parts"]

LOOKED_AT = 8
"""Streams whose delay and playout are looked at, those that have run longest."""
_AT_A_TIME = 2
"""How many of them each time: a look takes up to a millisecond."""
_GLANCES_AT_A_TIME = 128
_HOST_EVERY_NS = 5 * SECOND
"""How often it is looked at how the host serves the run, once it has gone on for so long: what is told is of the whole run."""

_NEARLY_NS = SECOND // 10
"""By so much a look may be early: none comes at the very moment of a second."""

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
        figures: what was known when it had been looked at last.
    """

    at_host: LookAtHost | None = None
    figures: LiveFigures = field(factory=LiveFigures, init=False)
    _seen: dict[OpenStream, tuple[MediaGlance, Playout | None]] = field(factory=dict, init=False)
    _host_due_ns: int = field(default=0, init=False)
    _began_ns: int | None = field(default=None, init=False)

    def take(
        self, measured: Collection[Streams], sides: Collection[Streams], overflowed: int, now_ns: int
    ) -> Iterator[None]:
        """Look anew, in steps: whoever takes one lets frames leave before the next one.

        Args:
            measured: the measured sides, whose streams have just been looked at.
            sides: all sides.
            overflowed: datagrams that the kernel dropped for want of receive-buffer space.
            now_ns: what the time is.
        """
        yield from self._look(measured)
        glances: list[StreamGlance] = []
        for streams in measured:
            in_order: list[tuple[int, OpenStream, StreamSnapshot]] = []
            for number, stream in enumerate(list(streams.running.seen)):
                if number % _GLANCES_AT_A_TIME == 0:
                    yield
                if (counts := streams.running.seen.get(stream)) is None:
                    continue
                if _has_trouble(stream, counts):
                    glances.append(_glance(stream, counts))
                else:
                    in_order.append((stream.info.number, stream, counts))
            # Of those that are as good as each other the earliest are shown.
            earliest = nsmallest(STREAMS_SHOWN, in_order, key=itemgetter(0))
            glances += [_glance(stream, counts) for _, stream, counts in earliest]
        hosts: Sequence[HostFigures] = self.figures.hosts
        if self.at_host is not None and now_ns >= self._host_due_ns:
            hosts = yield from self._look_at_host(self.at_host, sides, overflowed, now_ns)
        ended = [(_glance_of_ended(each.measuring.metrics), each.measuring.playout) for each in measured]
        for stream in [each for each in self._seen if not any(each in streams.running.seen for streams in measured)]:
            # It has ended since.
            del self._seen[stream]
        parts = [*ended, *self._seen.values()]
        media, playouts = (part[0] for part in parts), (part[1] for part in parts)
        self.figures = LiveFigures.of(glances, media, playouts, hosts)

    def look_at_host_again(self) -> None:
        """Have the next look be one at the host, too: it will be the last."""
        self._host_due_ns = 0

    def _look_at_host(
        self, look: LookAtHost, sides: Collection[Streams], overflowed: int, now_ns: int
    ) -> Generator[None, None, Sequence[HostFigures]]:
        if self._began_ns is None:
            self._began_ns = now_ns
        self._host_due_ns = now_ns + max(SECOND, min(now_ns - self._began_ns, _HOST_EVERY_NS)) - _NEARLY_NS
        # All in one step: to begin another one costs more than to add a few more.
        lateness = Histogram.of([*(streams.send_lateness for streams in sides), *_send_lateness(sides)])
        yield
        receives = any(each.role is Role.RECEIVER for each in sides)
        host = look(overflowed if receives else 0, lateness)
        yield
        return [host]

    def _look(self, measured: Iterable[Streams]) -> Iterator[None]:
        """Look again at those that were looked at longest ago."""
        running = (
            (stream, streams) for streams in measured for stream in streams.running.seen if stream.measures is not None
        )
        followed = dict(islice(running, LOOKED_AT))
        for stream in [each for each in self._seen if each not in followed]:
            del self._seen[stream]
        new = [each for each in followed if each not in self._seen]
        for stream in [*new, *self._seen][:_AT_A_TIME]:
            yield
            self._seen.pop(stream, None)
            if stream.measures is not None and (counts := followed[stream].running.seen.get(stream)) is not None:
                self._seen[stream] = stream.measures.glance(counts)


def _glance_of_ended(metrics: MediaTotals | None) -> MediaGlance | None:
    return None if metrics is None else glance_of_ended(metrics.streams, metrics.drift.pdv, metrics.viewing)


def _has_trouble(stream: OpenStream, counts: StreamSnapshot) -> bool:
    """Tell whether there is anything by which a stream can be worse than others."""
    measures = stream.measures
    if counts.frames.dropped or counts.due.missing or counts.unreachable:
        return True
    return measures is not None and bool(measures.jitter_ns or measures.freezes)


def _glance(stream: OpenStream, counts: StreamSnapshot) -> StreamGlance:
    measures = stream.measures
    return StreamGlance(
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


def _send_lateness(sides: Iterable[Streams]) -> Iterator[Histogram]:
    """Yield how late frames left of a few streams that run."""
    for streams in sides:
        for stream in list(islice(streams.running.seen, _AT_A_TIME)):
            if (lateness := stream.socket.send_lateness) is not None:
                yield lateness
