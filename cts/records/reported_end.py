"""What only the end of a run tells, as it is read back from its events."""

from __future__ import annotations

from collections import Counter

from attrs import define, evolve, field

from cts.metrics.counters import FrameCounts
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.protocol.plan import StreamPlan
from cts.records.buffers import SocketBuffers
from cts.records.event_values import HISTOGRAMS, add_histogram, buffers_read, host_read, late_read, read_address
from cts.records.json_lines import Fields
from cts.records.late import LateArrivals
from cts.records.snapshots import Address, RunSnapshot, StreamInfo, StreamSnapshot

__all__ = ["OpenEnd", "ReportedEnd"]

_HOSTS_AT_MOST = 4096


@define(eq=False)
class OpenEnd:
    """An end of a stream that has not ended.

    Attributes:
        info: which.
        plan: its arithmetic.
        frames: those of its frames that events tell of, by verdict.
        bytes_on_time, bytes_due: what of them came in time, and what was due.
        bytes_missing: what was missing of those that were not whole.
        bytes_after: what came after its frame had its verdict; ``bytes_late``, of that, what had not come before.
        last_frame: the frame that was told of last, and its render time; None before the first.
        extents: of the next frame's datagrams, or the next late ones, as far as they are told of beforehand.
    """

    info: StreamInfo
    plan: StreamPlan
    frames: FrameCounts = field(factory=FrameCounts)
    bytes_on_time: int = 0
    bytes_due: int = 0
    bytes_missing: int = 0
    bytes_after: int = 0
    bytes_late: int = 0
    extents: tuple[int, ...] = ()
    last_frame: tuple[int, int] | None = None

    @property
    def due(self) -> int:
        """As many as the plan's ``datagram_sizes``, which a hostile line could make very many."""
        return -(-self.plan.frame_size // self.plan.datagram_max_size)

    def take_extents(self) -> tuple[int, ...]:
        """Return what events told of the next frame's datagrams, or of the next late ones, beforehand."""
        extents, self.extents = self.extents, ()
        return extents

    @property
    def counts(self) -> StreamSnapshot:
        """What frames alone tell of it."""
        late = min(self.bytes_late, self.bytes_missing)
        return StreamSnapshot(
            self.frames.totals(),
            bytes_received=self.bytes_on_time + self.bytes_after,
            bytes_on_time=self.bytes_on_time,
            due=DueBytes(self.bytes_due, self.bytes_missing, late),
        )


@define(eq=False)
class ReportedEnd:
    """It comes event by event; what it is before is that of a run that was killed.

    Attributes:
        has_report: whether the run came to its end.
        is_whole: whether the log's last line is there.
        snapshot: the last status.
        latest_ns: the latest time that is told, from the run's beginning.
        open: ends that had not ended.
        missing: what else is missing, and how often.
        buffers, late, send_lateness, hosts, answered, notes, failures: as in a :class:`~cts.records.results.RunReport`.
    """

    has_report: bool = False
    is_whole: bool = False
    snapshot: RunSnapshot = field(factory=lambda: RunSnapshot(0, 0, StreamSnapshot()))
    latest_ns: int = 0
    open: list[OpenEnd] = field(factory=list)
    missing: Counter[str] = field(factory=Counter)
    buffers: SocketBuffers | None = None
    late: LateArrivals = field(factory=LateArrivals)
    send_lateness: Histogram = field(factory=Histogram)
    hosts: list[HostFigures] | None = None
    answered: list[Address] = field(factory=list)
    notes: list[str] = field(factory=list)
    failures: list[str] = field(factory=list)
    _hosts_announced: int = 0

    def take(self, event: str, fields: Fields, number: int) -> None:
        """Take in an event, which stands in that line; one that is none of the end of a run is passed over."""
        if event == "run_report":
            self._report(fields)
        elif event == "host":
            self._host(fields)
        elif event == "histogram":
            self._histogram(fields)
        elif event == "answered":
            self.answered.append(read_address(fields, "address"))
        elif event == "noted":
            self.notes.append(fields.text("note"))
        elif event == "run_failed":
            self.failures.append(fields.text("failure"))
        elif event == "run_ended":
            self._ended(fields, number)

    def conclude(self, still_open: list[OpenEnd]) -> None:
        """Take note that nothing more comes."""
        self.open = still_open
        if len(self.hosts or ()) < self._hosts_announced:
            self.missing["processes whose figures are not there"] += self._hosts_announced - len(self.hosts or ())

    def _report(self, fields: Fields) -> None:
        if self.has_report:
            raise fields.refused("reports the run again")
        self.has_report = True
        self.buffers = buffers_read(fields, "buffers")
        self.late = late_read(fields, "after_giving_up")
        hosts = fields.integer_or_none("hosts")
        if hosts is not None:
            self.hosts = []
            self._hosts_announced = hosts

    def _host(self, fields: Fields) -> None:
        hosts = self.hosts
        if hosts is None or len(hosts) >= min(self._hosts_announced, _HOSTS_AT_MOST):
            raise fields.refused("tells of a host that was not announced")
        hosts.append(host_read(fields))

    def _histogram(self, fields: Fields) -> None:
        of, number = fields.one_of("of", HISTOGRAMS), fields.integer_or_none("host")
        if number is None:
            add_histogram(self.send_lateness, fields)
        elif self.hosts is not None and 0 <= number < len(self.hosts):
            add_histogram(getattr(self.hosts[number], of), fields)
        else:
            raise fields.refused("tells of a host that was not told of")

    def _ended(self, fields: Fields, number: int) -> None:
        self.is_whole = True
        lines = fields.integer_or_none("lines")
        if lines is not None and lines >= number:
            self.missing["missing lines"] += lines + 1 - number
        self.snapshot = evolve(
            self.snapshot,
            cut_off_by_time_limit=fields.integer_or_none("cut_off_by_time_limit"),
            interrupted=bool(fields.flag_or_none("interrupted")),
        )
