"""How well a host served a process that measured on it, and whether that is good enough for the numbers to be trusted.

A figure that reaches its bound raises a doubt. The bounds follow from what is measured: the frame interval, which is what a
sender has to keep, and the buffer, which is what a viewer on this host would have had to sit a standstill out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from attrs import field, frozen

from cts.metrics.histogram import Histogram
from cts.units import MILLISECOND

__all__ = ["Cause", "Doubt", "HostFigures", "Trust", "Verdict", "trust_in"]

PACING_DOUBTFUL = 1 / 4
"""Of the frame interval, which 99 % of frames must leave within: beyond, their spacing on the wire is the host's as well."""
PACING_WRONG = 1
"""Of the frame interval: frames leave with the next ones, which is no stream of that frame rate."""
LAG_DOUBTFUL = 1
"""Of the frame interval, for the event loop in 99 % of the time: what is due with a frame is done with the next one."""
STANDSTILL_DOUBTFUL = 1 / 2
"""Of the buffer, for the longest time that nothing was read or woken: a network that takes as long again empties it."""
STANDSTILL_WRONG = 1
"""Of the buffer: a viewer here would have seen it run empty, whatever the network did."""
BUSY = 0.95
"""Of the processors (of one, for this process): no room for what comes on top. Then the kernel is late as well."""
BUSY_LAG_NS = MILLISECOND
"""A process that is busy but wakes earlier than that only waits busily for its due times, as the pacer does."""
STOLEN = 0.05
"""Of the processors' time, lent by the hypervisor to somebody else: as much again may be missing at any single moment."""


class Verdict(Enum):
    """How far a host's numbers can be trusted, from best to worst."""

    TRUSTED = "trusted"
    DOUBTFUL = "doubtful"
    WRONG = "not to be trusted"


class Cause(Enum):
    """What raised a doubt."""

    OVERFLOW = "overflow"
    STANDSTILL = "standstill"
    PACING = "pacing"
    UNTOLD = "untold"
    LAG = "lag"
    PROCESS_BUSY = "process busy"
    HOST_BUSY = "host busy"
    STOLEN = "stolen"


@frozen(kw_only=True)
class HostFigures:
    """What one process met while streams ran.

    Attributes:
        name: the process, where there are several.
        told: whether anything is known of it.
        loop_lag: how late the event loop woke what was due, nanoseconds, in equal parts of the time.
        read_delay_ns: the longest time from the kernel's stamp on a datagram to its being read.
        overflowed: drops that the kernel counted since a receive buffer was full.
        send_lateness: how late frames were sent, nanoseconds, by a sender that sends each when it is due; else empty.
        process_share: processor time of the process over the time, of one processor; None where unknown.
        host_share, stolen_share: of all processors, the part that was busy, and that the hypervisor took; None where unknown.
        preempted: how often the process had to give way while it could have run; None where unknown.
    """

    name: str = ""
    told: bool = True
    loop_lag: Histogram = field(factory=Histogram)
    read_delay_ns: int = 0
    overflowed: int = 0
    send_lateness: Histogram = field(factory=Histogram)
    process_share: float | None = None
    host_share: float | None = None
    stolen_share: float | None = None
    preempted: int | None = None

    @property
    def standstill_ns(self) -> int:
        """The longest time that nothing was done for any stream, as far as it shows."""
        return max(self.loop_lag.greatest, self.read_delay_ns)


@frozen
class Doubt:
    """A figure that reached its bound.

    Attributes:
        verdict: what follows from it.
        cause: which figure.
        figure, bound: it, and the least for that verdict: nanoseconds, counts or shares.
        process: whose it is.
    """

    verdict: Verdict
    cause: Cause
    figure: float
    bound: float
    process: str = ""


@frozen(kw_only=True)
class Trust:
    """Whether a host was good enough for a run.

    Attributes:
        figures: those of all processes together: times and counts added up, of the rest the greatest; None in virtual time.
        doubts: the worst first.
        interval_ns, buffer_ns: what the bounds follow from.
    """

    figures: HostFigures | None
    doubts: tuple[Doubt, ...] = ()
    interval_ns: int
    buffer_ns: int

    @property
    def verdict(self) -> Verdict:
        """That of the worst doubt."""
        return self.doubts[0].verdict if self.doubts else Verdict.TRUSTED


def trust_in(hosts: Sequence[HostFigures], *, interval_ns: int, buffer_ns: int) -> Trust:
    """Return whether the processes of a run were served well enough; the worst one decides.

    Args:
        hosts: their figures; none in virtual time.
        interval_ns: between frames.
        buffer_ns: how long a receiver buffers.
    """
    doubts = [doubt for figures in hosts for doubt in _doubts(figures, interval_ns, buffer_ns)]
    severity, order = list(Verdict), list(Cause)
    doubts.sort(key=lambda doubt: (-severity.index(doubt.verdict), order.index(doubt.cause), -doubt.figure))
    figures = _together(hosts) if hosts else None
    return Trust(figures=figures, doubts=tuple(doubts), interval_ns=interval_ns, buffer_ns=buffer_ns)


def _doubts(host: HostFigures, interval_ns: int, buffer_ns: int) -> Iterable[Doubt]:
    pacing_ns, lag_ns = host.send_lateness.percentile(99), host.loop_lag.percentile(99)
    rules = (
        (Cause.OVERFLOW, host.overflowed, None, 1),
        (Cause.STANDSTILL, host.standstill_ns, STANDSTILL_DOUBTFUL * buffer_ns, STANDSTILL_WRONG * buffer_ns),
        (Cause.PACING, pacing_ns, PACING_DOUBTFUL * interval_ns, PACING_WRONG * interval_ns),
        (Cause.UNTOLD, int(not host.told), 1, None),
        (Cause.LAG, lag_ns, LAG_DOUBTFUL * interval_ns, None),
        (Cause.PROCESS_BUSY, host.process_share if lag_ns >= BUSY_LAG_NS else None, BUSY, None),
        (Cause.HOST_BUSY, host.host_share, BUSY, None),
        (Cause.STOLEN, host.stolen_share, STOLEN, None),
    )
    for cause, figure, doubtful, wrong in rules:
        for verdict, bound in ((Verdict.WRONG, wrong), (Verdict.DOUBTFUL, doubtful)):
            if figure is not None and bound is not None and figure >= bound:
                yield Doubt(verdict, cause, figure, bound, host.name)
                break


def _together(hosts: Sequence[HostFigures]) -> HostFigures:
    if len(hosts) == 1:
        return hosts[0]

    def greatest(shares: Iterable[float | None]) -> float | None:
        return max((share for share in shares if share is not None), default=None)

    preempted = [host.preempted for host in hosts if host.preempted is not None]
    return HostFigures(
        loop_lag=Histogram.of(host.loop_lag for host in hosts),
        read_delay_ns=max(host.read_delay_ns for host in hosts),
        overflowed=sum(host.overflowed for host in hosts),
        send_lateness=Histogram.of(host.send_lateness for host in hosts),
        process_share=greatest(host.process_share for host in hosts),
        host_share=greatest(host.host_share for host in hosts),
        stolen_share=greatest(host.stolen_share for host in hosts),
        preempted=sum(preempted) if preempted else None,
    )
