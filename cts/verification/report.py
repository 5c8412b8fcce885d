"""What came of a verification, as text and as JSON."""

from __future__ import annotations

from attrs import asdict

from cts.units import counted, format_duration
from cts.verification.verify import Verification

__all__ = ["verification_json", "verification_text"]

_SCHEMA = 1


def verification_text(verification: Verification) -> str:
    """Return a line with the answer, a line for each difference, and what could not be decided."""
    found = verification.differences_total
    lines = [f"differs: {counted(found, 'difference')} in {_compared(verification)}"]
    if verification.agrees:
        lines = [f"agrees: {_compared(verification)}"]
    if (why := verification.unrelated) is not None:
        return f"differs: the two logs are not of one run: {why}; {counted(found, 'difference')}, of which --json lists some"
    lines += map(str, verification.differences)
    if found > len(verification.differences):
        lines.append(f"and {found - len(verification.differences):,} more")
    if verification.order_open_frames:
        apart = format_duration(2 * verification.tolerance_ns)
        frames = counted(verification.order_open_frames, "frame")
        lines.append(f"transit or extents not judged, arrivals within {apart} of each other: {frames}")
    if verification.times_apart_ns:
        lines.append(f"times apart: {format_duration(verification.times_apart_ns)} at most")
    if verification.known_after_ns > 0:
        lines.append(
            f"begun before the datagram that tells of it: {format_duration(verification.known_after_ns)} at most"
        )
    if verification.sent:
        lines.append(
            f"sent by the server, of which its clients judge the frames: {counted(verification.sent, 'stream')}"
        )
    near = f"within {format_duration(verification.tolerance_ns)} of an edge"
    if verification.undecidable_frames:
        lines.append(f"undecidable, {near}: {counted(verification.undecidable_frames, 'frame')}")
    for row in verification.streams:
        if row.undecidable is not None:
            lines.append(f"undecidable, {near}: stream {row.stream}: {row.undecidable}")
    if verification.cut_short:
        lines.append(f"compared up to where it was cut short: {counted(verification.cut_short, 'stream')}")
    if verification.unanswered:
        lines.append(f"reached the server and began nothing: {counted(verification.unanswered, 'START')}")
    return "\n".join(lines)


def verification_json(verification: Verification) -> dict[str, object]:
    """Return the same as one JSON object; times are nanoseconds in the truth's time."""
    return {
        "schema": _SCHEMA,
        "agrees": verification.agrees,
        "tolerance_ns": verification.tolerance_ns,
        "times_apart_ns": verification.times_apart_ns,
        "datagrams": verification.datagrams,
        "frames": {
            "compared": verification.frames,
            "by_datagram": verification.frames_by_datagram,
            "order_open": verification.order_open_frames,
            "late_datagrams": verification.late_datagrams,
            "undecidable": verification.undecidable_frames,
        },
        "streams": {
            "compared": len(verification.streams),
            "undecidable": verification.undecidable_streams,
            "cut_short": verification.cut_short,
            "unanswered": verification.unanswered,
            "rows": [asdict(row) for row in verification.streams],
        },
        "differences": {
            "total": verification.differences_total,
            "listed": [asdict(difference) for difference in verification.differences],
        },
    }


def _compared(verification: Verification) -> str:
    streams, frames = len(verification.streams), counted(verification.frames, "frame")
    by_datagram = f"{verification.frames_by_datagram:,} datagram by datagram"
    return f"{counted(streams, 'stream')}, {frames} ({by_datagram}), {counted(verification.datagrams, 'datagram')}"
