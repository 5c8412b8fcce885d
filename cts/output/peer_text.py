"""What the other ends of streams told, as JSON and in words: their verdicts or how they sent, and their clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import asdict

from cts.metrics.clock_figures import ClockFigures, DelayFigures
from cts.metrics.loss import LossByPlace
from cts.metrics.peer_clock import ClockEstimate
from cts.output.figures import about_time, percentage
from cts.output.loss_text import loss_texts, places_json
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.results import CUT_OFF
from cts.protocol.roles import Role
from cts.records.peer_end import PeerEnd, PeerTotals
from cts.records.results import RunReport
from cts.records.stream_results import SUCCEEDED, StreamResult
from cts.units import SECOND, counted

__all__ = [
    "cut_off_there",
    "failed_there",
    "loss_of_peers",
    "path_texts",
    "peer_json",
    "peer_rows",
    "peers_json",
    "sending_text",
    "sent_beside",
    "told_of_end",
    "verdicts_text",
]

NOT_RECEIVED = "peer's results: not received"
_MEDIA = "a frame's fastest datagram in time"
"""Whose one-way delay is told beside that of control: behind a queue all else, and what is too late, takes much longer."""


def peer_json(peer: PeerEnd | None) -> dict[str, object] | None:
    """Return what a stream's other end told; None where it was begun by START."""
    if peer is None:
        return None
    counts = peer.counts
    return {
        "result": peer.outcome,
        "received": None if counts is None or counts.received is None else _received(counts.received),
        "sent": None if counts is None or counts.sent is None else _sent(counts.sent),
        "acknowledged": peer.acknowledged,
        "key": peer.key_name,
        "clock": _clock(peer.clock),
        "control": asdict(peer.control),
    }


def peers_json(report: RunReport) -> dict[str, object] | None:
    """Return what all other ends told last, added up; None where all streams were begun by START."""
    peers = report.snapshot.counts.peers
    if not peers.streams:
        return None
    received = sent = None
    if peers.receiving:
        loss = loss_of_peers(report)
        received = {
            "streams": peers.receiving,
            "frames": asdict(peers.frames),
            "arrivals": asdict(peers.arrivals),
            "bytes_received": peers.bytes_received,
            "loss": None if loss is None else places_json(loss, both=True),
        }
    if peers.sending:
        sent = {
            "frames_due": peers.frames_due,
            "frames_unsent": peers.frames_unsent,
            "bytes_sent": peers.bytes_sent,
            "lateness_greatest_seconds": peers.lateness / SECOND,
        }
    numbers = {"streams": peers.streams, "results": peers.finished}
    return {**numbers, "received": received, "sent": sent}


