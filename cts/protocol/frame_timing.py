"""When what of a frame came: kept only where somebody wants a record of each frame."""

from __future__ import annotations

from attrs import define, field

__all__ = ["FrameTiming"]


@define(eq=False)
class FrameTiming:
    """Receive times and transits of one frame's datagrams, as :class:`cts.metrics.frame_record.FrameRecord` has them.

    ``by_size`` are what the same would be by bytes, for a peer whose stamps do not tell its datagrams apart.
    """

    first_ns: int
    whole_ns: int | None = None
    again_ns: int | None = None
    whole_by_size_ns: int | None = None
    again_by_size_ns: int | None = None
    least_transit_ns: int | None = None
    greatest_transit_ns: int | None = None
    transit_ns: int | None = None
    extents: list[int] = field(factory=list)

    def travelled(self, greatest_ns: int, least_ns: int) -> None:
        """Take note of the transits of datagrams that arrived together: of the first sent, and of the last."""
        self.transit_ns = least_ns
        if self.least_transit_ns is None or least_ns < self.least_transit_ns:
            self.least_transit_ns = least_ns
        if self.greatest_transit_ns is None or greatest_ns > self.greatest_transit_ns:
            self.greatest_transit_ns = greatest_ns
