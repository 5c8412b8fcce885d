"""What is said to people when a run is over: one block of text. A pure function of a report; programs get ``summary_json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cts.errors import meaning_of
from cts.metrics.counters import FrameTotals
from cts.output.absence_text import absence_of, never_began_text
from cts.output.answer import answer_of
from cts.output.expectation_text import expectation_rows
from cts.output.figures import (
    about_rate,
    about_time,
    discarded_causes,
    outcome_counts,
    overflow_text,
    percentage,
    refused_text,
    seconds,
    two_columns,
    unsent_text,
)
from cts.output.loss_text import loss_rows
from cts.output.media_text import media_rows
from cts.output.peer_text import peer_rows
from cts.output.playout_text import playout_rows
from cts.output.remarks import remark_rows
from cts.output.stream_lines import shown_id
from cts.output.summary_json import judgements_of
from cts.output.trust_text import trust_rows
from cts.protocol.control.results import CUT_OFF
from cts.protocol.remark import FELL_SILENT
from cts.protocol.roles import Direction, Role
from cts.records.late import LateArrivals
from cts.records.results import RunReport
from cts.records.snapshots import Outcome, StreamSnapshot
from cts.records.stream_results import StreamResult
from cts.units import MILLISECOND, SECOND, counted, format_duration

__all__ = ["hidden_losses_text", "summary_rows", "summary_text"]

MAX_FAILURES_LISTED = 10
MAX_PEERS_LISTED = 5
_IDLE_NS = SECOND // 10
"""Time after the last stream that is worth a word."""
_FAILED = (Outcome.NETWORK_ERROR, Outcome.PROTOCOL_ERROR)


def summary_text(report: RunReport) -> str:
    """Return the report as a block of lines for people, without a line end after the last."""
    told_already = absence_of(report) is not None
    failures = _failures_of_run(report) + ([] if told_already else _failures(report))
    return "\n".join([answer_of(report, judgements_of(report)), "", *two_columns(summary_rows(report)), *failures])


def summary_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return the rows of that, each with its name; those with none go on from the one before."""
    snapshot, begun = report.snapshot, report.begun
    counts = begun.snapshot.counts
    who = _who_sends(report)
    rows = [(report.role, f"{who}; {_how_long(report)}"), *_labels(report)]
    if (cut_off := snapshot.cut_off_by_time_limit) is not None:
        ending = f" and cut off {counted(cut_off, 'stream')}" if cut_off else "; no stream was open"
        rows.append(("time limit", f"ended the run{ending}"))
    none = report.never_began
    absent = f", {len(none):,} never began" if none else ""
    rows.append(("streams", _outcomes_text(begun) + absent))
    judgements = judgements_of(report)
    if absence_of(report) is not None:
        # The answer tells all there is.
        return rows + expectation_rows(judgements)
    roles = report.roles
    if Role.RECEIVER in roles and (begun.streams or not none):
        if not begun.settings_disagree:
            rows += _verdict_rows(counts.frames)
        rows += _received_rows(counts, _known_of(report, Role.RECEIVER))
        if not begun.settings_disagree:
            rows += loss_rows(begun) + playout_rows(begun) + media_rows(begun)
    elif counts.bytes_sent and not counts.peers.receiving:
        other = "server, which receives" if report.role == "client" else "clients, which receive"
        rows.append(
            (
                "verdicts",
                f"with the {other}: here a stream ends well once each frame has been sent or its time has passed",
            )
        )
    if Role.SENDER in roles:
        rows.append(("sent", f"{counts.bytes_sent:,} bytes{_known_of(report, Role.SENDER)}"))
    for cause, unsent in snapshot.unsent.items():
        rows.append(("unsent", unsent_text(cause, unsent)))
        rows += [("", meaning)] if (meaning := meaning_of(cause)) is not None else []
    rows += peer_rows(report) + _stream_rates(report)
    lateness = report.send_lateness.percentiles()
    if lateness.greatest:
        median, most, greatest = (about_time(ns) for ns in (lateness.p50, lateness.p99, lateness.greatest))
        rows.append(("send delay", f"{median} median, 99 % within {most}, at most {greatest}: how late frames left"))
    if ignored := sum(snapshot.refused.values()):
        of = f"{counted(ignored, 'datagram')} that began no stream"
        rows.append(("ignored", f"{of}: {refused_text(snapshot.refused)}"))
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


