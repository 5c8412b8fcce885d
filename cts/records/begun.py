"""Streams that began, told apart from those that never did and say nothing of how the network carries media."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from cts.metrics.counters import total_of
from cts.metrics.media import MediaTotals
from cts.metrics.playout import PlayoutSum
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.records.snapshots import Outcome
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds

__all__ = ["never_began", "of_those_that_began"]


def never_began(report: RunReport) -> tuple[StreamEnds, ...]:
    """Return the streams that were asked for and never began, as far as they are listed.

    Neither end sent or received a byte of them, nor did both agree on them, nor did a server name one to a client that is here.
    Where data came of some stream once it had been given up none is among them: it may be the one.
    """
    return () if report.late.streams else tuple(stream for stream in report.streams if _is_unheard(stream, report.role))


def of_those_that_began(report: RunReport) -> RunReport:
    """Return a report without streams that never began: they count among no frames, bytes, outcomes and metrics."""
    absent = never_began(report)
    if not absent:
        return report
    left = tuple(stream for stream in report.streams if not _is_unheard(stream, report.role))
    counts = report.snapshot.counts
    frames = total_of([stream.end.counts.frames for stream in absent])
    due = total_of([stream.end.counts.due for stream in absent])
    outcomes = Counter(report.snapshot.outcomes) - Counter(stream.outcome for stream in absent)
    begun = evolve(
        report,
        streams=left,
        snapshot=evolve(
            report.snapshot,
            counts=evolve(counts, frames=counts.frames - frames, due=counts.due - due),
            outcomes=dict(outcomes),
        ),
    )
    # What the streams that are not listed any more add to these is not known apart.
    return begun if report.streams_omitted else _measured_by_those_left(begun)


def _measured_by_those_left(report: RunReport) -> RunReport:
    received = [stream.end for stream in report.streams if stream.end.role is Role.RECEIVER]
    playout = PlayoutSum()
    for end in received:
        playout.add(end.playout)
    known = [end.metrics for end in received if end.metrics is not None]
    return evolve(report, playout=playout.playout, metrics=MediaTotals.of(known) if known else None)


def _is_unheard(stream: StreamEnds, role: str) -> bool:
    if role == "client" and stream.end.connection_id != UNKNOWN_CONNECTION_ID:
        # The server named it, and so sent it; by itself a name says nothing, for a server names what strangers ask for.
        return False
    for end in (stream.end, *stream.others):
        counts = end.counts
        if end.role is Role.SENDER and counts.due.due:
            return False
        if counts.bytes_received or counts.bytes_sent or counts.frames.error or end.peer is not None:
            return False
    # Of a stream whose counts went with their process, nothing is known.
    return stream.end.counted and stream.outcome is not Outcome.SUCCESSFUL
