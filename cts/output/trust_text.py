"""Whether a host was good enough for a run's numbers, as JSON and in a sentence."""

from __future__ import annotations

from cts.metrics.histogram import Percentiles
from cts.metrics.host import Cause, Doubt, Trust
from cts.output.figures import about_time
from cts.units import SECOND, counted

__all__ = ["reason_of", "seconds_json", "trust_json", "trust_rows"]


def trust_json(trust: Trust | None, *, sent: str = "frames") -> dict[str, object] | None:
    """Return the verdict, its reason and the figures behind it; None for nothing. ``sent`` is what was to be sent in time."""
    if trust is None:
        return None
    host = trust.figures
    figures = None
    if host is not None:
        figures = {
            "loop_lag_seconds": seconds_json(host.loop_lag.percentiles()),
            "read_delay_seconds": host.read_delay_ns / SECOND,
            "send_lateness_p99_seconds": host.send_lateness.percentile(99) / SECOND
            if host.send_lateness.count
            else None,
            "overflowed": host.overflowed,
            "process_share": _rounded(host.process_share),
            "host_share": _rounded(host.host_share),
            "stolen_share": _rounded(host.stolen_share),
            "preempted": host.preempted,
            "frame_interval_seconds": trust.interval_ns / SECOND,
            "buffer_seconds": trust.buffer_ns / SECOND,
        }
    return {"verdict": trust.verdict.value, "reason": reason_of(trust, sent=sent), "figures": figures}


def seconds_json(percentiles: Percentiles | None) -> dict[str, float] | None:
    """Return a distribution of nanoseconds in seconds, None for an empty one."""
    if percentiles is None or not percentiles.count:
        return None
    names = ("p50", "p99", "p999", "greatest")
    return {name: round(getattr(percentiles, name) / SECOND, 9) for name in names}


def trust_rows(trust: Trust | None, *, sent: str = "frames") -> list[tuple[str, str]]:
    """Return the verdict and its reason, as a row; ``sent`` as in :func:`trust_json`."""
    return [] if trust is None else [("trust", f"{trust.verdict.value}: {reason_of(trust, sent=sent)}")]


def reason_of(trust: Trust, *, sent: str = "frames") -> str:
    """Return why the verdict is what it is: the worst figure against its bound, or the best that can be said."""
    if trust.doubts:
        worst = trust.doubts[0]
        text = _doubt(worst, trust, sent)
        return f"{worst.process}: {text}" if worst.process else text
    host = trust.figures
    if host is None:
        return "time was virtual, so that no host could hold it up"
    texts = []
    if host.loop_lag.count:
        standstill, buffer = about_time(host.standstill_ns), about_time(trust.buffer_ns)
        texts.append(f"the longest standstill was {standstill} of a {buffer} buffer")
    if host.send_lateness.count:
        late, interval = about_time(host.send_lateness.percentile(99)), about_time(trust.interval_ns)
        texts.append(f"99 % of {sent} left within {late} of an interval of {interval}")
    return ": ".join(["all figures are below their bounds", *([", ".join(texts)] if texts else [])])


def _doubt(doubt: Doubt, trust: Trust, sent: str) -> str:
    figure = doubt.figure
    if doubt.cause is Cause.OVERFLOW:
        times = counted(round(figure), "time")
        return f"this host's kernel dropped datagrams, {times}: not all that is missing is the network's"
    if doubt.cause is Cause.UNTOLD:
        return "ended without telling how this host served it"
    time = about_time(round(figure))
    if doubt.cause is Cause.STANDSTILL:
        return f"this host stood still for {time}; {_bound(doubt.bound, trust.buffer_ns)} the buffer"
    bound = f"{_bound(doubt.bound, trust.interval_ns)} the frame interval"
    if doubt.cause is Cause.PACING:
        return f"1 % of {sent} left {time} late or later; {bound}"
    if doubt.cause is Cause.LAG:
        return f"1 % of the time this process was {time} late or later; {bound}"
    whose = {
        Cause.PROCESS_BUSY: "of a processor went to this process, which woke late",
        Cause.HOST_BUSY: "of this host's processors was taken",
        Cause.STOLEN: "of this host's processors was taken by its hypervisor",
    }[doubt.cause]
    return f"{figure * 100:.1f} % {whose}; the bound is {doubt.bound * 100:.0f} %"


def _bound(bound_ns: float, whole_ns: int) -> str:
    return f"the bound is {about_time(round(bound_ns))}, {round(bound_ns / whole_ns * 100)} % of"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
