"""From a stream's plan to its media metrics, and from those to what they have come to at its end."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from cts.metrics.media import MediaMetrics, MediaTotals
from cts.protocol.plan import StreamPlan
from cts.records.results import StreamResult

__all__ = ["media_totals", "metrics_of", "sum_of_media"]


def metrics_of(plan: StreamPlan) -> MediaMetrics:
    """Return the fold for a stream with that plan."""
    return MediaMetrics(plan.interval_ns, len(plan.datagram_sizes))


def media_totals(metrics: MediaMetrics, plan: StreamPlan, result: StreamResult) -> MediaTotals | None:
    """Return what the metrics of a stream have come to at its end; they are no more to be used.

    None where frames played of which they were not told, as by a plugin's socket that hands out no records.
    """
    frames = result.counts.frames
    if metrics.frames < frames.rendered and frames.completed + frames.repeated:
        return None
    # What was given up has no record; a stream that never began would have begun with its life.
    metrics.nothing_until(frames.rendered, result.started_ns + plan.render_offset_ns(1))
    return metrics.finish()


def sum_of_media(totals: Iterable[MediaTotals | None]) -> MediaTotals | None:
    """Return what several streams come to; None where nothing is known of any."""
    known = [each for each in totals if each is not None]
    return reduce(add, known) if known else None
