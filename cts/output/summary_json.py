"""What is said to programs when a run is over: one JSON object. A pure function of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import asdict

from cts import __version__
from cts.expectations.judging import Judgement, judge
from cts.metrics.unsent import UnsentFrames
from cts.output.answer import answer_of
from cts.output.buffer_text import buffers_json
from cts.output.expectation_text import expectations_json
from cts.output.figures import (
    whole_milliseconds,
)
from cts.output.loss_text import loss_json, stream_loss_json
from cts.output.media_text import media_json
from cts.output.peer_text import peer_json, peers_json
from cts.output.plan_words import plan_json
from cts.output.playout_text import playout_json
from cts.output.trust_text import seconds_json, trust_json
from cts.protocol.roles import Role
from cts.records.late import LateArrivals
from cts.records.provenance import provenance_written
from cts.records.results import RunReport
from cts.records.snapshots import Outcome
from cts.records.stream_results import StreamEnds, StreamResult

__all__ = ["SUMMARY_SCHEMA", "judgements_of", "summary_json"]

SUMMARY_SCHEMA = 2
"""Rises when a key changes its meaning or goes, or the order of the first ones changes; new keys do not raise it."""


def summary_json(report: RunReport) -> dict[str, object]:
    """Return the report as what ``json.dumps`` takes, what matters most first; ``cts/schemas/run.json`` has every key."""
    figures = _figures(report, [_stream(stream, report) for stream in report.streams])
    judgements = judge(report.expectations, figures)
    return {
        "schema": SUMMARY_SCHEMA,
        "cts": __version__,
        "answer": answer_of(report, judgements),
        **figures,
        "expectations": expectations_json(judgements),
        "provenance": None if report.provenance is None else provenance_written(report.provenance),
    }


def judgements_of(report: RunReport) -> tuple[Judgement, ...]:
    """Return what became of what was expected of a run."""
    if not report.expectations:
        return ()
    # Of single streams no more can be expected, and there may be ten thousand.
    rates = [{"bits_per_second": result.bits_per_second} for result in report.results]
    return judge(report.expectations, _figures(report, rates))


def _figures(report: RunReport, streams: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return all that was measured, with what is told of each stream."""
    snapshot, begun = report.snapshot, report.begun
    outcomes = snapshot.outcomes
    return {
        "role": report.role,
        "direction": report.direction.value,
        "elapsed_seconds": _seconds(report.elapsed_ns),
        "frames": asdict(begun.snapshot.counts.frames),
        "loss": loss_json(begun),
        "playout": playout_json(begun.playout),
        "trust": trust_json(report.trust),
        "metrics": media_json(begun.metrics, begun.common_plan, begun.profile),
        "connections": {
            "successful": outcomes.get(Outcome.SUCCESSFUL, 0),
            "network_errors": outcomes.get(Outcome.NETWORK_ERROR, 0),
            "protocol_errors": outcomes.get(Outcome.PROTOCOL_ERROR, 0),
            "cancelled": outcomes.get(Outcome.CANCELLED, 0),
        },
        "bytes_received": snapshot.counts.bytes_received,
        "streams": streams,
        "bytes_sent": snapshot.counts.bytes_sent if _sends(report) else None,
        "refused": dict(sorted(snapshot.refused.items())),
        "overflowed": snapshot.overflowed,
        "streams_omitted": report.streams_omitted,
        "streams_never_began": len(report.never_began),
        "interrupted": report.interrupted,
        "failures": list(report.failures),
        "send_lateness_seconds": seconds_json(report.send_lateness.percentiles()),
        "cut_off_by_time_limit": snapshot.cut_off_by_time_limit,
        "unreachable": snapshot.unreachable,
        "arrivals": asdict(snapshot.counts.arrivals),
        "unsent": _unsent(snapshot.unsent),
        "answered": [str(address) for address in report.answered],
        "bytes_on_time": snapshot.counts.bytes_on_time,
        "buffers": buffers_json(report.buffers),
        "seed": report.seed,
        "after_giving_up": _late(report.late),
        "notes": list(report.notes),
        "peers": peers_json(report),
    }


def _stream(stream: StreamEnds, report: RunReport) -> dict[str, object]:
    began_ns = report.began_ns
    return {
        **_end(stream.end, began_ns),
        "loss": stream_loss_json(stream),
        "playout": playout_json(stream.end.playout),
        "metrics": media_json(stream.end.metrics, stream.end.plan or report.plan, report.profile),
        "other_ends": [_end(other, began_ns) for other in stream.others],
        "plan": plan_json(stream.end.plan or report.plan),
    }


def _end(result: StreamResult, began_ns: int) -> dict[str, object]:
    return {
        "id": result.connection_id,
        "local": str(result.local),
        "remote": str(result.remote),
        "role": result.role.value,
        "result": result.result,
        "bits_per_second": result.bits_per_second,
        "frames": asdict(result.counts.frames),
        "started_seconds": _seconds(result.started_ns - began_ns),
        "ended_seconds": _seconds(result.ended_ns - began_ns),
        "bytes_received": result.counts.bytes_received,
        "bytes_sent": result.counts.bytes_sent if result.role is Role.SENDER else None,
        "send_lateness_seconds": seconds_json(result.send_lateness),
        "arrivals": asdict(result.counts.arrivals),
        "unsent": _unsent(result.counts.unsent),
        "bytes_on_time": result.counts.bytes_on_time,
        "unreachable": result.counts.unreachable,
        "remark": result.remark,
        "peer": peer_json(result.peer),
    }


def _late(late: LateArrivals) -> dict[str, float] | None:
    if not late.streams:
        return None
    times = {"waited": late.waited_ns, "soonest": late.soonest_ns, "latest": late.latest_ns}
    seconds = {f"{name}_seconds": _seconds(time_ns) for name, time_ns in times.items()}
    return {"streams": late.streams, "datagrams": late.datagrams, **seconds}


def _unsent(unsent: UnsentFrames) -> dict[str, dict[str, float]]:
    return {cause: {"frames": frames, "seconds": _seconds(time_ns)} for cause, (frames, time_ns) in unsent.items()}


def _seconds(duration_ns: int) -> float:
    return whole_milliseconds(duration_ns) / 1000


def _sends(report: RunReport) -> bool:
    """Tell whether it sent, or would have if anybody had asked."""
    return Role.SENDER in report.roles or (report.role == "server" and report.direction.server_role is Role.SENDER)
