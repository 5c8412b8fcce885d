"""Whether streams play, in a verb; and of streams of different plans how many do, and how the worst one fared."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from cts.metrics.counters import FrameTotals
from cts.protocol.plan import StreamPlan
from cts.records.stream_results import StreamResult
from cts.units import format_frame_rate, format_rate

__all__ = ["PLAYS", "apart_text", "plan_text", "verb_of"]

PLAYS = "99.9"
"""Percent of the frames that must be whole in time for a stream to play."""
_PLAYS_WITH_LOSS = Fraction(95, 100)


def verb_of(played: int, rendered: int, *, several: bool) -> str:
    """Return the verb for streams of which so many frames were whole in time."""
    plays, plays_not = ("play", "do not play") if several else ("plays", "does not play")
    if _all_but_all(played, rendered):
        return plays
    return f"{plays} with loss" if played >= _PLAYS_WITH_LOSS * rendered else plays_not


def plan_text(plan: StreamPlan) -> str:
    """Write what a stream is made of."""
    return f"{format_rate(plan.bits_per_second)} at {format_frame_rate(plan.frame_rate)} frames/s"


def apart_text(what: str, streams: Sequence[tuple[StreamResult, FrameTotals]], where: str = "") -> str | None:
    """Say of streams how many play, and how the worst one fared; None where all do, none does, or one says nothing.

    What a share of all their frames is means nothing where some have more frames than others.

    Args:
        what: they are called.
        streams: each with its frames.
        where: stands behind the verb.
    """
    shares = [(_played(frames), frames.rendered) for _, frames in streams]
    if not all(rendered for _, rendered in shares):
        return None
    play = sum(_all_but_all(*share) for share in shares)
    if play in (0, len(shares)):
        return None
    (worst, _), (played, rendered) = min(zip(streams, shares, strict=True), key=lambda each: Fraction(*each[1]))
    kind = "" if worst.plan is None else f" ({plan_text(worst.plan)})"
    fared = f"of the worst, with {worst.remote}{kind}, {played:,} of {rendered:,} frames were whole in time"
    return f"{play:,} of {what} {'plays' if play == 1 else 'play'}{where}; {fared}"


def _played(frames: FrameTotals) -> int:
    return frames.completed + frames.repeated


def _all_but_all(played: int, rendered: int) -> bool:
    return played * 100 >= Fraction(PLAYS) * rendered
