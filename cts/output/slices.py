"""What happened between two statuses of a run: the arithmetic of the status log and of the status lines."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from cts.metrics.counters import FrameTotals
from cts.output.figures import whole_milliseconds
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot, StreamSnapshot

__all__ = ["SliceReader", "StatusSlice", "bytes_measured", "slice_rate"]

NOTHING_YET = RunSnapshot(elapsed_ns=0, open_streams=0, counts=StreamSnapshot())


@frozen
class StatusSlice:
    """One row of status.

    Attributes:
        ended_ns: the slice's end, nanoseconds since the run began.
        bits_per_second: over the slice.
        open_streams: streams at its end.
        frames: verdicts and errors of the slice alone.
    """

    ended_ns: int
    bits_per_second: int
    open_streams: int
    frames: FrameTotals


def bytes_measured(snapshot: RunSnapshot, measure: Role, *, both: bool = False) -> int:
    """Return the run's bytes on the side that is measured: received, sent, or either by a side of both parts."""
    counts = snapshot.counts
    received = counts.bytes_received if both or measure is Role.RECEIVER else 0
    return received + (counts.bytes_sent if both or measure is Role.SENDER else 0)


def slice_rate(size: int, slice_ms: int) -> int:
    """Return the bits per second that ``size`` bytes in ``slice_ms`` are, rounded down; a slice counts as 1 ms at least."""
    return size * 8 * 1000 // max(1, slice_ms)


class SliceReader:
    """Turns a run's snapshots, which count from the beginning, into slices.

    Args:
        measure: whose bytes make the rate.
        least_ns: how long a slice counts at least, nanoseconds: a frame interval, or the one frame of a run's last moment would
            make any rate.
        both: whether that side may play both parts, as a server does that is asked for either.
    """

    def __init__(self, measure: Role, least_ns: int = 0, *, both: bool = False) -> None:
        self._bytes = partial(bytes_measured, measure=measure, both=both)
        self._least_ms = whole_milliseconds(least_ns)
        self._previous = NOTHING_YET
        self._began = False

    def read(self, snapshot: RunSnapshot) -> StatusSlice | None:
        """Return the slice from the previous snapshot to this one; None for a moment told twice with nothing new."""
        previous = self._previous
        slice_ms = whole_milliseconds(snapshot.elapsed_ns - previous.elapsed_ns)
        size = self._bytes(snapshot) - self._bytes(previous)
        frames = snapshot.counts.frames - previous.counts.frames
        unchanged = not size and frames == FrameTotals() and snapshot.open_streams == previous.open_streams
        if self._began and slice_ms == 0 and unchanged:
            return None
        self._began = True
        self._previous = snapshot
        return StatusSlice(
            ended_ns=snapshot.elapsed_ns,
            bits_per_second=slice_rate(size, max(slice_ms, self._least_ms)),
            open_streams=snapshot.open_streams,
            frames=frames,
        )
