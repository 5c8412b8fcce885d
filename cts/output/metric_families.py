"""A run's last status as Prometheus metrics. Imports prometheus_client, so import this module only when it is asked for.

Names and units are as Prometheus has them: seconds and bytes, ``_total`` for what only grows. Every label has few values, known
beforehand; streams and peers are none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from attrs import asdict
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from cts.metrics.recent_delays import BOUNDS_NS, DelayTotals
from cts.output.slices import NOTHING_YET
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot
from cts.units import SECOND

__all__ = ["PAUSE_SECONDS", "RunCollector"]

PAUSE_SECONDS = 0.001
"""After each piece of a scrape's work, such as some metrics; in its own thread, never in the one that sends."""
_METRICS_AT_ONCE = 3
"""One by one a scrape takes a third more processor time, in which no frame leaves either."""


class RunCollector(Collector):
    """Makes metrics of a snapshot whenever they are asked for, in whatever thread.

    Args:
        about: labels of ``cts_run_info``.

    Attributes:
        snapshot: the run's last status; it never changes, another one takes its place.
    """

    def __init__(self, about: Mapping[str, str]) -> None:
        self._about = dict(about)
        self.snapshot: RunSnapshot = NOTHING_YET

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, with pauses: whoever formats them holds up the frames of this process meanwhile."""
        for number, metric in enumerate(self._metrics(self.snapshot), 1):
            yield metric
            if number % _METRICS_AT_ONCE == 0:
                time.sleep(PAUSE_SECONDS)

    def _metrics(self, snapshot: RunSnapshot) -> Iterator[Metric]:
        yield _labelled(GaugeMetricFamily, "cts_run_info", "What runs; always 1.", {tuple(self._about.items()): 1})
        yield GaugeMetricFamily("cts_run_elapsed_seconds", "Time since the run began.", snapshot.elapsed_ns / SECOND)
        yield GaugeMetricFamily("cts_streams_open", "Streams that run now.", snapshot.open_streams)
        yield _labelled(
            # One that ended well here may turn out to have failed at its other end, so that these may fall.
            GaugeMetricFamily,
            "cts_streams_ended",
            "Streams that have ended, by outcome.",
            {(("outcome", each.value),): snapshot.outcomes.get(each, 0) for each in Outcome},
        )
        yield from _frames(snapshot.counts)
        yield from _bytes(snapshot.counts)
        yield from _delays(snapshot.delays)
        yield from _lost_here(snapshot)

    def describe(self) -> Iterator[Metric]:
        """Yield the same, before there is anything to count."""
        return self.collect()


def _frames(counts: StreamSnapshot) -> Iterator[Metric]:
    frames, fates = counts.frames, asdict(counts.arrivals)
    duplicate = fates.pop("duplicate")
    verdicts = {"completed": frames.completed, "dropped": frames.dropped, "repeated": frames.repeated}
    yield _counted("cts_frames", "Frames by verdict.", "verdict", verdicts)
    told = counts.peers.frames
    yield _labelled(
        # What a peer tells may be anything, so that these may fall.
        GaugeMetricFamily,
        "cts_peer_frames",
        "Frames by the verdict that the receivers of what this run sends told of, where they tell it.",
        {(("verdict", name),): getattr(told, name) for name in verdicts},
    )
    yield CounterMetricFamily(
        "cts_frames_hidden_losses",
        "Frames that lacked something, and that the original's rule would call completed or repeated.",
        frames.hidden_losses,
    )
    yield _counted("cts_datagrams", "Datagrams that came, by what became of them.", "fate", fates)
    yield CounterMetricFamily(
        "cts_datagrams_duplicate", "Of the datagrams that came on time, those that had come before.", duplicate
    )


def _bytes(counts: StreamSnapshot) -> Iterator[Metric]:
    due = counts.due
    for name, text, size in (
        ("received", "Bytes of good data datagrams.", counts.bytes_received),
        ("on_time", "Bytes received in time for their frame.", counts.bytes_on_time),
        ("sent", "Bytes of frames handed to the network.", counts.bytes_sent),
        (
            "due",
            "Bytes of received frames that have a verdict, and of sent ones whose turn came.",
            due.due,
        ),
        (
            "missing",
            "Bytes due that were not there when their frame was rendered; of sent ones, that this host did not let out.",
            due.missing,
        ),
        ("late", "Bytes due that came after their frame had been rendered.", due.late),
    ):
        yield CounterMetricFamily(f"cts_{name}_bytes", text, size)


def _delays(delays: DelayTotals) -> Iterator[Metric]:
    buckets, seen = [], 0
    for bound, count in zip((*BOUNDS_NS, None), delays.within, strict=True):
        seen += count
        buckets.append(("+Inf" if bound is None else repr(bound / SECOND), seen))
    yield HistogramMetricFamily(
        "cts_frame_delay_variation_seconds",
        "How much longer frames took than the least of the last 64 to 128 of their stream.",
        buckets=buckets,
        sum_value=delays.variation_ns / SECOND,
    )
    yield SummaryMetricFamily(
        "cts_frame_jitter_seconds",
        "How much frames' delay differed from that of the one before (the |D| of RFC 3550).",
        count_value=delays.steps,
        sum_value=delays.step_ns / SECOND,
    )


def _lost_here(snapshot: RunSnapshot) -> Iterator[Metric]:
    unsent = snapshot.unsent.values()
    yield CounterMetricFamily(
        "cts_unsent_frames", "Frames that this host did not let out.", sum(each.frames for each in unsent)
    )
    yield CounterMetricFamily(
        "cts_unsent_seconds", "Time of the stream that these stand for.", sum(each.time_ns for each in unsent) / SECOND
    )
    yield CounterMetricFamily(
        "cts_overflowed_datagrams",
        "Datagrams that this host's kernel dropped because a receive buffer was full.",
        snapshot.overflowed,
    )
    yield CounterMetricFamily(
        "cts_unreachable_reports",
        "Times that the network said (ICMP) that a peer does not get what is sent to it.",
        snapshot.unreachable,
    )
    yield _counted(
        "cts_refused_datagrams",
        "Datagrams that a server read and answered with nothing, by reason.",
        "reason",
        dict(sorted(snapshot.refused.items())),
    )


def _counted(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    return _labelled(CounterMetricFamily, name, text, {((label, each),): count for each, count in values.items()})


def _labelled(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    text: str,
    values: Mapping[tuple[tuple[str, str], ...], float],
) -> Metric:
    """Return a family with a value for each set of labels."""
    first = next(iter(values), ())
    made = family(name, text, labels=[label for label, _ in first])
    for labels, value in values.items():
        made.add_metric([text for _, text in labels], value)
    return made
