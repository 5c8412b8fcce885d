"""What is known when a run is over."""

from __future__ import annotations

from attrs import field, frozen

from cts.metrics.histogram import Histogram
from cts.protocol.roles import Direction
from cts.records.results import StreamResult
from cts.records.snapshots import Outcome, RunSnapshot

__all__ = ["RunReport"]


@frozen(kw_only=True)
class RunReport:
    """What is known when a run is over.

    Attributes:
        role: ``loopback``, ``server`` or ``client``.
        direction: which way frames went.
        began_ns: the run's beginning, in the run's clock, which the results' times are in.
        elapsed_ns: how long it took, nanoseconds.
        snapshot: the final counts.
        results: the streams that ended, in the order of ending; there may be fewer than there were streams.
        streams_omitted: streams that ended and are not in ``results``.
        interrupted: whether somebody stopped it.
        send_lateness: how late frames were sent, nanoseconds after they were due; empty where nothing was sent.
        failures: what went wrong with the run itself, such as a process of it that died.
    """

    role: str
    direction: Direction
    began_ns: int
    elapsed_ns: int
    snapshot: RunSnapshot
    results: tuple[StreamResult, ...]
    streams_omitted: int = 0
    interrupted: bool = False
    failures: tuple[str, ...] = ()
    send_lateness: Histogram = field(factory=Histogram)

    @property
    def failed(self) -> bool:
        """Whether the run or one of its streams failed; to be cut short is not to fail."""
        outcomes = self.snapshot.outcomes
        return bool(self.failures or outcomes.get(Outcome.NETWORK_ERROR) or outcomes.get(Outcome.PROTOCOL_ERROR))
