"""A stream's arithmetic, in words and as JSON."""

from __future__ import annotations

from cts.protocol.plan import StreamPlan
from cts.units import SECOND, format_duration, format_frame_rate, format_rate

__all__ = ["plan_json", "plan_words"]


def plan_words(plan: StreamPlan) -> str:
    """Return what a person tells streams apart by: ``8 Mbit/s at 30 frames/s for 5 s``."""
    rate = f"{format_rate(plan.bits_per_second)} at {format_frame_rate(plan.frame_rate)} frames/s"
    return f"{rate} for {format_duration(plan.stream_length_ns)}"


def plan_json(plan: StreamPlan | None) -> dict[str, object] | None:
    """Return the numbers that it was made of; None where it is not known."""
    if plan is None:
        return None
    return {
        "bits_per_second": plan.bits_per_second,
        "frame_rate": str(plan.frame_rate.plain),
        "stream_length_seconds": plan.stream_length_ns / SECOND,
        "buffer_depth_seconds": plan.buffer_depth_ns / SECOND,
        "datagram_max_size": plan.datagram_max_size,
    }
