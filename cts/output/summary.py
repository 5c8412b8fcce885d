"""What is said when a run is over: one JSON object for programs, one block of text for people. Pure functions of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrs import asdict

from cts import __version__
from cts.errors import meaning_of
from cts.expectations.judging import Judgement, judge
from cts.metrics.unsent import UnsentFrames
from cts.output.absence_text import absence_of
from cts.output.answer import answer_of
from cts.output.buffer_text import buffers_json
from cts.output.expectation_text import expectation_rows, expectations_json
from cts.output.figures import (
    about_rate,
    about_time,
    discarded_causes,
    outcome_counts,
    overflow_text,
    percentage,
    seconds,
    two_columns,
    unsent_text,
    whole_milliseconds,
)
from cts.output.loss_text import loss_json, loss_rows, stream_loss_json
from cts.output.media_text import media_json, media_rows
from cts.output.peer_text import peer_json, peer_rows, peers_json
from cts.output.plan_words import plan_json
from cts.output.playout_text import playout_json, playout_rows
from cts.output.remarks import remark_rows
from cts.output.stream_lines import shown_id
from cts.output.trust_text import seconds_json, trust_json, trust_rows
from cts.protocol.roles import Direction, Role
from cts.records.begun import never_began, of_those_that_began
from cts.records.late import LateArrivals
from cts.records.provenance import provenance_written
from cts.records.results import RunReport
from cts.records.snapshots import Outcome, StreamSnapshot
from cts.records.stream_results import StreamEnds, StreamResult
from cts.units import MILLISECOND, counted, format_duration

__all__ = ["SUMMARY_SCHEMA", "judgements_of", "summary_json", "summary_rows", "summary_text"]

SUMMARY_SCHEMA = 2
"""Rises when a key changes its meaning or goes, or the order of the first ones changes; new keys do not raise it."""
MAX_FAILURES_LISTED = 10
MAX_PEERS_LISTED = 5
_FAILED = (Outcome.NETWORK_ERROR, Outcome.PROTOCOL_ERROR)


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
    snapshot, begun = report.snapshot, of_those_that_began(report)
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
        "streams_never_began": len(never_began(report)),
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


def summary_text(report: RunReport) -> str:
    """Return the report as a block of lines for people, without a line end after the last."""
    told_already = absence_of(report) is not None
    failures = _failures_of_run(report) + ([] if told_already else _failures(report))
    return "\n".join([answer_of(report, judgements_of(report)), "", *two_columns(summary_rows(report)), *failures])


def summary_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return the rows of that, each with its name; those with none go on from the one before."""
    snapshot, begun = report.snapshot, of_those_that_began(report)
    counts = begun.snapshot.counts
    interrupted = ", interrupted" if report.interrupted else ""
    who = _who_sends(report)
    rows = [(report.role, f"{who}; {seconds(report.elapsed_ns)} s{interrupted}"), *_labels(report)]
    if (cut_off := snapshot.cut_off_by_time_limit) is not None:
        ending = f" and cut off {counted(cut_off, 'stream')}" if cut_off else "; no stream was open"
        rows.append(("time limit", f"ended the run{ending}"))
    absent = f", {len(none)} of which never began" if (none := never_began(report)) else ""
    rows.append(("streams", ", ".join(outcome_counts(snapshot.outcomes, Outcome.SUCCESSFUL)) + absent))
    judgements = judgements_of(report)
    if absence_of(report) is not None:
        # The answer tells all there is.
        return rows + expectation_rows(judgements)
    roles = report.roles
    if Role.RECEIVER in roles and (begun.streams or not none):
        rows += _frame_rows(counts) + loss_rows(begun) + playout_rows(begun) + media_rows(begun)
    elif counts.bytes_sent and not counts.peers.receiving:
        other = "server, which receives" if report.role == "client" else "clients, which receive"
        rows.append(
            (
                "verdicts",
                f"with the {other}: here a stream ends well once each frame has been sent or its time has passed",
            )
        )
    if Role.SENDER in roles:
        rows.append(("sent", f"{counts.bytes_sent:,} bytes"))
    for cause, unsent in snapshot.unsent.items():
        rows.append(("unsent", unsent_text(cause, unsent)))
        rows += [("", meaning)] if (meaning := meaning_of(cause)) is not None else []
    rows += peer_rows(report) + _stream_rates(report)
    lateness = report.send_lateness.percentiles()
    if lateness.greatest:
        median, most, greatest = (about_time(ns) for ns in (lateness.p50, lateness.p99, lateness.greatest))
        rows.append(("send delay", f"{median} median, 99 % within {most}, at most {greatest}: how late frames left"))
    if ignored := sum(snapshot.refused.values()):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(snapshot.refused.items()) if count)
        rows.append(("ignored", f"{counted(ignored, 'datagram')} that began no stream: {reasons}"))
    if snapshot.overflowed:
        rows.append(("overflow", overflow_text(snapshot.overflowed, report.buffers)))
    elif Role.RECEIVER in roles and report.buffers is not None and counts.bytes_received:
        # Only where real sockets had something to lose it says something that it is nothing.
        rows.append(("overflow", "none: this host took all that reached it"))
    if report.answered:
        rows.append(("answered", f"of a name's addresses: {', '.join(map(str, report.answered))}"))
    if snapshot.unreachable:
        said = f"the network said {counted(snapshot.unreachable, 'time')} that a peer does not get what is sent to it"
        rows.append(("unreachable", f"{said}: nobody there, or a firewall"))
    rows += [("note", text) for text in report.notes]
    rows += _not_reached(report) + remark_rows(_ends(report)) + _late_rows(report.late)
    rows += trust_rows(report.trust)
    return rows + expectation_rows(judgements)


