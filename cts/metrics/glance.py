"""What is of interest of media metrics while streams run: a few numbers, cheap to find, to send and to put together."""

from __future__ import annotations

from attrs import field, frozen

from cts.metrics.counters import Totals
from cts.metrics.distribution import Distribution
from cts.metrics.media import MediaMetrics
from cts.metrics.viewing import Longest, ViewingTotals

__all__ = ["MediaGlance", "glance_at", "glance_of_ended"]


@frozen
class MediaGlance(Totals):
    """Delay and freezes of one stream up to now, or of several: times are those of the worst. Times are nanoseconds.

    Attributes:
        streams: how many it is of.
        jitter: interarrival jitter now (RFC 3550, section 6.4.1).
        pdv_p95, pdv_p99: percentiles of packet delay variation (RFC 5481, section 4.2), without the clocks' drift where there
            is any.
        freezes: how many (freezeCount of W3C's webrtc-stats), of all together.
        longest_stall: the longest time without a new frame, up to now.
    """

    streams: int = 0
    jitter: Longest = field(default=Longest(0))
    pdv_p95: Longest = field(default=Longest(0))
    pdv_p99: Longest = field(default=Longest(0))
    freezes: int = 0
    longest_stall: Longest = field(default=Longest(0))


def glance_at(metrics: MediaMetrics) -> MediaGlance:
    """Return what is known of a stream while it goes on, for a fraction of what its totals take."""
    variation, viewing, lacking = metrics.variation, metrics.seen(), metrics.lacking
    over_line = metrics.drift.with_more(*lacking)
    if over_line is None:
        p95, p99 = variation.percentiles((95, 99), lacking[1])
    else:
        p95, p99 = (over_line.percentile(percent) or 0 for percent in (95, 99))
    return MediaGlance(
        streams=1,
        jitter=Longest(variation.jitter_ns),
        pdv_p95=Longest(p95),
        pdv_p99=Longest(p99),
        freezes=viewing.freezes,
        longest_stall=viewing.longest_stall,
    )


def glance_of_ended(streams: int, pdv: Distribution, viewing: ViewingTotals) -> MediaGlance:
    """Return what is known of streams that have ended, which have no jitter now."""
    return MediaGlance(
        streams=streams,
        pdv_p95=Longest(pdv.percentile(95) or 0),
        pdv_p99=Longest(pdv.percentile(99) or 0),
        freezes=viewing.freezes,
        longest_stall=viewing.longest_stall,
    )
