"""The answer in words: whether the stream plays, with which buffer, and what holds it back. A pure function of a report.

What the report does not know is not said; so a replay says the same, byte for byte.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

from cts.expectations.judging import Judgement
from cts.metrics.counters import FrameTotals
from cts.metrics.host import Trust, Verdict
from cts.metrics.playout import Playout
from cts.output.absence_text import absence_of, never_began_sentence, why
from cts.output.expectation_text import verdict_sentence
from cts.output.figures import about_time, discarded_causes, percentage, seconds
from cts.output.held_back import held_back, held_back_there
from cts.output.peer_text import cut_off_there, failed_there, loss_of_peers, sent_beside, verdicts_text
from cts.output.playing import PLAYS, apart_text, plan_text, verb_of
from cts.output.playout_text import up_to_known
from cts.output.trust_text import reason_of
from cts.protocol.control.results import CUT_OFF
from cts.protocol.remark import FELL_SILENT
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.records.snapshots import Outcome
from cts.records.stream_results import StreamResult
from cts.units import MILLISECOND, counted, format_duration

__all__ = ["answer_of"]

_TRIED_NEXT = ("99", "95")
_TOO_FEW = 30
"""Frames: of fewer, all of which played, one in ten may be lost all the same (95 % limit 3 / n, the "rule of three")."""


def answer_of(report: RunReport, judgements: Sequence[Judgement] = ()) -> str:
    """Return the answer: a sentence on the stream, before it what speaks against the numbers, behind it what went wrong.

    Args:
        report: of the run.
        judgements: what became of the run's expectations.
    """
    begun, counts = report.begun, report.snapshot.counts
    measured = counts.bytes_received or counts.bytes_sent
    sentences = [*(_distrust(report.trust) if measured else ())]
    if (absent := absence_of(report)) is not None:
        sentences.append(absent)
    else:
        sentences += [_finding(begun, report), *(sent_beside(begun) if begun.served_both else ())]
        sentences += [*_failed(begun), *never_began_sentence(report)]
    sentences += _stopped(report)
    if (verdict := verdict_sentence(judgements)) is not None:
        sentences.append(verdict)
    return " ".join(
        _capital(sentence if sentence.endswith("?") else f"{sentence.rstrip('.')}.") for sentence in sentences
    )


def _distrust(trust: Trust | None) -> Iterator[str]:
    if trust is None or trust.verdict is Verdict.TRUSTED:
        return
    said = "these numbers are not to be believed" if trust.verdict is Verdict.WRONG else "these numbers are doubtful"
    yield f"{said}: {reason_of(trust)}"


def _finding(report: RunReport, whole: RunReport) -> str:
    """Return what is found of streams that began; ``whole`` has those that never did, too."""
    snapshot = report.snapshot
    counts = snapshot.counts
    if not (_streams(report) or counts.bytes_received or counts.bytes_sent):
        asked = sum(snapshot.refused.values()) or _streams(whole)
        nobody = ": nobody asked for one" if report.role == "server" and not asked else ""
        return f"no stream began in {seconds(report.elapsed_ns)} s{nobody}"
    if Role.RECEIVER not in report.roles:
        return "; ".join(_what_left(report))
    if not counts.bytes_received:
        return "; ".join(_nothing_arrived(report))
    if report.settings_disagree:
        return f"how {_of_received(report)} would have played is not known: the other end has other settings"
    frames = counts.frames
    played = frames.completed + frames.repeated
    if frames.rendered < _TOO_FEW:
        were = "was" if frames.rendered == 1 else "were"
        due = f"{counted(frames.rendered, 'frame')} {were} due, {played:,} of which played"
        return f"too little to tell: {due if frames.rendered else 'no frame was due'}"
    if _failures(report) >= _streams(report):
        end = "their end" if _streams(report) > 1 else "its end"
        return f"{_of_what(report)} did not play to {end}: {played:,} of {frames.rendered:,} frames were whole in time"
    # What ended too soon was held back by that.
    why_not = tuple(_ended_too_soon(report)) or tuple(held_back(report))
    apart = _apart(report, [(end, end.counts.frames) for end in report.received])
    plays = (_play(report, played), *_worst(report)) if apart is None else (apart,)
    return "; ".join((*plays, *why_not, *_own_loss(report)))


def _apart(report: RunReport, streams: Sequence[tuple[StreamResult, FrameTotals]], where: str = "") -> str | None:
    """Say how many of streams of several plans play; None where they have one, all do, or not each is told of."""
    if report.common_plan is not None or report.streams_omitted or len(streams) < _received(report):
        return None
    return apart_text(_of_received(report), streams, where)


def _what_left(report: RunReport) -> Iterator[str]:
    """Say what a run that only sends knows: what left this host."""
    snapshot, loss = report.snapshot, report.loss
    sent, there = snapshot.counts.bytes_sent, _played_there(report)
    yield from there
    of_what = _of_what(report) if not there else "it" if _streams(report) == 1 else "them"
    causes = f" ({next(iter(snapshot.unsent))})" if snapshot.unsent else ""
    if not sent:
        yield f"nothing of {of_what} left this host{causes}"
        return
    if loss.not_sent:
        yield f"{percentage(loss.not_sent, loss.due)} of what was due of {of_what} did not leave this host{causes}"
    elif loss.due:
        yield f"all that was due of {of_what} left this host, {sent:,} bytes"
    else:
        yield f"{sent:,} bytes of {of_what} left this host"
    if report.send_lateness.count:
        late = report.send_lateness.percentile(99)
        yield f"99 % of frames did within {about_time(late)} of their time" if late else "each frame did in its time"
    if snapshot.unreachable:
        yield f"the network said {counted(snapshot.unreachable, 'time')} that a peer does not get it"
    if not there:
        yield cut_off_there(report, _streams(report)) or "whether it played, the receiving end knows"


def _played_there(report: RunReport) -> Sequence[str]:
    """Say how it played where it was received, as far as all who received it have told at its end."""
    peers = report.snapshot.counts.peers
    frames = peers.frames
    outcomes = Counter(None if stream.end.peer is None else stream.end.peer.outcome for stream in report.streams)
    if not peers.receiving or peers.finished < _streams(report) or None in outcomes:
        return ()
    # What cannot be is not counted: of such an end the outcome alone is told.
    all_counted = peers.receiving >= _streams(report)
    if failed := failed_there(stream.end for stream in report.streams):
        who = _of_what(report) if _streams(report) == 1 else f"{failed.total():,} of {_of_what(report)}"
        told = f": {verdicts_text(peers)}" if frames.rendered else ""
        return (f"{who} failed at the other end ({failed.most_common(1)[0][0]}){told}",)
    if CUT_OFF in outcomes or not all_counted or frames.rendered < _TOO_FEW:
        return ()
    loss = loss_of_peers(report) if frames.dropped else None
    why_not = () if loss is None else held_back_there(loss, report.role)
    streams = [(stream.end, stream.end.peer.totals.frames) for stream in report.streams if stream.end.peer is not None]
    if (apart := _apart(report, streams, " at the other end")) is not None:
        return (apart, *why_not)
    verb = verb_of(frames.completed + frames.repeated, frames.rendered, several=_streams(report) > 1)
    return (f"{_of_what(report)} {verb} at the other end: {verdicts_text(peers)}", *why_not)


def _nothing_arrived(report: RunReport) -> Iterator[str]:
    snapshot, late = report.snapshot, report.late
    useless = snapshot.counts.frames.error
    yield f"nothing{' of use' if useless else ''} arrived of {_of_received(report)}"
    if useless:
        causes = discarded_causes(snapshot.counts.arrivals)
        yield f"{counted(useless, 'datagram')} came that had to be discarded{causes and f' ({causes})'}"
    if late.streams:
        after = f"{-(-late.soonest_ns // MILLISECOND):,} ms"
        yield f"it came {after} after the {format_duration(late.waited_ns)} buffer had run out"
    if snapshot.unreachable:
        yield f"the network said {counted(snapshot.unreachable, 'time')} that nobody is there"
    if report.role == "loopback":
        sent = snapshot.counts.bytes_sent
        yield f"{sent:,} bytes had been sent" if sent else "nothing had been sent"


def _play(report: RunReport, played: int) -> str:
    """Say whether it plays, and with which buffer."""
    rendered = report.snapshot.counts.frames.rendered
    several = _received(report) > 1
    what = _capital(_of_received(report))
    plays = "play" if several else "plays"
    dropped = f"{percentage(rendered - played, rendered)} of frames were not whole in time"
    playout = report.playout if report.playout is not None and report.playout.frames else None
    enough = None if playout is None else playout.smallest(Fraction(PLAYS))
    if playout is not None and enough is not None:
        known = "" if playout.frames >= rendered else f" (known of {playout.frames:,} of {rendered:,} frames)"
        buffer = _with_article(_time(playout, enough))
        if enough > playout.buffered_frames:
            set_to = (
                ""
                if report.common_plan is None
                else f" with the {format_duration(report.common_plan.buffer_depth_ns)} buffer"
            )
            would = f"{buffer} buffer would have been enough for {PLAYS} % of them{known}"
            return f"{what} {verb_of(played, rendered, several=several)}{set_to}: {dropped}; {would}"
        but = "" if played == rendered else f", but {dropped}"
        return f"{what} {plays} with {buffer} buffer{known}{but}"
    verb = verb_of(played, rendered, several=several)
    if verb == plays:
        but = "" if played == rendered else f", but {dropped}"
        return f"{what} {plays} with the buffer that was set{but}"
    return f"{what} {verb}: {dropped}" + ("" if playout is None else f", and {_no_buffer(playout)}")


def _no_buffer(playout: Playout) -> str:
    """Say that no buffer would have let nearly all frames play, and how many one that is deeper would have."""
    none = f"no buffer{up_to_known(playout)} would have let {PLAYS} % of them play"
    for share in _TRIED_NEXT:
        depth = playout.smallest(Fraction(share))
        if depth is not None:
            deeper = depth > playout.buffered_frames
            return f"{none} ({_time(playout, depth)} would, {share} %)" if deeper else none
    return none


def _worst(report: RunReport) -> Iterator[str]:
    """Of many streams say how the worst one fared, where it fared worse than all together."""
    shares = [
        (result.counts.frames.dropped, result.counts.frames.rendered)
        for result in report.results
        if result.role is Role.RECEIVER and result.counts.frames.rendered
    ]
    if len(shares) < 2:
        return
    dropped, rendered = max(shares, key=lambda share: Fraction(*share))
    if any(dropped * others != lost * rendered for lost, others in shares):
        yield f"of the worst stream {percentage(dropped, rendered)} were dropped"


def _ended_too_soon(report: RunReport) -> Iterator[str]:
    """Say of streams that came whether their senders were cut off, or fell silent, before their end."""
    ends = report.received
    cut = sum(end.peer is not None and end.peer.outcome == CUT_OFF for end in ends)
    silent = [end.remark for end in ends if end.remark is not None and end.remark.startswith(FELL_SILENT)]
    if cut:
        who = f"the sending ends of {cut:,} of them were" if cut > 1 else "the sending end of 1 of them was"
        who = "the sending end was" if len(ends) == 1 else who
        loss = report.loss
        unsent = (
            f", so that {percentage(loss.not_sent, loss.due)} of what was due was not sent" if loss.not_sent else ""
        )
        yield f"{who} cut off before the stream was over{unsent}"
    elif silent and silent[0] is not None:
        yield silent[0].partition(":")[0] if len(ends) == 1 else f"the peers of {len(silent):,} of them fell silent"


def _own_loss(report: RunReport) -> Iterator[str]:
    """Say how much of what was missing was this host's own doing."""
    loss = report.loss
    if not loss.missing:
        return
    if in_kernel := loss.kernel_at_most(report.snapshot.overflowed):
        yield f"up to {percentage(in_kernel, loss.missing)} of what was missing was your own receiver"
    if report.role == "loopback":
        if own := loss.not_sent + loss.sent_late:
            yield f"{percentage(own, loss.missing)} of what was missing was your own sender"
    elif loss.sent_late:
        yield f"{percentage(loss.sent_late, loss.missing)} of what was missing had left its sender too late"


