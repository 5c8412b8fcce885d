"""The sentence on trust, and its figures as JSON."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures, Trust, trust_in
from cts.output.summary import summary_text
from cts.output.trust_text import trust_json, trust_rows
from cts.protocol.plan import StreamPlan
from tests.output.test_summary import REPORT

MS = 1_000_000
PLAN = StreamPlan(bits_per_second=8_000_000, frame_rate=25, stream_length_ns=5000 * MS, buffer_depth_ns=400 * MS)

AT_BEST = (
    "the longest standstill was 2 ms of a 400 ms buffer, 99 % of frames left within 500 us of an interval of 40 ms"
)


def late(milliseconds: float) -> Histogram:
    histogram = Histogram()
    histogram.record(round(milliseconds * MS))
    return histogram


def trust(*hosts: HostFigures) -> Trust:
    return trust_in(hosts, interval_ns=40 * MS, buffer_ns=400 * MS)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        (
            HostFigures(loop_lag=late(2), send_lateness=late(0.5)),
            f"trusted: all figures are below their bounds: {AT_BEST}",
        ),
        (HostFigures(), "trusted: all figures are below their bounds"),
        (
            HostFigures(overflowed=2),
            "not to be trusted: this host's kernel dropped datagrams, 2 times: not all that is missing is the network's",
        ),
        (
            HostFigures(read_delay_ns=300 * MS),
            "doubtful: this host stood still for 300 ms; the bound is 200 ms, 50 % of the buffer",
        ),
        (
            HostFigures(read_delay_ns=500 * MS),
            "not to be trusted: this host stood still for 500 ms; the bound is 400 ms, 100 % of the buffer",
        ),
        (
            HostFigures(send_lateness=late(20)),
            "doubtful: 1 % of frames left 20 ms late or later; the bound is 10 ms, 25 % of the frame interval",
        ),
        (
            HostFigures(loop_lag=late(50)),
            "doubtful: 1 % of the time this process was 50 ms late or later; the bound is 40 ms, 100 % of the frame interval",
        ),
        (
            HostFigures(process_share=1.02, loop_lag=late(3)),
            "doubtful: 102.0 % of a processor went to this process, which woke late; the bound is 95 %",
        ),
        (HostFigures(host_share=1.0), "doubtful: 100.0 % of this host's processors was taken; the bound is 95 %"),
        (
            HostFigures(stolen_share=0.07),
            "doubtful: 7.0 % of this host's processors was taken by its hypervisor; the bound is 5 %",
        ),
        (
            HostFigures(name="server worker 2", told=False),
            "doubtful: server worker 2: ended without telling how this host served it",
        ),
    ],
)
def test_the_verdict_and_its_reason_are_one_sentence(host: HostFigures, sentence: str) -> None:
    assert trust_rows(trust(host)) == [("trust", sentence)]
    # A relay sends datagrams, whoever's.
    assert trust_rows(trust(host), sent="datagrams") == [
        ("trust", sentence.replace("of frames left", "of datagrams left"))
    ]


def test_in_virtual_time_there_are_no_figures() -> None:
    assert trust_json(trust()) == {
        "verdict": "trusted",
        "reason": "time was virtual, so that no host could hold it up",
        "figures": None,
    }


def test_the_figures_are_in_seconds_and_shares_and_null_where_unknown() -> None:
    told = trust_json(trust(HostFigures(loop_lag=late(1), read_delay_ns=MS, process_share=0.123456, preempted=7)))
    assert told is not None
    assert told["figures"] == {
        "loop_lag_seconds": {"p50": 0.001, "p99": 0.001, "p999": 0.001, "greatest": 0.001},
        "read_delay_seconds": 0.001,
        "send_lateness_p99_seconds": None,
        "overflowed": 0,
        "process_share": 0.1235,
        "host_share": None,
        "stolen_share": None,
        "preempted": 7,
        "frame_interval_seconds": 0.04,
        "buffer_seconds": 0.4,
    }
    json.dumps(told)


def test_a_report_judges_by_the_interval_and_the_buffer_of_its_streams() -> None:
    report = evolve(REPORT, plan=PLAN, hosts=(HostFigures(read_delay_ns=400 * MS),))
    assert "\ntrust " in summary_text(report)
    assert summary_text(report).endswith("the bound is 400 ms, 100 % of the buffer")


def test_a_report_that_nobody_watched_over_says_nothing() -> None:
    assert evolve(REPORT, plan=PLAN).trust is None
    assert "trust" not in summary_text(evolve(REPORT, plan=PLAN))
