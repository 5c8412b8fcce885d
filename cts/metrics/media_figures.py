"""Media metrics as plain figures for JSON: seconds, shares, counts; what is not known is None."""

from __future__ import annotations

from collections.abc import Mapping

from cts.metrics.confidence import Limits
from cts.metrics.distribution import PERCENTS, Distribution, Lengths
from cts.metrics.loss_runs import LossRunTotals
from cts.metrics.media_totals import MediaTotals
from cts.metrics.quality_of_outcome import Profile, QualityOfOutcome, outcome_of

__all__ = ["Figures", "figures_of", "media_outcome", "outcome_figures"]

Figures = Mapping[str, object]
"""Names to numbers, None, text, or figures."""

_NANO = 1_000_000_000


def figures_of(totals: MediaTotals) -> dict[str, object]:
    """Return all metrics; each name is defined in docs/metrics.md."""
    return {
        "streams": totals.streams,
        "frames": _frames(totals),
        "datagrams": _datagrams(totals),
        "loss_runs": _loss_runs(totals.runs),
        "reordering": {
            "reordered": totals.reordering.reordered,
            "ratio": totals.reordering.ratio,
            "extent": _counts(totals.reordering.extents),
        },
        "delay_variation": {
            "pdv": _times(totals.variation.pdv),
            "ipdv": _times(totals.variation.ipdv),
            "jitter": _times(totals.variation.jitter),
            "frame_spread": _times(totals.variation.spread),
            "unusable_frames": totals.unusable,
        },
        "clock_drift": _drift(totals),
        "viewing": _viewing(totals),
    }


def media_outcome(totals: MediaTotals, profile: Profile, *, interval_ns: int, offered: float) -> QualityOfOutcome:
    """Return Quality of Outcome of a stream, or of streams together, for one profile.

    Latency is delay variation, with the clocks' drift removed where there is any, since one-way delay is not known; loss is
    of datagrams that never came; the rate is what came in time, of a stream in the mean.

    Args:
        totals: of the streams.
        profile: what an application wants.
        interval_ns: between frames.
        offered: bits per second of a stream.
    """
    time_ns = totals.viewing.frames * interval_ns
    rate = totals.bytes_in_time * 8 / (time_ns / _NANO) if time_ns else None
    return outcome_of(profile, totals.drift.pdv.percentile, totals.datagrams.loss_ratio, rate, offered)


def outcome_figures(outcome: QualityOfOutcome, profile: Profile) -> dict[str, object]:
    """Return a score and its parts, what it is held against, and what latency stands for."""
    return {
        "profile": outcome.profile,
        "profile_bits_per_second": profile.rate,
        "score": outcome.score,
        "limiting": None if outcome.limiting is None else outcome.limiting.value,
        "latency": outcome.latency,
        "latency_percentile": outcome.percentile,
        "latency_is": "delay variation",
        "loss": outcome.loss,
        "rate": outcome.rate,
    }


def _frames(totals: MediaTotals) -> dict[str, object]:
    viewing = totals.viewing
    return {
        "due": viewing.frames,
        "played": viewing.rendered,
        "played_share": _limits(totals.blocks.played()),
        "one_datagram_short": totals.datagrams.one_short,
    }


def _datagrams(totals: MediaTotals) -> dict[str, object]:
    datagrams = totals.datagrams
    return {
        "due": datagrams.due,
        "in_time": datagrams.in_time,
        "late": datagrams.late,
        "lost": datagrams.lost,
        "duplicate": datagrams.duplicate,
        "unknown": datagrams.unknown,
        "late_share": datagrams.late_ratio,
        "loss_share": _limits(totals.blocks.lost()),
        "duplicate_share": datagrams.duplication_ratio,
        "late_by": _times(datagrams.late_by),
    }


def _loss_runs(runs: LossRunTotals) -> dict[str, object] | None:
    if not runs.known:
        return None
    model = runs.model
    return {
        "known": runs.known,
        "runs": runs.runs.count,
        "length": _counts(runs.runs),
        "gap": _counts(runs.gaps),
        "distance": _counts(runs.distances),
        "model": None
        if model is None
        else {"p": model.p, "r": model.r, "run_error": model.run_error, "gap_error": model.gap_error},
    }


def _drift(totals: MediaTotals) -> dict[str, object]:
    drift = totals.drift
    return {
        "least_ppm": drift.ppm.least,
        "greatest_ppm": drift.ppm.greatest,
        "drifting_streams": drift.drifting,
        "residual": _times(drift.residual),
        "pdv": _times(drift.pdv) if drift.residual.count else None,
    }


def _viewing(totals: MediaTotals) -> dict[str, object]:
    viewing = totals.viewing
    known = viewing.frames > 0
    mean_ns, variance = viewing.mean_delay_ns, viewing.delay_variance
    return {
        "freezes": viewing.freezes if known else None,
        "freeze_seconds": viewing.freeze_ns / _NANO if known else None,
        "pauses": viewing.pauses if known else None,
        "pause_seconds": viewing.pause_ns / _NANO if known else None,
        "longest_stall_seconds": viewing.longest_stall / _NANO if viewing.watched_ns else None,
        "frozen_share": viewing.frozen_share,
        "inter_frame_delay_seconds": None if mean_ns is None else mean_ns / _NANO,
        "inter_frame_delay_variance": None if variance is None else variance / _NANO**2,
    }


def _limits(limits: Limits | None) -> dict[str, float] | None:
    return None if limits is None else {"share": limits.share, "low": limits.low, "high": limits.high}


def _times(spread: Distribution) -> dict[str, float | int] | None:
    if not spread.count or spread.least is None or spread.greatest is None:
        return None
    percentiles = {_name_of(percent): spread.percentile(percent) or 0 for percent in PERCENTS}
    times = {"least": spread.least, **percentiles, "greatest": spread.greatest}
    return {"count": spread.count, **{f"{name}_seconds": time_ns / _NANO for name, time_ns in times.items()}}


def _counts(lengths: Lengths) -> dict[str, int] | None:
    if lengths.least is None or lengths.greatest is None:
        return None
    percentiles = {_name_of(percent): lengths.percentile(percent) or 0 for percent in PERCENTS}
    return {"count": lengths.count, "least": lengths.least, **percentiles, "greatest": lengths.greatest}


def _name_of(percent: float) -> str:
    return f"p{percent:g}".replace(".", "")