def _how_long(report: RunReport) -> str:
    """Return how long a run was: to the end of its last stream, or, where it did not end by itself, to its own."""
    interrupted = ", where its events end" if report.events_ended else ", interrupted" if report.interrupted else ""
    if not (interrupted or report.snapshot.cut_off_by_time_limit is not None):
        return f"{seconds(report.elapsed_ns)} s"
    idle = report.run_ns - report.elapsed_ns >= _IDLE_NS and report.streams
    last = f"; the last stream ended at {seconds(report.elapsed_ns)} s" if idle else ""
    return f"{seconds(report.run_ns)} s{interrupted}{last}"


def _outcomes_text(report: RunReport) -> str:
    """Write what became of streams; of a client's that were whole here and not at the other end, that."""
    there = Counter(_told_there(end) for end in report.results if _failed_there_alone(report, end))
    here = Counter(report.snapshot.outcomes)
    here[Outcome.SUCCESSFUL] -= there.total()
    texts = outcome_counts(here, Outcome.SUCCESSFUL) + [f"{count:,} {told}" for told, count in there.items()]
    silent = sum(
        end.outcome is Outcome.SUCCESSFUL and (end.remark or "").startswith(FELL_SILENT)
        for end in report.results
        if not _failed_there_alone(report, end)
    )
    if silent:
        one = here[Outcome.SUCCESSFUL] == silent == 1
        whose = "its peer" if one else f"the {'peer' if silent == 1 else 'peers'} of {silent:,} of them"
        texts[0] += f", though {whose} fell silent"
    return ", ".join(texts)


def _failed_there_alone(report: RunReport, end: StreamResult) -> bool:
    """Tell whether a client's stream has failed by the other end's word alone."""
    return report.role == "client" and end.outcome is Outcome.SUCCESSFUL and end.failed_there


def _told_there(end: StreamResult) -> str:
    told = None if end.peer is None else end.peer.outcome
    return "cut off at the other end" if told == CUT_OFF else f"failed at the other end ({told})"


def _failures_of_run(report: RunReport) -> list[str]:
    return [f"failed: {text}" for text in report.failures]


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


def _known_of(report: RunReport, role: Role) -> str:
    """Return what stands behind a number of bytes where an end of that role took what it had counted last with it."""
    return " at least" if any(end.role is role and not end.counted for end in _ends(report)) else ""


def _verdict_rows(frames: FrameTotals) -> list[tuple[str, str]]:
    """Return what became of frames."""
    verdicts = (
        ("completed", frames.completed),
        ("dropped", frames.dropped),
        ("duplicated", frames.repeated),
    )
    rows = [(f"{name} frames", f"{count:,} ({percentage(count, frames.rendered)})") for name, count in verdicts]
    if frames.hidden_losses:
        rows.append(("hidden loss", hidden_losses_text(frames.hidden_losses)))
    return rows


def _received_rows(counts: StreamSnapshot, known: str) -> list[tuple[str, str]]:
    """Return what came of frames, in bytes, and what was of no use."""
    in_time = (
        f", {percentage(counts.bytes_on_time, counts.bytes_received)} of it in time" if counts.bytes_received else ""
    )
    rows = [("received", f"{counts.bytes_received:,} bytes{known}{in_time}")]
    if counts.frames.error:
        causes = discarded_causes(counts.arrivals)
        rows.append(("discarded", f"{counted(counts.frames.error, 'datagram')}{causes and ': ' + causes}"))
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
    there = [stream for stream in report.streams if _failed_there_alone(report, stream.end)]
    failed = [stream for stream in report.streams if stream.outcome in _FAILED or stream in there]
    total = max(len(failed), sum(report.snapshot.outcomes.get(outcome, 0) for outcome in _FAILED) + len(there))
    if not total:
        return []
    listed = failed[:MAX_FAILURES_LISTED]
    lines = ["", "failed streams:"]
    absent = report.never_began
    for stream in listed:
        text_of = never_began_text if stream in absent else _result_of
        told = dict.fromkeys(_failure(end, text_of(end)) for end in (stream.end, *stream.others) if end.failed)
        if _failed_there_alone(report, stream.end):
            told = {_failure(stream.end, _told_there(stream.end)): None}
        lines += [f"  {text}" for text in told]
    if total > len(listed):
        lines.append(f"  and {total - len(listed):,} more")
    return lines


def _result_of(end: StreamResult) -> str:
    return end.result


def _failure(result: StreamResult, text: str) -> str:
    # A stream that could not even have a socket has no address either.
    local = result.local if result.local.port else "no socket"
    return f"{local} - {result.remote} [{shown_id(result.connection_id)}]: {text}"
