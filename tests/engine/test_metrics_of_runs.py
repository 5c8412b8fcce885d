"""Media metrics of simulated runs against the truth: what the network did to every datagram."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from cts.metrics.distribution import Distribution, Lengths
from cts.metrics.media_totals import MediaTotals
from cts.testing import SimulatedRun, SimulatedStream, simulate
from tests.metrics import all_arrivals as offline
from tests.metrics.all_arrivals import Arrival, Stream

SECOND = 1_000_000_000
MS = 1_000_000
STREAM: dict[str, object] = {
    "bits_per_second": 800_000,
    "frame_rate": 25,
    "stream_length": "12s",
    "buffer_depth": "200ms",
    # The last of a frame's four is shorter: so it shows whether what is missing was in front.
    "datagram_max_size": 1100,
}
NETWORKS: dict[str, dict[str, object]] = {
    "loss": {"loss": 0.02},
    "jitter": {"latency": "20ms", "jitter": "40ms"},
    "jitter that reorders": {"latency": "20ms", "jitter": "60ms", "keep_order": False},
    "copies": {"duplicate": 0.1, "latency": "5ms"},
    "an end in silence": {"latency": "20ms", "outages": [{"from": "9s", "to": "60s"}]},
    "delay beyond the buffer": {"latency": "5ms", "reorder": 0.05, "reorder_delay": "260ms"},
    "all of it": {"loss": 0.03, "duplicate": 0.03, "latency": "20ms", "jitter": "150ms", "keep_order": False},
}


def run(network: dict[str, object], direction: str = "pull", **client: object) -> SimulatedRun:
    return simulate({"stream": {**STREAM, "direction": direction}, "network": network, "client": client}, seed=5)


def metrics_of(stream: SimulatedStream) -> MediaTotals:
    assert stream.receiver is not None
    assert stream.receiver.metrics is not None
    return stream.receiver.metrics


def truth_of(run: SimulatedRun, stream: SimulatedStream) -> Stream:
    """Return all arrivals as the network made them, while the receiver listened."""
    assert stream.receiver is not None
    arrivals, seen = [], dict.fromkeys(range(1, run.plan.final_frame + 1), 0)
    for offered in stream.sent:
        data = offered.decode()
        assert data is not None
        position, seen[data.sequence] = seen[data.sequence], seen[data.sequence] + 1
        stamp_ns = data.qpc * SECOND // data.qpf
        arrivals += [
            Arrival(data.sequence, position, stamp_ns, arrival.arrival_ns)
            for arrival in offered.arrivals
            if arrival.arrival_ns <= stream.receiver.ended_ns
        ]
    arrivals.sort(key=lambda arrival: arrival.received_ns)
    dues_ns = tuple(frame.due_ns for frame in stream.frames)
    return Stream(run.plan.final_frame, len(run.plan.datagram_sizes), tuple(arrivals), dues_ns)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("network", NETWORKS)
def test_what_the_network_did_is_what_is_measured(network: str, direction: str) -> None:
    run_ = run(NETWORKS[network], direction)
    totals, truth = metrics_of(run_.stream), truth_of(run_, run_.stream)
    late = offline.late_and_fresh(truth)
    assert totals.datagrams.due == truth.frames * truth.datagrams == 300 * 4
    assert totals.datagrams.late == len(late)
    assert totals.datagrams.late_by == Distribution([each.received_ns - truth.due_ns(each.frame) for each in late])
    assert totals.datagrams.lost == sum(offline.lost_row(truth))
    came = {(each.frame, each.position) for each in truth.arrivals}
    assert totals.datagrams.duplicate == len(truth.arrivals) - len(came)
    assert totals.variation.ipdv == Distribution(offline.ipdv(truth))
    assert totals.variation.spread == Distribution(offline.spread(truth))
    variation = offline.pdv(truth)
    assert (totals.variation.pdv.least, totals.variation.pdv.greatest) == (min(variation), max(variation))
    assert totals.viewing.rendered == len(offline.played(truth))
    assert totals.viewing.freezes == len(offline.freezes(truth))
    lost, gaps = offline.runs_and_gaps(offline.lost_row(truth))
    assert (totals.runs.runs, totals.runs.gaps) == (Lengths(lost), Lengths(gaps))


def test_reordering_is_what_the_network_made_of_it() -> None:
    run_ = run(NETWORKS["jitter that reorders"])
    totals, truth = metrics_of(run_.stream), truth_of(run_, run_.stream)
    order = [(arrival.frame, arrival.position) for arrival in truth.arrivals]
    reordered = [place for place, each in enumerate(order) if any(other > each for other in order[:place])]
    extents = [place - next(at for at in range(place) if order[at] > order[place]) for place in reordered]
    assert totals.reordering.reordered == len(reordered) > 50
    assert totals.reordering.extents == Lengths(extents)


def test_a_network_that_always_takes_as_long_has_no_variation_at_all() -> None:
    totals = metrics_of(run({"latency": "30ms"}).stream)
    assert (totals.variation.pdv.greatest, totals.variation.jitter.greatest, totals.datagrams.lost) == (0, 0, 0)
    assert (totals.variation.ipdv.least, totals.variation.ipdv.greatest) == (0, 0)


@pytest.mark.parametrize("loss", [0.01, 0.1])
def test_the_network_s_loss_is_within_the_limits(loss: float) -> None:
    totals = metrics_of(run({"loss": loss}).stream)
    limits = totals.blocks.lost()
    assert limits is not None
    assert limits.low < loss < limits.high


def test_the_run_has_the_sum_of_its_streams() -> None:
    run_ = run(NETWORKS["all of it"], connections=3)
    told = cast("dict[str, Any]", run_.json["metrics"])
    each = [metrics_of(stream) for stream in run_.streams]
    assert told["streams"] == 3
    assert told["datagrams"]["lost"] == sum(totals.datagrams.lost for totals in each)
    assert told["delay_variation"]["ipdv"]["count"] == sum(totals.variation.ipdv.count for totals in each)
    frames = cast("dict[str, int]", run_.json["frames"])
    assert told["frames"]["played"] == frames["completed"] + frames["repeated"]
    assert told["frames"]["due"] == sum(frames[verdict] for verdict in ("completed", "repeated", "dropped"))


def test_the_end_that_sends_has_no_metrics() -> None:
    run_ = run({})
    assert run_.stream.sender is not None
    assert run_.stream.sender.metrics is None


def test_a_stream_of_which_nothing_came_has_lost_everything() -> None:
    run_ = run({"loss": 1.0})
    totals = metrics_of(run_.stream)
    assert (totals.datagrams.lost, totals.viewing.frozen_share) == (1200, 1.0)
    assert not [line for line in run_.summary.splitlines() if line.startswith(("jitter", "freezes", "score"))]
    assert json.dumps(run_.json["metrics"])


def test_a_stream_that_is_cut_off_has_the_frames_that_were_due() -> None:
    run_ = simulate({"stream": STREAM, "run": {"time_limit": "1550ms"}, "network": {"loss": 0.1}}, seed=1)
    frames = cast("dict[str, int]", run_.json["frames"])
    assert metrics_of(run_.stream).viewing.frames == frames["completed"] + frames["dropped"] < 40


def test_of_more_streams_than_are_measured_at_once_the_rest_has_verdicts_and_a_note_says_so() -> None:
    run_ = simulate(
        {"stream": STREAM, "client": {"connections": 3, "iterations": 2}, "run": {"measured_streams": 2}}, seed=1
    )
    receivers = [stream.receiver for stream in run_.streams if stream.receiver is not None]
    measured = [each for each in receivers if each.metrics is not None and each.playout is not None]
    assert len(receivers) == 6
    # As one that is measured ends, another one that begins takes its place.
    assert 3 < len(measured) < 6
    assert all(each.measured is (each in measured) for each in receivers)
    assert cast("dict[str, Any]", run_.json["metrics"])["streams"] == len(measured)
    assert run_.json["notes"] == [
        "more streams ran at once than run.measured_streams = 2: those beyond have verdicts and no media metrics"
    ]
    assert {each.counts.frames.rendered for each in receivers} == {run_.plan.final_frame}
