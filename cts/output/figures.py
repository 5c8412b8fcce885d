"""Numbers as logs and people read them; integer arithmetic, so that a log is the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import asdict

from cts.metrics.counters import ArrivalTotals
from cts.metrics.unsent import Unsent
from cts.output.buffer_text import more_receive_buffer
from cts.records.buffers import SocketBuffers
from cts.records.snapshots import Outcome
from cts.units import MICROSECOND, MILLISECOND, SECOND, counted

__all__ = [
    "about_rate",
    "about_time",
    "discarded_causes",
    "outcome_counts",
    "overflow_text",
    "percentage",
    "rate_of",
    "refused_text",
    "seconds",
    "significant",
    "two_columns",
    "unsent_text",
    "whole_milliseconds",
]


def whole_milliseconds(duration_ns: int) -> int:
    """Return nanoseconds as the nearest whole number of milliseconds, halves upwards."""
    return (duration_ns + MILLISECOND // 2) // MILLISECOND


def seconds(duration_ns: int) -> str:
    """Write nanoseconds as seconds with three decimals."""
    milliseconds = whole_milliseconds(duration_ns)
    whole, rest = divmod(abs(milliseconds), 1000)
    return f"{'-' if milliseconds < 0 else ''}{whole}.{rest:03}"


def about_rate(bits_per_second: int) -> str:
    """Write a rate with three decimals, rounded down: ``24.999 Mbit/s``; ``cts.units.format_rate`` writes every digit."""
    for places, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if bits_per_second >= 10**places:
            thousandths = bits_per_second // 10 ** (places - 3)
            return f"{thousandths // 1000}.{thousandths % 1000:03} {prefix}bit/s"
    return f"{bits_per_second} bit/s"


def rate_of(part: float, whole: float) -> str:
    """Write a part of a rate in the unit of the whole, three digits each: ``19.4 of 25 Mbit/s``."""
    places, prefix = next(((n, p) for n, p in ((9, "G"), (6, "M"), (3, "k")) if whole >= 10**n), (0, ""))
    return f"{significant(part / 10**places)} of {significant(whole / 10**places)} {prefix}bit/s"


def two_columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each row: its name, padded to the longest one, and its text."""
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


_CAUSES = {
    "late": "came too late",
    "ahead": "came too early",
    "no_such_frame": "of a frame past the end",
    "undecodable": "not of this protocol",
    "wrong_payload": "with wrong content",
    "unexpected": "not expected here",
}


def discarded_causes(arrivals: ArrivalTotals) -> str:
    """Write how many datagrams were discarded (the logs' errors) for each cause that occurred."""
    counts = asdict(arrivals)
    return ", ".join(f"{counts[cause]:,} {text}" for cause, text in _CAUSES.items() if counts[cause])


def refused_text(refused: Mapping[str, int]) -> str:
    """Write the reasons for which datagrams began no stream, each with how many: reasons are names, which have no plural."""
    return ", ".join(f"{reason} ({count:,})" for reason, count in sorted(refused.items()) if count)


def unsent_text(cause: str, unsent: Unsent) -> str:
    """Write how much this host did not let out for one cause."""
    return f"{counted(unsent.frames, 'frame')} could not be sent: {cause} ({seconds(unsent.time_ns)[:-2]} s in all)"


def outcome_counts(outcomes: Mapping[Outcome, int], *always: Outcome) -> list[str]:
    """Write how many streams ended in each way that occurred, or is told ``always``, in the order of :class:`Outcome`."""
    texts = []
    for outcome in Outcome:
        count = outcomes.get(outcome, 0)
        if not count and outcome not in always:
            continue
        is_error = outcome in (Outcome.NETWORK_ERROR, Outcome.PROTOCOL_ERROR)
        texts.append(counted(count, outcome.value) if is_error else f"{count:,} {outcome.value}")
    return texts


def percentage(part: int, whole: int) -> str:
    """Write a share with two decimals; only nothing is shown as 0 and only everything as 100."""
    if whole <= 0:
        return "-"
    hundredths = (part * 20_000 + whole) // (2 * whole)
    if part > 0 and hundredths == 0:
        return "<0.01 %"
    if part < whole and hundredths == 10_000:
        return ">99.99 %"
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def about_time(duration_ns: int) -> str:
    """Write a short time in the unit that suits it, three digits at the most."""
    for unit, size in (("s", SECOND), ("ms", MILLISECOND), ("us", MICROSECOND)):
        if duration_ns >= size:
            return f"{significant(duration_ns / size)} {unit}"
    return f"{duration_ns} ns"


def significant(number: float, digits: int = 3, sign: str = "") -> str:
    """Write a number for people: so many digits, more where there are more before the point, and never as a power of ten.

    ``sign`` is as in a format: ``+`` writes that of what is more than 0, too.
    """
    rounded = f"{number:{sign}.{digits}g}"
    if "e" not in rounded:
        return rounded
    return f"{number:{sign},.0f}" if abs(number) >= 1 else f"{float(rounded):{sign}.20f}".rstrip("0").rstrip(".")


def overflow_text(overflowed: int, buffers: SocketBuffers | None = None) -> str:
    """Return what the kernel dropped, as a row's text; where it did, also what would give it more room."""
    least, unit = ("at least ", " (with UDP_GRO, buffers of up to 64)") if overflowed else ("", "")
    cure = f"; {more_receive_buffer(buffers)}" if overflowed and buffers is not None else ""
    return f"{least}{counted(overflowed, 'datagram')}{unit} dropped by the kernel: receive buffer full{cure}"