def _failures_of_run(report: RunReport) -> list[str]:
    return [f"failed: {text}" for text in report.failures]


def _sends(report: RunReport) -> bool:
    """Tell whether it sent, or would have if anybody had asked."""
    return Role.SENDER in report.roles or (report.role == "server" and report.direction.server_role is Role.SENDER)


def _who_sends(report: RunReport) -> str:
    if report.served_both:
        received = len(report.received)
        return f"both directions: {received:,} pushed, {len(report.results) - received:,} pulled"
    direction = report.judged
    if report.role == "server" and report.roles == {Role.SENDER}:
        direction = Direction.PULL
    return f"{direction.value}: the {'server' if direction.server_role is Role.SENDER else 'client'} sends"


def _labels(report: RunReport) -> list[tuple[str, str]]:
    """Return the user's words for the run."""
    provenance = report.provenance
    if provenance is None:
        return []
    words = {"title": provenance.title or "", "tags": ", ".join(provenance.tags)}
    return [(name, " ".join(text.split())) for name, text in words.items() if text]


def _ends(report: RunReport) -> Iterator[StreamResult]:
    """Yield both ends of every stream, as far as they are here."""
    for stream in report.streams:
        yield from (stream.end, *stream.others)


def _frame_rows(counts: StreamSnapshot) -> list[tuple[str, str]]:
    """Return what became of frames, and of the datagrams that they came in."""
    frames = counts.frames
    verdicts = (
        ("completed", frames.completed),
        ("dropped", frames.dropped),
        ("duplicated", frames.repeated),
    )
    rows = [(f"{name} frames", f"{count:,} ({percentage(count, frames.rendered)})") for name, count in verdicts]
    if frames.hidden_losses:
        rows.append(("hidden loss", hidden_losses_text(frames.hidden_losses)))
    in_time = (
        f", {percentage(counts.bytes_on_time, counts.bytes_received)} of it in time" if counts.bytes_received else ""
    )
    rows.append(("received", f"{counts.bytes_received:,} bytes{in_time}"))
    if frames.error:
        causes = discarded_causes(counts.arrivals)
        rows.append(("discarded", f"{counted(frames.error, 'datagram')}{causes and ': ' + causes}"))
    return rows


def hidden_losses_text(frames: int) -> str:
    """Write in how many frames the original's rule would have hidden a loss."""
    return f"{counted(frames, 'frame')} that the original's rule would call completed or duplicated"


def _late_rows(late: LateArrivals) -> list[tuple[str, str]]:
    """Return what came of streams that had been given up, as a row."""
    if not late.streams:
        return []
    soonest, latest = (f"{-(-time_ns // MILLISECOND):,}" for time_ns in (late.soonest_ns, late.latest_ns))
    after = soonest if soonest == latest else f"{soonest} to {latest}"
    came = f"the first datagram came {after} ms after the {format_duration(late.waited_ns)} buffer had run out"
    more = f"{counted(late.datagrams, 'datagram')} within the next second"
    return [
        ("note", f"{counted(late.streams, 'stream')}: {came} ({more}): a longer stream.buffer_depth waits for them")
    ]


def _stream_rates(report: RunReport) -> list[tuple[str, str]]:
    """Return the rate that streams measured, of receivers where there are any."""
    measured = [result for result in report.results if result.bits_per_second > 0]
    receivers = [result for result in measured if result.role is Role.RECEIVER]
    rates = sorted(result.bits_per_second for result in receivers or measured)
    if not rates:
        return []
    if len(rates) == 1:
        return [("rate", about_rate(rates[0]))]
    low, middle, high = (about_rate(rate) for rate in (rates[0], rates[(len(rates) - 1) // 2], rates[-1]))
    return [("rate", f"{middle} a stream, the median of {len(rates):,} ({low} to {high})")]


def _not_reached(report: RunReport) -> list[tuple[str, str]]:
    """Return the peers of streams that were not reached, those first of which it was said most often."""
    times: Counter[str] = Counter()
    for result in _ends(report):
        times[str(result.remote)] += result.counts.unreachable
    peers = [f"{peer} ({counted(count, 'time')})" for peer, count in times.most_common() if count]
    more = [f"{len(peers) - MAX_PEERS_LISTED:,} more"] if len(peers) > MAX_PEERS_LISTED else []
    return [("not reached", ", ".join(peers[:MAX_PEERS_LISTED] + more))] if peers else []


def _failures(report: RunReport) -> list[str]:
    """Return the ends that failed of the first failed streams, and how many more of these there were."""
    failed = [stream for stream in report.streams if stream.outcome in _FAILED]
    total = max(len(failed), sum(report.snapshot.outcomes.get(outcome, 0) for outcome in _FAILED))
    if not total:
        return []
    listed = failed[:MAX_FAILURES_LISTED]
    lines = ["", "failed streams:"]
    for stream in listed:
        told = dict.fromkeys(_failure(end) for end in (stream.end, *stream.others) if end.failed)
        lines += [f"  {text}" for text in told]
    if total > len(listed):
        lines.append(f"  and {total - len(listed):,} more")
    return lines


def _failure(result: StreamResult) -> str:
    # A stream that could not even have a socket has no address either.
    local = result.local if result.local.port else "no socket"
    return f"{local} - {result.remote} [{shown_id(result.connection_id)}]: {result.result}"
