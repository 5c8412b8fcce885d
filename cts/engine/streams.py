"""All streams of one side of a run: numbered, run, counted, told of. One stream's failure is its result and nobody else's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import attrs

from cts.api import (
    Address,
    Histogram,
    IConnectedSocket,
    IPacer,
    Outcome,
    RenderedFrame,
    Role,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.connected_socket import bits_per_second, failure_result
from cts.errors import PluginFailure
from cts.records.observer import Observer
from cts.records.results import UNKNOWN_CONNECTION_ID
from cts.records.snapshots import StreamInfo

__all__ = ["RESULTS_KEPT", "Streams"]

RESULTS_KEPT = 10_000
"""Results kept for the summary; a server that runs for months forgets the oldest, never their counts."""


class Streams:
    """The streams of one side.

    Args:
        pacer: the run's clock.
        began_ns: when the run began.
        observer: told of every stream.
    """

    def __init__(self, pacer: IPacer, began_ns: int, observer: Observer) -> None:
        self._pacer = pacer
        self._began_ns = began_ns
        self._observer = observer
        self._opened = 0
        self._open: dict[int, IConnectedSocket] = {}
        self._ended_counts = StreamSnapshot()
        self.send_lateness = Histogram()
        self.outcomes: Counter[Outcome] = Counter()
        self.results: deque[StreamResult] = deque(maxlen=RESULTS_KEPT)

    @property
    def open(self) -> int:
        """Streams that run now."""
        return len(self._open)

    @property
    def results_omitted(self) -> int:
        """Results that were forgotten."""
        return sum(self.outcomes.values()) - len(self.results)

    def announce(self, local: Address, remote: Address, role: Role) -> StreamInfo:
        """Number a stream that is about to run and tell the observer."""
        self._opened += 1
        info = StreamInfo(self._opened, local, remote, role, self._pacer.now_ns() - self._began_ns)
        self._observer.stream_opened(info)
        return info

    def frame_observer(self, info: StreamInfo) -> Callable[[RenderedFrame], None] | None:
        """Return what a receiver is to tell of each rendered frame; None if nobody wants to know."""
        if not self._observer.wants_frames or info.role is not Role.RECEIVER:
            return None
        return lambda frame: self._observer.frame_rendered(info, frame)

    async def run(self, info: StreamInfo, socket: IConnectedSocket) -> StreamResult:
        """Run a stream to its end, and record its result even if it is cancelled on the way."""
        self._open[info.number] = socket
        result: StreamResult | None = None
        try:
            result = await socket.run()
        except (OSError, PluginFailure) as error:
            result = self._result(
                info, *failure_result(error), socket.observe(self._pacer.now_ns()), socket.connection_id
            )
        finally:
            del self._open[info.number]
            if result is None:
                result = self._cut_short(info, socket)
            if (lateness := socket.send_lateness) is not None:
                self.send_lateness.add(lateness)
                result = attrs.evolve(result, send_lateness=lateness.percentiles())
            self._record(info, result)
        return result

    def fail(self, info: StreamInfo, error: Exception) -> None:
        """Record a stream that could not even begin."""
        outcome, text = failure_result(error)
        self._record(info, self._result(info, outcome, text, StreamSnapshot(), None))

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return the totals of all streams, with everything that happened before ``now_ns`` in them."""
        total = self._ended_counts
        for socket in list(self._open.values()):
            total += socket.observe(now_ns)
        return total

    def _cut_short(self, info: StreamInfo, socket: IConnectedSocket) -> StreamResult:
        counts = socket.observe(self._pacer.now_ns())
        return self._result(info, Outcome.CANCELLED, "Cancelled", counts, socket.connection_id)

    def _result(
        self, info: StreamInfo, outcome: Outcome, text: str, counts: StreamSnapshot, connection_id: str | None
    ) -> StreamResult:
        now_ns = self._pacer.now_ns()
        started_ns = self._began_ns + info.opened_ns
        return StreamResult(
            connection_id=connection_id or UNKNOWN_CONNECTION_ID,
            local=info.local,
            remote=info.remote,
            role=info.role,
            outcome=outcome,
            result=text,
            started_ns=started_ns,
            ended_ns=now_ns,
            bits_per_second=bits_per_second(counts.bytes_received + counts.bytes_sent, now_ns - started_ns),
            counts=counts,
        )

    def _record(self, info: StreamInfo, result: StreamResult) -> None:
        self._ended_counts += result.counts
        self.outcomes[result.outcome] += 1
        self.results.append(result)
        self._observer.stream_ended(info, result)
