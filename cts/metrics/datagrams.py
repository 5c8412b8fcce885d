"""What became of the datagrams that were due: in time, late, lost, and what came more than once."""

from __future__ import annotations

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Distribution

__all__ = ["DatagramTotals"]


@frozen
class DatagramTotals(Totals):
    """Datagrams of frames that were rendered.

    Attributes:
        due: those that make the frames.
        in_time: those of them that came before their frame was rendered, each counted once.
        late: those that came after that and had not come before.
        duplicate: what came of one that had come (RFC 5560), in time or late.
        late_by: how long after its frame was rendered each late one came; nanoseconds, from 0; right-skewed.
        one_short: frames of several datagrams that lacked exactly one in time.
        unknown: datagrams that came late of which is not known whether they had come before; they count as late as far as
            their frame lacked some.
    """

    due: int = 0
    in_time: int = 0
    late: int = 0
    duplicate: int = 0
    late_by: Distribution = field(factory=Distribution)
    one_short: int = 0
    unknown: int = 0

    @property
    def missing(self) -> int:
        """Those that did not come in time."""
        return self.due - self.in_time

    @property
    def lost(self) -> int:
        """Those that never came: what is late is not lost (RFC 7680, section 2.4, with no end to the waiting)."""
        return self.due - self.in_time - self.late

    @property
    def received(self) -> int:
        """Those that came, each counted once."""
        return self.in_time + self.late

    @property
    def loss_ratio(self) -> float | None:
        """Lost over due, from 0 to 1 (RFC 7680, section 4.1); None where nothing was due."""
        return self.lost / self.due if self.due else None

    @property
    def late_ratio(self) -> float | None:
        """Late over due, from 0 to 1; None where nothing was due."""
        return self.late / self.due if self.due else None

    @property
    def duplication_ratio(self) -> float | None:
        """Duplicate over received, from 0 (RFC 5560, section 5.3, counts each copy); None where nothing came."""
        return self.duplicate / self.received if self.received else None
