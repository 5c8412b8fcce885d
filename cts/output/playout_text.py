"""Which buffer would have been enough, as JSON and in words."""

from __future__ import annotations

from fractions import Fraction

from cts.metrics.playout import Playout, PlayoutDepth
from cts.output.figures import percentage
from cts.records.results import RunReport
from cts.units import MILLISECOND, format_duration

__all__ = ["DEPTHS_LISTED", "buffer_words", "playout_json", "playout_rows", "up_to_known"]

DEPTHS_LISTED = 100
"""Depths listed at most, beside the few that are always."""
_SHARES = {"95": Fraction(95), "99": Fraction(99), "99.9": Fraction(999, 10), "100": Fraction(100)}
_SAID_FIRST = ("99.9", "99", "95")


def playout_json(playout: Playout | None) -> dict[str, object] | None:
    """Return the verdicts by depth, in seconds rounded up to whole milliseconds; None where nothing is known of them."""
    if playout is None or not playout.frames:
        return None
    smallest = {share: playout.smallest(percent) for share, percent in _SHARES.items()}
    known = playout.known
    return {
        "buffered_frames": playout.buffered_frames,
        "known_seconds": _seconds(playout, known) if known < playout.final_frame else None,
        "depths": [
            [_seconds(playout, row.depth), row.completed, row.repeated, row.dropped]
            for row in _listed(playout, {depth for depth in smallest.values() if depth is not None})
        ],
        "smallest": {share: None if depth is None else _seconds(playout, depth) for share, depth in smallest.items()},
    }


def _listed(playout: Playout, always: set[int]) -> list[PlayoutDepth]:
    """Return the table's rows; where they are too many every second, third … of them, and those that must be there."""
    table = playout.table()
    every = -(-len(table) // DEPTHS_LISTED)
    always |= {0, playout.buffered_frames, table[-1].depth}
    return [row for place, row in enumerate(table) if place % every == 0 or row.depth in always]


def playout_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return the buffer that would have been enough, as a row; none where nothing was received."""
    playout, plan = report.playout, report.common_plan
    if playout is None or plan is None or not playout.frames or not report.snapshot.counts.bytes_received:
        return []
    set_to = f"set: {format_duration(plan.buffer_depth_ns)}"
    none = f"none{up_to_known(playout)}"
    more = ""
    for share in _SAID_FIRST:
        depth = playout.smallest(_SHARES[share])
        if depth is not None:
            enough = f"{_time(playout, depth)} would have been enough for {share} % of frames"
            return [("buffer", f"{enough}{more}; {set_to}")]
        more = f", {none} for {share} % of them"
    if not playout.whole:
        return [("buffer", f"{none} would have let a frame play; {set_to}")]
    best = playout.at(playout.whole[-1][0])
    most = percentage(playout.frames - best.dropped, playout.frames)
    enough = f"{_time(playout, best.depth)} would have been enough for {most}"
    return [("buffer", f"{none} would have let 95 % of frames play; {enough}; {set_to}")]


def up_to_known(playout: Playout) -> str:
    """Say up to which buffer all is known, and why no further, to stand behind "none"; empty where it is known of any."""
    if playout.known >= playout.final_frame:
        return ""
    # Of the run's own depth no more is known where it has no time left behind what was lacking, or something came too early.
    why = "deeper ones would have waited for longer than this run did"
    if playout.known <= playout.buffered_frames:
        why = "the one that was set; of deeper ones this run cannot tell"
    return f" up to {_time(playout, playout.known)} ({why})"


def buffer_words(playout: Playout, buffer_depth_ns: int) -> tuple[str, ...]:
    """Return which buffer would do for how many frames, each text briefer; of frames some of which play at some depth."""
    set_to = f"set: {format_duration(buffer_depth_ns)}"
    for share in _SAID_FIRST:
        if (depth := playout.smallest(_SHARES[share])) is not None:
            time = _time(playout, depth)
            return (
                f"{time} would do for {share} % of frames; {set_to}",
                f"{time} for {share} %; {set_to}",
                f"{time} for {share} %",
            )
    best = playout.at(playout.whole[-1][0])
    most = percentage(playout.frames - best.dropped, playout.frames)
    time = _time(playout, best.depth)
    return (
        f"none is known to do; {time} would do for {most}; {set_to}",
        f"{time} for {most}; {set_to}",
        f"{time} for {most}",
    )


def _time(playout: Playout, depth: int) -> str:
    return format_duration(_milliseconds(playout, depth) * MILLISECOND)


def _milliseconds(playout: Playout, depth: int) -> int:
    return -(-playout.depth_ns(depth) // MILLISECOND)


def _seconds(playout: Playout, depth: int) -> float:
    return _milliseconds(playout, depth) / 1000
