"""Media metrics of a run and of its streams, as JSON and in words."""

from __future__ import annotations

from math import ceil

from cts.metrics.media_figures import figures_of, media_outcome, outcome_figures
from cts.metrics.media_totals import MediaTotals
from cts.metrics.quality_of_outcome import ROOM, Profile, QualityOfOutcome, Term
from cts.metrics.viewing import ViewingTotals
from cts.output.figures import about_time, percentage
from cts.protocol.plan import StreamPlan
from cts.records.results import RunReport
from cts.units import counted, format_rate

__all__ = ["longest_stall_text", "media_json", "media_rows", "quality_of"]


_LIMITS = {
    Term.LATENCY: "latency is",
    Term.LOSS: "data that is lost or too late is",
    Term.RATE: "the rate is",
}
_CONTENT = "such use bears what delay and loss there is"
"""A use may bear frames that are lacking, and a stream that lacks some is told to play with loss."""


def media_json(totals: MediaTotals | None, plan: StreamPlan | None, profile: Profile) -> dict[str, object] | None:
    """Return all metrics, each as in docs/metrics.md; None where they are not known, and no outcome of several plans."""
    if totals is None:
        return None
    outcome = None if plan is None else outcome_figures(quality_of(totals, plan, profile), profile)
    return {**figures_of(totals), "outcome": outcome}


def media_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return how delay varied, what a viewer saw, and the score, as rows; none where nothing was received."""
    totals, plan = report.metrics, report.common_plan
    if totals is None or not totals.datagrams.received:
        return []
    score = [] if plan is None else _score_rows(totals, plan, report.profile)
    return [*_jitter_rows(totals), *_freeze_rows(totals), *_reordering_rows(totals), *score]


def quality_of(totals: MediaTotals, plan: StreamPlan, profile: Profile) -> QualityOfOutcome:
    """Return Quality of Outcome of streams of a plan."""
    return media_outcome(totals, profile, interval_ns=plan.interval_ns, offered=plan.sent_bits_per_second)


def _jitter_rows(totals: MediaTotals) -> list[tuple[str, str]]:
    pdv = totals.drift.pdv
    median, most = pdv.percentile(50), pdv.percentile(99)
    if median is None or most is None or pdv.greatest is None:
        return []
    if not pdv.greatest:
        return [("jitter", "none: no frame took longer than the fastest")]
    # A line over the whole stream may have none of its pieces steep enough to be taken out.
    drift = ", without the clocks' drift" if totals.drift.drifting and totals.drift.residual.count else ""
    times = f"{about_time(median)} median, 99 % within {about_time(most)}, at most {about_time(pdv.greatest)}"
    return [("jitter", f"{times}: how much longer frames took than the fastest{drift}")]


def _freeze_rows(totals: MediaTotals) -> list[tuple[str, str]]:
    viewing = totals.viewing
    if not viewing.freeze_ns:
        lacking = viewing.frames - viewing.rendered
        # Else it would seem that who watched saw nothing of it.
        few = "never so many in a row as a freeze takes (cts explain freezes)"
        but = (
            f"; {counted(lacking, 'frame')} {'was' if lacking == 1 else 'were'} not shown, but {few}"
            if lacking > 0
            else ""
        )
        return [("freezes", f"none{but}")] if viewing.delays else []
    share = percentage(viewing.freeze_ns, viewing.watched_ns)
    longest = about_time(viewing.longest_stall)
    return [("freezes", f"{viewing.freezes:,}; the picture stood still {share} of the time, at most {longest} at once")]


def longest_stall_text(viewing: ViewingTotals) -> str:
    """Write the longest time without a new picture; none where each frame followed the one before it."""
    mean_ns = viewing.mean_delay_ns
    # Two intervals are a frame that was skipped; intervals differ by a nanosecond.
    if mean_ns is not None and viewing.rendered == viewing.frames and viewing.longest_stall < 2 * mean_ns:
        return "none"
    return about_time(viewing.longest_stall)


def _reordering_rows(totals: MediaTotals) -> list[tuple[str, str]]:
    reordering = totals.reordering
    if not reordering.reordered:
        return []
    share, most = percentage(reordering.reordered, reordering.received), reordering.extents.greatest or 0
    behind = f"behind later ones, by at most {counted(most, 'datagram')}"
    return [("reordered", f"{counted(reordering.reordered, 'datagram')} ({share}) came {behind}")]


def _score_rows(totals: MediaTotals, plan: StreamPlan, profile: Profile) -> list[tuple[str, str]]:
    outcome = quality_of(totals, plan, profile)
    if outcome.score is None:
        return []
    limited = _CONTENT if outcome.limiting is None else f"{_LIMITS[outcome.limiting]} what limits it"
    use = f"{profile.name} use"
    if profile.rate is not None:
        needs, offers = format_rate(profile.rate), format_rate(plan.bits_per_second)
        enough = format_rate(ceil(ROOM * profile.rate))
        # A stream that offers no more than what is wanted cannot show a lack of it.
        tested = (
            f"tested with {offers}" if outcome.rate is not None else f"which only a stream of {enough} or more tests"
        )
        use += f", which needs {needs}, {tested}"
    return [("score", f"{int(outcome.score)} of 100 for {use} (Quality of Outcome): {limited}")]
