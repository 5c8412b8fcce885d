"""What a status interval brought, as numbers for programs: a fixed set of keys, in base units, each a number or None.

``cts/schemas/interval.json`` says what each one is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cts.metrics.unsent import Unsent, UnsentFrames
from cts.output.figures import whole_milliseconds
from cts.output.slices import NOTHING_YET, bytes_measured, slice_rate
from cts.protocol.roles import Role
from cts.records.snapshots import Outcome, RunSnapshot
from cts.units import SECOND

__all__ = ["Figures", "IntervalReader", "interval_keys"]

Figures = dict[str, int | float | None]

_OF_THE_MOMENT = ("until_seconds", "interval_seconds", "open_streams")


class IntervalReader:
    """Turns a run's snapshots, which count from the beginning, into what each interval between them brought.

    What the intervals of a run count adds up to what its summary does, but for streams that never began:
    which these are is known at the end.

    Args:
        measure: whose bytes make the rate.
        least_ns: how long an interval counts at least for its rate, nanoseconds (as in :class:`cts.output.slices.SliceReader`).
        both: whether that side may play both parts, as there.
    """

    def __init__(self, measure: Role, least_ns: int = 0, *, both: bool = False) -> None:
        self._bytes = partial(bytes_measured, measure=measure, both=both)
        self._least_ms = whole_milliseconds(least_ns)
        self._before = NOTHING_YET

    def read(self, snapshot: RunSnapshot) -> Figures | None:
        """Return the interval from the snapshot before to this one; None where no time passed and nothing came."""
        figures = _between(self._before, snapshot, self._bytes, self._least_ms)
        counted = (value for key, value in figures.items() if key not in _OF_THE_MOMENT and value)
        if not figures["interval_seconds"] and not any(counted):
            return None
        self._before = snapshot
        return figures


def interval_keys() -> tuple[str, ...]:
    """Return the keys that every interval has, in their order."""
    return tuple(_between(NOTHING_YET, NOTHING_YET, lambda _: 0, 0))


def _between(before: RunSnapshot, after: RunSnapshot, size_of: Callable[[RunSnapshot], int], least_ms: int) -> Figures:
    ms = whole_milliseconds(after.elapsed_ns) - whole_milliseconds(before.elapsed_ns)
    size = size_of(after) - size_of(before)
    frames = after.counts.frames - before.counts.frames
    peers = after.counts.peers.frames - before.counts.peers.frames
    arrivals = after.counts.arrivals - before.counts.arrivals
    due = after.counts.due - before.counts.due
    delays = after.delays - before.delays
    unsent, unsent_before = _all(after.unsent), _all(before.unsent)
    ended = {outcome: after.outcomes.get(outcome, 0) - before.outcomes.get(outcome, 0) for outcome in Outcome}
    return {
        "until_seconds": whole_milliseconds(after.elapsed_ns) / 1000,
        "interval_seconds": ms / 1000,
        "open_streams": after.open_streams,
        "bits_per_second": slice_rate(size, max(ms, least_ms)),
        "frames_completed": frames.completed,
        "frames_dropped": frames.dropped,
        "frames_repeated": frames.repeated,
        "frames_hidden_losses": frames.hidden_losses,
        "peer_frames_completed": peers.completed,
        "peer_frames_dropped": peers.dropped,
        "peer_frames_repeated": peers.repeated,
        "bytes_due": due.due,
        "bytes_missing": due.missing,
        "bytes_late": due.late,
        "missing_share": due.missing / due.due if due.due else None,
        "bytes_received": after.counts.bytes_received - before.counts.bytes_received,
        "bytes_on_time": after.counts.bytes_on_time - before.counts.bytes_on_time,
        "bytes_sent": after.counts.bytes_sent - before.counts.bytes_sent,
        "delay_variation_seconds": _mean(delays.variation_ns, delays.frames),
        "delay_variation_p99_seconds": _seconds(delays.within.percentile(99)),
        "jitter_seconds": _mean(delays.step_ns, delays.steps),
        "datagrams_on_time": arrivals.on_time,
        "datagrams_duplicate": arrivals.duplicate,
        "datagrams_late": arrivals.late,
        "datagrams_ahead": arrivals.ahead,
        "datagrams_no_such_frame": arrivals.no_such_frame,
        "datagrams_undecodable": arrivals.undecodable,
        "datagrams_wrong_payload": arrivals.wrong_payload,
        "datagrams_unexpected": arrivals.unexpected,
        "datagrams_handshake": arrivals.handshake,
        "datagrams_refused": sum(after.refused.values()) - sum(before.refused.values()),
        "datagrams_overflowed": after.overflowed - before.overflowed,
        "unreachable": after.unreachable - before.unreachable,
        "frames_unsent": unsent.frames - unsent_before.frames,
        "unsent_seconds": (unsent.time_ns - unsent_before.time_ns) / SECOND,
        "streams_successful": ended[Outcome.SUCCESSFUL],
        "streams_network_errors": ended[Outcome.NETWORK_ERROR],
        "streams_protocol_errors": ended[Outcome.PROTOCOL_ERROR],
        "streams_cancelled": ended[Outcome.CANCELLED],
    }


def _all(unsent: UnsentFrames) -> Unsent:
    return Unsent(*map(sum, zip(Unsent(), *unsent.values(), strict=True)))


def _mean(total_ns: int, count: int) -> float | None:
    return round(total_ns / count / SECOND, 9) if count else None


def _seconds(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / SECOND