def peer_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return what other ends told and what is known of their clocks, as rows; none of streams that START began."""
    peers = report.snapshot.counts.peers
    if not peers.streams:
        return []
    rows = [] if report.role == "loopback" else _told_rows(report, peers)
    return rows + _clock_rows(report)


def verdicts_text(peers: PeerTotals) -> str:
    """Write what receiving peers made of frames."""
    frames = peers.frames
    texts = [f"{frames.completed:,} frames completed ({percentage(frames.completed, frames.rendered)})"]
    texts.append(f"{frames.dropped:,} dropped")
    texts += [f"{frames.repeated:,} duplicated"] if frames.repeated else []
    texts += [f"{counted(frames.error, 'datagram')} discarded"] if frames.error else []
    return ", ".join(texts)


def sending_text(peers: PeerTotals) -> str:
    """Write how sending peers sent."""
    if not peers.frames_unsent:
        late = f", at most {about_time(peers.lateness)} late" if peers.frames_due else ""
        return f"all of {counted(peers.frames_due, 'frame')} that were due were sent{late}"
    unsent = f"{counted(peers.frames_unsent, 'frame')} of {peers.frames_due:,} could not be sent"
    return f"{unsent}, the others left at most {about_time(peers.lateness)} late"


def told_of_end(peer: PeerEnd | None) -> str:
    """Return what the other end of a stream that has ended told, to stand behind what this one says; empty for START."""
    if peer is None:
        return ""
    key = "" if peer.key_name is None else f"; key {peer.key_name}"
    if peer.outcome is None:
        return f"{key}; {NOT_RECEIVED}"
    totals = peer.totals
    told = "counts that cannot be"
    if totals.receiving or totals.sending:
        told = verdicts_text(totals) if totals.receiving else sending_text(totals)
    return f"{key}; its peer says: {peer.outcome}, {told}"


def cut_off_there(report: RunReport, streams: int) -> str | None:
    """Say how many other ends of so many streams told that they were cut off, by which a client has failed; None for none."""
    cut = sum(end.peer is not None and end.peer.outcome == CUT_OFF for end in report.results)
    which = "it was" if streams == 1 else f"{cut:,} of them {'was' if cut == 1 else 'were'}"
    return f"{which} cut off at the other end" if cut else None


def failed_there(ends: Iterable[StreamResult]) -> Counter[str]:
    """Count as what ends that send failed at their other ends, as far as these told."""
    told = (end.peer.outcome for end in ends if end.peer is not None)
    return Counter(each for each in told if each not in (None, SUCCEEDED, CUT_OFF))


def sent_beside(report: RunReport) -> Iterator[str]:
    """Say of a server that received streams how those did that it sent, as far as their clients told."""
    peers = report.snapshot.counts.peers
    ends = [end for end in report.results if end.role is Role.SENDER]
    told = sum(end.peer is not None and end.peer.outcome is not None for end in ends)
    one = len(ends) == 1
    sent, failed = f"{counted(len(ends), 'stream')} {'was' if one else 'were'} sent", failed_there(ends)
    if told == len(ends) and peers.frames.rendered:
        text = f"{sent}, of which the other {'end tells' if one else 'ends tell'}: {verdicts_text(peers)}"
    elif peers.frames.rendered:
        to_the_end = "not to the end" if one else f"{told:,} to the end"
        text = f"{sent}, of which the other {'end' if one else 'ends'} told, {to_the_end}: {verdicts_text(peers)}"
    else:
        text = f"{sent}, {report.snapshot.counts.bytes_sent:,} bytes"
        if not failed:
            text += f"; whether {'it' if one else 'they'} played, the receiving {'end knows' if one else 'ends know'}"
    if failed:
        who = "it" if one else f"{failed.total():,} of them"
        text += f"; {who} failed there ({failed.most_common(1)[0][0]})"
    yield text


def _told_rows(report: RunReport, peers: PeerTotals) -> list[tuple[str, str]]:
    rows = []
    if peers.receiving:
        rows.append(("received there", verdicts_text(peers)))
        loss = loss_of_peers(report)
        if loss is not None and loss.missing:
            rows.append(("missing there", loss_texts(loss)))
    if peers.sending:
        rows.append(("sent there", sending_text(peers)))
    lacking = peers.streams - peers.finished
    if lacking:
        of = "" if peers.streams == 1 else f" of {lacking:,} of {counted(peers.streams, 'stream')}"
        rows.append(("peer's results", f"not received{of}"))
    return rows


def loss_of_peers(report: RunReport) -> LossByPlace | None:
    """Return where bytes were lost that receiving peers lack; None while not all of them have told."""
    sent = [stream.loss for stream in report.streams if stream.end.role is Role.SENDER]
    known = [loss for loss in sent if loss is not None]
    return sum(known, LossByPlace()) if len(known) == len(sent) and not report.streams_omitted else None


def _received(counts: ReceiverCounts) -> dict[str, object]:
    return {
        "elapsed_seconds": counts.elapsed_ns / SECOND,
        "frames": asdict(counts.frames),
        "arrivals": asdict(counts.arrivals),
        "bytes_received": counts.bytes_received,
        "bytes_on_time": counts.bytes_on_time,
    }


def _sent(counts: SenderCounts) -> dict[str, object]:
    times = {
        "p50": counts.lateness_p50_ns / SECOND,
        "p99": counts.lateness_p99_ns / SECOND,
        "greatest": counts.lateness_greatest_ns / SECOND,
    }
    return {
        "elapsed_seconds": counts.elapsed_ns / SECOND,
        "frames_due": counts.frames_due,
        "frames_unsent": counts.frames_unsent,
        "bytes_sent": counts.bytes_sent,
        "lateness_seconds": times if counts.lateness_count else None,
    }


def _clock(clock: ClockFigures | None) -> dict[str, object] | None:
    if clock is None:
        return None
    drift = clock.drift
    trips = clock.round_trip_least_ns, clock.round_trip_p50_ns, clock.round_trip_p99_ns
    return {
        "exchanges": clock.exchanges,
        "round_trip_seconds": dict(zip(("least", "p50", "p99"), (trip / SECOND for trip in trips), strict=True)),
        "offset": _estimate(clock.offset),
        "drift_ppm": None if drift is None else drift.value / 1000,
        "drift_error_ppm": None if drift is None else drift.error / 1000,
        "steps": clock.steps,
        "to_peer": _delays(clock.to_peer),
        "from_peer": _delays(clock.from_peer),
        "media": None if clock.media is None else _delays(clock.media),
    }


def _delays(delays: DelayFigures) -> dict[str, object]:
    estimates = {name: _estimate(getattr(delays, name)) for name in ("least", "p50", "p99")}
    return {"count": delays.count, **estimates}


def _estimate(estimate: ClockEstimate) -> dict[str, float]:
    # A float has 53 bits: what it rounds off is part of the error.
    error = estimate.error + 1 + (abs(estimate.value) >> 50)
    return {"seconds": estimate.value / SECOND, "error_seconds": error / SECOND}


def path_texts(report: RunReport) -> list[tuple[str, str]]:
    """Return the round trip and the delays of each way with their bounds, by name; of one stream, as for :func:`_clock_of`."""
    clock, clocks, slowest = _clock_of(report)
    if clock is None:
        return []
    ways = [("one way to the peer", clock.to_peer), ("one way from the peer", clock.from_peer)]
    if clock.media is not None:
        ways.append((f"one way, {_MEDIA}", clock.media))
    return [("round trip", f"{_trips(clock)}{_of_many(clocks, slowest)}")] + [
        (name, f"{_about(way.least)} at least, {_about(way.p50)} median, 99 % within {_about(way.p99)}")
        for name, way in ways
    ]


def _clock_rows(report: RunReport) -> list[tuple[str, str]]:
    clock, clocks, slowest = _clock_of(report)
    if clock is None:
        return []
    there, back = _about(clock.to_peer.p50), _about(clock.from_peer.p50)
    texts = [f"round trip {_trips(clock)}", f"one way {there} there, {back} back"]
    if clock.media is not None:
        texts.append(f"{_MEDIA} {_about(clock.media.p50)}")
    if clock.drift is not None:
        texts.append(_gain(clock.drift))
    return [("path", f"{'; '.join(texts)}{_of_many(clocks, slowest)}")]


def _gain(drift: ClockEstimate) -> str:
    """Write by how much the other clock is faster; in a value's place its bound, where that is as much or more."""
    if abs(drift.value) <= drift.error:
        most = about_time(abs(drift.value) + drift.error)
        return f"whether the other clock gains is not known, {most} a second at most either way"
    verb = "gains" if drift.value > 0 else "loses"
    return f"the other clock {verb} {about_time(abs(drift.value))} ± {about_time(drift.error)} a second"


def _clock_of(report: RunReport) -> tuple[ClockFigures | None, int, int]:
    """Return the clock of the stream whose round trip is the median of all, of how many one is known, and the longest one."""
    known = [stream.end.peer.clock for stream in report.streams if stream.end.peer is not None]
    clocks = sorted((each for each in known if each is not None), key=lambda clock: clock.round_trip_p50_ns)
    if not clocks:
        return None, 0, 0
    return clocks[(len(clocks) - 1) // 2], len(clocks), clocks[-1].round_trip_p50_ns


def _of_many(clocks: int, slowest: int) -> str:
    return f" (of the median of {clocks:,} streams; the worst has {about_time(slowest)})" if clocks > 1 else ""


def _trips(clock: ClockFigures) -> str:
    trips = (clock.round_trip_least_ns, clock.round_trip_p50_ns, clock.round_trip_p99_ns)
    least, middle, most = map(about_time, trips)
    return f"{least} at least, {middle} median, 99 % within {most}"


def _about(estimate: ClockEstimate) -> str:
    sign = "-" if estimate.value < 0 else ""
    return f"{sign}{about_time(abs(estimate.value))} ± {about_time(estimate.error)}"
