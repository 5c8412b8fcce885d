"""What holds a stream back: the part of its score that lacks most, or a path that is too narrow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from cts.metrics.loss import LossByPlace
from cts.metrics.media_totals import MediaTotals
from cts.metrics.narrow_path import full_queue_ns
from cts.metrics.quality_of_outcome import Term
from cts.output.figures import about_time, percentage, rate_of
from cts.output.media_text import quality_of
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.results import RunReport
from cts.units import SECOND

__all__ = ["held_back", "held_back_there"]

_OWN_AT_MOST = Fraction(5, 100)
"""Share of what was missing that may be a host's doing where a path is said to be too narrow."""


def held_back(report: RunReport) -> Iterator[str]:
    """Say what takes most from the score (Quality of Outcome). Of latency only its variation is known."""
    totals, plan = report.metrics, report.common_plan
    if totals is None or plan is None or not totals.datagrams.received:
        return
    outcome = quality_of(totals, plan, report.profile)
    way = "down" if report.judged is Direction.PULL else "up"
    if (carried := _carried(report, totals, plan, way)) is not None:
        # Loss and delay are both its doing.
        yield carried
    elif outcome.limiting is Term.LATENCY and outcome.percentile is not None:
        varies = totals.drift.pdv.percentile(outcome.percentile)
        if varies is not None:
            yield f"held back by {outcome.percentile:g} % delay variation {way}, {about_time(varies)}"
    elif outcome.limiting is not None and (late := _too_late(report, totals)) is not None:
        # Neither loss nor the rate knows of it, and a deeper buffer would.
        yield f"held back by delay {way}: {late}"
    elif outcome.limiting is Term.LOSS:
        lost = percentage(totals.datagrams.lost, totals.datagrams.due)
        yield f"held back by loss {way}, {lost} of datagrams"
    elif outcome.limiting is Term.RATE:
        yield f"held back by the rate {way}, of which {outcome.profile} use needs more"


def held_back_there(loss: LossByPlace, role: str) -> Iterator[str]:
    """Say what held streams back that this run sends, by what who received them told.

    Peers tell bytes by place. Whether a path is too narrow shows in delay and in when it lost what, of which they tell nothing.
    """
    # A server may send whatever its own settings say.
    way = "down" if role == "server" else "up"
    if 2 * (loss.not_sent + loss.sent_late) > loss.missing or not loss.missing:
        # This host's own doing, of which it knows by itself.
        return
    lost, late = (percentage(part, loss.due) for part in (loss.never_came, loss.late))
    if loss.late > loss.never_came:
        more = f", and {lost} never came" if loss.never_came else ""
        yield f"held back by delay {way} (by the peer): {late} of the bytes due came too late for the buffer{more}"
    elif loss.never_came:
        yield f"held back by loss {way} (by the peer), {lost} of the bytes due"


def _too_late(report: RunReport, totals: MediaTotals) -> str | None:
    """Say how much the way brought too late; None where it lost as much, or the sender was what was late."""
    datagrams, loss = totals.datagrams, report.loss
    if datagrams.late <= datagrams.lost or loss.sent_late > loss.late:
        return None
    late, lost = (percentage(part, datagrams.due) for part in (datagrams.late, datagrams.lost))
    return f"{late} of datagrams came too late for the buffer" + (f", and {lost} were lost" if datagrams.lost else "")


def _carried(report: RunReport, totals: MediaTotals, plan: StreamPlan, way: str) -> str | None:
    """Say what the path carries of what it was offered, and what that rests on; None where the data do not bear it."""
    received, loss = [result for result in report.results if result.role is Role.RECEIVER], report.loss
    streams, together = len(received), {(each.remote.host, each.started_ns // SECOND) for each in received}
    own = loss.not_sent + loss.sent_late + loss.kernel_at_most(report.snapshot.overflowed)
    if totals.streams != streams or len(together) != 1 or own > _OWN_AT_MOST * loss.missing:
        # Streams that did not run at once, or to several ends, did not share a queue.
        return None
    queue_ns = full_queue_ns(totals.blocks, totals.variation, late=totals.datagrams.late > 0)
    if queue_ns is None:
        return None
    # The path was busy until the queue was empty again.
    busy_ns = report.snapshot.counts.frames.rendered * plan.interval_ns // streams + queue_ns
    carried = 8 * (loss.due - loss.not_sent - loss.never_came) * SECOND // busy_ns
    of = rate_of(carried, streams * plan.sent_bits_per_second)
    rests_on = f"what is lost is lost steadily, behind a queue that stays at {about_time(queue_ns)}"
    return f"held back by a path {way} that carries about {of} ({rests_on})"