def _failed(report: RunReport) -> Iterator[str]:
    if failed := _failures(report):
        ends = (end for stream in report.streams for end in (stream.end, *stream.others) if end.failed)
        streams = _streams(report)
        yield f"{'the stream' if streams == 1 else f'{failed:,} of {streams:,} streams'} failed{why(ends)}"
    if report.failures:
        yield f"of the run itself {counted(len(report.failures), 'thing')} went wrong"


def _stopped(report: RunReport) -> Iterator[str]:
    if report.events_ended:
        yield f"the run's events end after {seconds(report.run_ns)} s, before it did"
    elif report.interrupted:
        yield f"it was stopped after {seconds(report.run_ns)} s"
    elif report.snapshot.cut_off_by_time_limit:
        yield f"it was cut off by run.time_limit after {seconds(report.run_ns)} s"


def _failures(report: RunReport) -> int:
    """Return how many streams failed."""
    outcomes = report.snapshot.outcomes
    return outcomes.get(Outcome.NETWORK_ERROR, 0) + outcomes.get(Outcome.PROTOCOL_ERROR, 0)


def _streams(report: RunReport) -> int:
    """Return how many streams there were."""
    return max(sum(report.snapshot.outcomes.values()) + report.snapshot.open_streams, len(report.streams))


def _of_what(report: RunReport) -> str:
    plan, streams = report.common_plan, _streams(report)
    if plan is None:
        return "the stream" if streams <= 1 else f"the {streams:,} streams"
    return plan_text(plan) if streams <= 1 else f"{streams:,} streams of {plan_text(plan)}"


def _received(report: RunReport) -> int:
    """Return how many of them are judged here."""
    return len(report.received) if report.served_both else _streams(report)


def _of_received(report: RunReport) -> str:
    streams = _received(report)
    if not report.served_both:
        return _of_what(report)
    return "the stream that came" if streams == 1 else f"the {streams:,} streams that came"


def _time(playout: Playout, depth: int) -> str:
    return format_duration(-(-playout.depth_ns(depth) // MILLISECOND) * MILLISECOND)


def _with_article(time: str) -> str:
    """Write ``a 180 ms``, ``an 80 ms``."""
    article = "an" if re.match(r"8|1[18](?!\d)", time) else "a"
    return f"{article} {time}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
