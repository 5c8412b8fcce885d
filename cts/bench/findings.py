"""What a bench found, as a table, as JSON, and in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from attrs import frozen

from cts.bench.punctuality import STALL_NS, PacingFigures, StallFigures
from cts.net.offload import Offload
from cts.output.figures import about_rate, about_time, two_columns
from cts.units import SECOND

__all__ = ["BENCH_SCHEMA", "Findings", "Rounds", "findings_json", "findings_text"]

BENCH_SCHEMA = 1
_HEADROOM = 2
"""A measurement is trusted up to half of what the host was seen to do: other loads come and go."""

_TOO_STILL = 0.05
"""The part of the time beyond which what was seen is the other work's doing, and will be something else the next time."""


@frozen
class Rounds:
    """Alternating rounds of cts and iperf3, bits per second received."""

    cts: tuple[int, ...]
    iperf3: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Median of cts over median of iperf3; 0 where iperf3 measured nothing."""
        reference = _median(self.iperf3)
        return _median(self.cts) / reference if reference else 0.0


@frozen
class Findings:
    """Everything that was measured; None is what a bench that was stopped had not come to.

    Attributes:
        offload: what the kernel does for batches.
        datagram_max_size: bytes of the datagrams in all stream trials.
        goodput: greatest verified rate of one stream, bits per second received.
        lossless: greatest rate of one stream without a dropped frame, bits per second.
        pacing: lateness at several rates of wakes.
        streams: greatest number of streams of 1 Mbit/s at 60 frames/s without a dropped frame.
        stalls: how often the host stood still.
        rounds: beside iperf3, None where that is not installed.
    """

    offload: Offload
    datagram_max_size: int
    stalls: StallFigures
    goodput: int | None = None
    lossless: int | None = None
    streams: int | None = None
    pacing: tuple[PacingFigures, ...] = ()
    rounds: Rounds | None = None


def findings_text(findings: Findings) -> str:
    """Return the table and the sentence."""
    size = f"{findings.datagram_max_size:,}-byte datagrams"
    rows = [
        ("offload", str(findings.offload)),
        ("one stream", _known(findings.goodput, about_rate, f"received and verified at the most, {size}")),
        ("without loss", _known(findings.lossless, about_rate, f"in one stream, {size}")),
        ("many streams", _known(findings.streams, "{:,}".format, "of 1 Mbit/s at 60 frames/s without a dropped frame")),
        ("stalls", _stalls_text(findings.stalls)),
    ]
    for figures in findings.pacing:
        late = figures.lateness
        text = f"median {about_time(late.p50)}, 99 % {about_time(late.p99)}, greatest {about_time(late.greatest)}"
        rows.append((f"{figures.wakes_per_second:,} wakes/s", f"late by {text}"))
    if findings.rounds is not None:
        iperf = about_rate(round(_median(findings.rounds.iperf3)))
        rows.append(
            ("iperf3", f"{iperf} received unverified, one datagram per call: cts is {findings.rounds.ratio:.1f} x")
        )
    return "\n".join([*two_columns(rows), "", trust(findings)])


def trust(findings: Findings) -> str:
    """Return the sentence that says how far measurements from this host can be trusted."""
    if findings.lossless is None or findings.streams is None:
        return "The bench was stopped: it cannot say how far a measurement from this host can be trusted."
    if findings.stalls.share >= _TOO_STILL:
        return (
            f"Do not trust a measurement from this host as it is now: it stood still for {findings.stalls.share:.0%} of the "
            f"time, up to {about_time(findings.stalls.longest_ns)} at once, since other work had the processor. "
            "Free it and measure again."
        )
    rate = about_rate(findings.lossless // _HEADROOM)
    late = about_time(findings.pacing[0].lateness.p99) if findings.pacing else "unknown"
    return (
        f"Trust a measurement from this host up to about {rate} in one stream and {findings.streams // _HEADROOM:,} streams: "
        f"half of what held here. Frames leave within {late} of their time in 99 of 100 cases; delay differences below that "
        f"are the host's, not the network's."
    )


def findings_json(findings: Findings) -> dict[str, object]:
    """Return the same as what ``json.dumps`` takes; rates in bits per second, times in seconds."""
    rounds = findings.rounds
    return {
        "schema": BENCH_SCHEMA,
        "offload": {"sends": findings.offload.sends, "receives": findings.offload.receives},
        "datagram_max_size": findings.datagram_max_size,
        "goodput_bits_per_second": findings.goodput,
        "lossless_bits_per_second": findings.lossless,
        "streams_at_1_mbit_60_fps": findings.streams,
        "stalls": {
            "seconds": findings.stalls.measured_ns / SECOND,
            "count": findings.stalls.count,
            "lost_seconds": findings.stalls.lost_ns / SECOND,
            "longest_seconds": findings.stalls.longest_ns / SECOND,
        },
        "pacing": [
            {
                "wakes_per_second": figures.wakes_per_second,
                "p50": figures.lateness.p50 / SECOND,
                "p99": figures.lateness.p99 / SECOND,
                "greatest": figures.lateness.greatest / SECOND,
            }
            for figures in findings.pacing
        ],
        "iperf3": None
        if rounds is None
        else {
            "cts_bits_per_second": rounds.cts,
            "iperf3_bits_per_second": rounds.iperf3,
            "ratio": round(rounds.ratio, 2),
        },
        "trust": trust(findings),
    }


def _stalls_text(stalls: StallFigures) -> str:
    if not stalls.count:
        return f"none of {about_time(STALL_NS)} or more: a busy loop missed nothing"
    return (
        f"the host stood still for {stalls.share:.2%} of the time ({stalls.count:,} times {about_time(STALL_NS)} or more, "
        f"at most {about_time(stalls.longest_ns)})"
    )


def _known(value: int | None, written: Callable[[int], str], what: str) -> str:
    return "not measured" if value is None else f"{written(value)} {what}"


def _median(values: tuple[int, ...]) -> float:
    return median(values) if values else 0.0
