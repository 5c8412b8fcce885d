"""Watches how well this host serves a run: how late its loop wakes, how long datagrams lie unread, who has the processors."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from attrs import define, evolve, field, frozen

from cts.api import IPacer
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.units import MILLISECOND

if sys.platform != "win32":
    import resource

__all__ = ["HostWatch", "ProcessorTimes", "processor_times"]

_EVERY_NS = 50 * MILLISECOND
"""Twenty wakes a second show every standstill that is longer, and cost some thousandths of a processor."""
_CAUGHT_UP_AT_MOST = 1000
"""Wakes that were missed and are counted with how late they would have been: the first 50 s of a standstill."""
_PROC_STAT = Path("/proc/stat")
_IDLE, _WAITING, _STOLEN, _KINDS = 3, 4, 7, 8
"""Places in its first line (proc_pid_stat(5)); what guests take is in the first eight as well."""
_TICKS_AT_LEAST = 100
"""Of all processors together: the kernel counts in hundredths of a second, of which a few say little."""


@frozen
class ProcessorTimes:
    """What processors had done by one moment.

    Attributes:
        at_ns: when, in the run's clock.
        process_ns: processor time of this process.
        preempted: how often it had to give way; None where unknown.
        host: ticks of all processors: all, busy, stolen; None where unknown.
    """

    at_ns: int
    process_ns: int
    preempted: int | None = None
    host: tuple[int, int, int] | None = None


def processor_times(now_ns: int) -> ProcessorTimes:
    """Return them as they are; takes some tens of microseconds."""
    preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if sys.platform != "win32" else None
    host = None
    with contextlib.suppress(OSError, ValueError):
        host = _host_ticks(_PROC_STAT.read_text(encoding="ascii"))
    return ProcessorTimes(now_ns, time.process_time_ns(), preempted, host)


def _host_ticks(text: str) -> tuple[int, int, int]:
    """Return what the first line of /proc/stat says; ValueError where it says something else."""
    name, *ticks = text.partition("\n")[0].split()
    if name != "cpu" or len(ticks) < _KINDS:
        raise ValueError(text)
    counts = [int(each) for each in ticks[:_KINDS]]
    return sum(counts), sum(counts) - counts[_IDLE] - counts[_WAITING], counts[_STOLEN]


class IReadDelays(Protocol):
    """Who knows how long datagrams lay unread."""

    def take_read_delay_ns(self) -> int:
        """Return the longest time since the last call from the kernel's stamp on a datagram to its being read."""


@define(eq=False)
class HostWatch:
    """Looks on while streams run; what happens when none does says nothing of any.

    Args:
        pacer: the run's clock.
        network: where datagrams are read.
        streams: returns how many streams run now.
        times: returns what processors have done by the moment that it is given.
    """

    _pacer: IPacer
    _network: IReadDelays
    _streams: Callable[[], int]
    _times: Callable[[int], ProcessorTimes] = processor_times
    _lag: Histogram = field(factory=Histogram, init=False)
    _read_delay_ns: int = field(default=0, init=False)
    _due_ns: int | None = field(default=None, init=False)
    _since: ProcessorTimes | None = field(default=None, init=False)
    _watched_ns: int = field(default=0, init=False)
    _process_ns: int = field(default=0, init=False)
    _preempted: int | None = field(default=None, init=False)
    _ticks: tuple[int, int, int] = field(default=(0, 0, 0), init=False)

    async def run(self) -> None:
        """Look on until cancelled."""
        while True:
            due_ns = self._pacer.now_ns() + _EVERY_NS
            if self._since is not None:
                self._due_ns = due_ns
            await self._pacer.wait_until(due_ns)
            self._look()

    def seen_in(self, report: RunReport, *, sends_when_due: bool) -> RunReport:
        """Return the report of the run, which has just ended, with how this host served it.

        Args:
            report: has what was sent, and what the kernel dropped.
            sends_when_due: whether its sender sends each frame when it is due, so that what is late is the host's doing.
        """
        figures = evolve(
            self.figures(),
            overflowed=report.snapshot.overflowed if Role.RECEIVER in report.roles else 0,
            send_lateness=report.send_lateness if sends_when_due else Histogram(),
        )
        return evolve(report, hosts=(figures,))

    def figures(self) -> HostFigures:
        """Return what was seen up to now; of overflows and of how frames were sent it knows nothing."""
        self._look()
        self._pause()
        return self._figures()

    def glance(self, overflowed: int, send_lateness: Histogram, *, sends_when_due: bool) -> HostFigures:
        """Return what was seen up to now, while streams go on.

        Args:
            overflowed, send_lateness: of :class:`HostFigures`.
            sends_when_due: as in :meth:`seen_in`.
        """
        if self._since is not None:
            self._since = self._add_since(self._since)
        lateness = send_lateness if sends_when_due else Histogram()
        return evolve(self._figures(), overflowed=overflowed, send_lateness=lateness)

    def _figures(self) -> HostFigures:
        total, busy, stolen = self._ticks
        known = total >= _TICKS_AT_LEAST
        return HostFigures(
            loop_lag=Histogram.of([self._lag]),
            read_delay_ns=self._read_delay_ns,
            process_share=self._process_ns / self._watched_ns if self._watched_ns else None,
            host_share=busy / total if known else None,
            stolen_share=stolen / total if known else None,
            preempted=self._preempted,
        )

    def _look(self) -> None:
        now_ns = self._pacer.now_ns()
        streams = self._streams()
        read_delay_ns = self._network.take_read_delay_ns()
        if streams or self._since is not None:
            # Streams that ended in the meantime had their part in it.
            self._read_delay_ns = max(self._read_delay_ns, read_delay_ns)
        if self._due_ns is not None:
            self._record_lag(now_ns - self._due_ns)
            self._due_ns = None
        if not streams:
            self._pause()
        elif self._since is None:
            self._since = self._times(now_ns)

    def _record_lag(self, late_ns: int) -> None:
        if late_ns < 0:
            return  # it was not due yet
        self._lag.record(late_ns)
        for missed in range(1, min(late_ns // _EVERY_NS, _CAUGHT_UP_AT_MOST) + 1):
            self._lag.record(late_ns - missed * _EVERY_NS)

    def _pause(self) -> None:
        """Add what processors did since the first stream began, and wait for the next one."""
        if self._since is not None:
            self._add_since(self._since)
            self._since = None

    def _add_since(self, since: ProcessorTimes) -> ProcessorTimes:
        """Add what processors did since then, and return what they have done."""
        now = self._times(self._pacer.now_ns())
        self._watched_ns += now.at_ns - since.at_ns
        self._process_ns += now.process_ns - since.process_ns
        if now.preempted is not None and since.preempted is not None:
            self._preempted = (self._preempted or 0) + now.preempted - since.preempted
        if now.host is not None and since.host is not None:
            total, busy, stolen = (sum(each) for each in zip(self._ticks, _less(now.host, since.host), strict=True))
            self._ticks = total, busy, stolen
        return now


def _less(now: tuple[int, int, int], since: tuple[int, int, int]) -> tuple[int, ...]:
    # The kernel's idle time is known to go back now and then.
    return tuple(max(0, after - before) for after, before in zip(now, since, strict=True))
