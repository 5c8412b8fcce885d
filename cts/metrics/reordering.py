"""Reordering of a stream's datagrams, in the order of the whole stream (RFC 4737)."""

from __future__ import annotations

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Lengths

__all__ = ["Reordering"]


@frozen
class Reordering(Totals):
    """Datagrams that arrived behind one that was sent later.

    Attributes:
        received: datagrams that came, each counted once.
        reordered: those of them that arrived behind one sent later.
        extents: how many places behind the first such one each arrived (section 4.2.3); datagrams, from 1; right-skewed.
    """

    received: int = 0
    reordered: int = 0
    extents: Lengths = field(factory=Lengths)

    @property
    def ratio(self) -> float | None:
        """Type-P-Reordered-Ratio-Stream (section 4.1.1): reordered over received, from 0 to 1; None where nothing came."""
        return self.reordered / self.received if self.received else None
