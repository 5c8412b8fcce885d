"""How great a difference must be to matter: what is surely there, and less than playing the stream notices, is no news."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from cts.comparison.compared_metrics import ComparedMetric, Percentile
from cts.metrics.host import HostFigures
from cts.units import MILLISECOND, SECOND

__all__ = ["Weights"]

OF_FRAME: Final = 16
"""Times: this part of the frame interval,"""
OF_TIME_NS: Final = 2 * MILLISECOND
"""but no more than this,"""
OF_HOSTS: Final = 99
"""and no less than by how much this percentage of what the hosts did was late at most."""
OF_SHARE: Final = 1e-4
"""Shares: one in ten thousand."""
OF_RATE: Final = 1e-3
"""Rates in bits: this part of the greater one."""
A_MINUTE: Final = 1 / 60
"""What is counted in a minute: one in an hour."""


@frozen
class Weights:
    """What differences must be, of two sides.

    Attributes:
        times: of times, seconds.
    """

    times: float

    @classmethod
    def of(cls, interval_ns: int, hosts: Iterable[HostFigures]) -> Weights:
        """Return those of streams whose shortest frame interval it is, and of all hosts of both sides."""
        late = [each.percentile(OF_HOSTS) for host in hosts for each in (host.loop_lag, host.send_lateness)]
        return cls(max(min(interval_ns / OF_FRAME, OF_TIME_NS), *late, 0) / SECOND)

    def of_metric(self, metric: ComparedMetric, greater: float) -> float:
        """Return by how much a metric must differ, in its unit, of which ``greater`` is the greater value."""
        if isinstance(metric.of, Percentile):
            return self.times
        if metric.unit == "per_minute":
            return A_MINUTE
        return greater * OF_RATE if metric.of.is_rate else OF_SHARE
