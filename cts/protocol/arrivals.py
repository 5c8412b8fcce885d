"""The one place that is told of every datagram that one side of a stream takes, once it is known what becomes of it.

Taken is what comes while the stream runs, but a server's START, which is taken out before. What is known is told as facts:
what became of it, how many alike, their bytes, when they came, and of data the frame and the sender's stamp. Datagrams that
arrived together and are alike are told together, so that nothing costs per datagram.
"""

from __future__ import annotations

from attrs import define, field

from cts.metrics.counters import ArrivalTotals, Became

__all__ = ["ArrivalSink"]


@define(eq=False)
class ArrivalSink:
    """Counts what arrives. Whoever wants to know more of each arrival is told here."""

    _counts: list[int] = field(factory=lambda: [0] * len(Became), init=False)

    def take(
        self,
        became: Became,
        datagrams: int,
        size: int,
        received_ns: int,
        sequence: int = 0,
        qpc: int = 0,
        qpf: int = 0,
    ) -> None:
        """Take note of datagrams that arrived together and that the same became of.

        Args:
            became: what.
            datagrams, size: how many, and their bytes together.
            received_ns: when they arrived, in the driver's clock.
            sequence, qpc, qpf: the frame and the sender's stamp in the first of them, of data only.
        """
        self._counts[became] += datagrams

    def totals(self, duplicate: int = 0) -> ArrivalTotals:
        """Return the counts so far, beside how many of them had come before."""
        return ArrivalTotals(*[*self._counts, duplicate])
