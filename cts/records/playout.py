"""From a stream's plan to its playout sweep, and from that to what it has found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from cts.metrics.playout import Playout, PlayoutSweep
from cts.protocol.plan import StreamPlan
from cts.records.snapshots import StreamSnapshot
from cts.units import SECOND

__all__ = ["playout_of", "playout_of_all", "sweep_of"]


def sweep_of(plan: StreamPlan) -> PlayoutSweep:
    """Return a sweep for a stream with that plan."""
    rate = plan.frame_rate
    return PlayoutSweep(plan.buffered_frames, plan.final_frame, rate.numerator, SECOND * rate.denominator)


def playout_of(sweep: PlayoutSweep, counts: StreamSnapshot) -> Playout | None:
    """Return what a sweep has found of a stream with these counts, at its end.

    None where frames played of which the sweep was not told, as by a plugin's socket that hands out no records.
    """
    frames = counts.frames
    if sweep.frames < frames.rendered and frames.completed + frames.repeated:
        return None
    sweep.nothing_until(frames.rendered)
    return sweep.playout(early=counts.arrivals.ahead > 0)


def playout_of_all(playouts: Iterable[Playout | None]) -> Playout | None:
    """Return what several streams of one plan come to; None where nothing is known of any."""
    known = [playout for playout in playouts if playout is not None]
    return reduce(add, known) if known else None
