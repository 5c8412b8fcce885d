"""What a bench found: the table, the JSON, the sentence; and one small trial, to the end."""

from __future__ import annotations

import json

import attrs
import pytest

from cts.bench.findings import BENCH_SCHEMA, Findings, Rounds, findings_json, findings_text, trust
from cts.bench.punctuality import PacingFigures, StallFigures
from cts.bench.trials import StreamLoad, run_trial, without_loss
from cts.metrics.counters import FrameTotals
from cts.metrics.histogram import Percentiles
from cts.net.offload import Offload
from cts.protocol.roles import Direction
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamSnapshot

FINDINGS = Findings(
    offload=Offload(sends=True, receives=True),
    datagram_max_size=1400,
    goodput=9_000_000_000,
    lossless=4_000_000_000,
    streams=1500,
    stalls=StallFigures(3_000_000_000, 40, 45_000_000, 21_500_000),
    pacing=(
        PacingFigures(1_000, Percentiles(2_000, 60_000, 200_000, 900_000, 1_000_000)),
        PacingFigures(10_000, Percentiles(20_000, 70_000, 300_000, 900_000, 2_000_000)),
    ),
)
BESIDE = attrs.evolve(FINDINGS, rounds=Rounds((6_000_000, 9_000_000, 8_000_000), (2_000_000, 1_000_000, 4_000_000)))


def rows(findings: Findings) -> dict[str, str]:
    table = findings_text(findings).partition("\n\n")[0]
    return {name.strip(): text for name, _, text in (line.partition("  ") for line in table.splitlines())}


def test_the_table_has_a_row_per_measurement() -> None:
    named = ["offload", "one stream", "without loss", "many streams", "stalls", "1,000 wakes/s", "10,000 wakes/s"]
    assert list(rows(FINDINGS)) == named
    assert [*rows(BESIDE)] == [*named, "iperf3"]


def test_the_texts_of_the_table_begin_in_one_column() -> None:
    lines = findings_text(BESIDE).partition("\n\n")[0].splitlines()
    width = max(map(len, rows(BESIDE)))
    assert all(line[width : width + 2] == "  " and line[width + 2] != " " for line in lines)


def test_rates_and_times_carry_their_units() -> None:
    text = rows(FINDINGS)
    assert "9.000 Gbit/s" in text["one stream"]
    assert "1,400-byte datagrams" in text["one stream"]
    assert "4.000 Gbit/s" in text["without loss"]
    assert "1,500 of 1 Mbit/s" in text["many streams"]
    assert "median 60 us, 99 % 200 us, greatest 1 ms" in text["1,000 wakes/s"]


def test_how_often_the_host_stood_still_is_told() -> None:
    text = rows(FINDINGS)["stalls"].strip()
    assert text == "the host stood still for 1.50% of the time (40 times 250 us or more, at most 21.5 ms)"
    calm = attrs.evolve(FINDINGS, stalls=StallFigures(3_000_000_000, 0, 0, 0))
    assert rows(calm)["stalls"].strip() == "none of 250 us or more: a busy loop missed nothing"


def test_the_text_ends_with_the_sentence_on_trust() -> None:
    assert findings_text(FINDINGS).endswith("\n\n" + trust(FINDINGS))


def test_a_measurement_is_trusted_up_to_half_of_what_held() -> None:
    sentence = trust(FINDINGS)
    assert "up to about 2.000 Gbit/s in one stream and 750 streams" in sentence
    assert "within 200 us of their time in 99 of 100 cases" in sentence


def test_without_pacing_the_lateness_is_unknown() -> None:
    assert "within unknown" in trust(attrs.evolve(FINDINGS, pacing=()))


def test_the_ratio_is_that_of_the_medians() -> None:
    assert BESIDE.rounds is not None
    assert BESIDE.rounds.ratio == 4.0
    assert "cts is 4.0 x" in rows(BESIDE)["iperf3"]
    assert "2.000 Mbit/s" in rows(BESIDE)["iperf3"]


def test_the_median_of_an_even_number_lies_between() -> None:
    assert Rounds((4, 8), (1, 3)).ratio == 3.0


@pytest.mark.parametrize("rounds", [Rounds((5, 6), (0, 0)), Rounds((5,), ()), Rounds((), ())])
def test_the_ratio_to_nothing_is_0(rounds: Rounds) -> None:
    assert rounds.ratio == 0.0


def test_json_says_the_same_in_bits_per_second_and_seconds() -> None:
    said = json.loads(json.dumps(findings_json(FINDINGS)))
    assert said == {
        "schema": BENCH_SCHEMA,
        "stalls": {"seconds": 3.0, "count": 40, "lost_seconds": 0.045, "longest_seconds": 0.0215},
        "offload": {"sends": True, "receives": True},
        "datagram_max_size": 1400,
        "goodput_bits_per_second": 9_000_000_000,
        "lossless_bits_per_second": 4_000_000_000,
        "streams_at_1_mbit_60_fps": 1500,
        "pacing": [
            {"wakes_per_second": 1_000, "p50": 0.00006, "p99": 0.0002, "greatest": 0.001},
            {"wakes_per_second": 10_000, "p50": 0.00007, "p99": 0.0003, "greatest": 0.002},
        ],
        "iperf3": None,
        "trust": trust(FINDINGS),
    }


def test_json_has_the_rounds_beside_iperf3() -> None:
    assert json.loads(json.dumps(findings_json(BESIDE)))["iperf3"] == {
        "cts_bits_per_second": [6_000_000, 9_000_000, 8_000_000],
        "iperf3_bits_per_second": [2_000_000, 1_000_000, 4_000_000],
        "ratio": 4.0,
    }


LOAD = StreamLoad(1_000_000, frame_rate=10, seconds=2, connections=3)


def report(completed: int, *, overflowed: int = 0, failures: tuple[str, ...] = ()) -> RunReport:
    counts = StreamSnapshot(FrameTotals(completed))
    snapshot = RunSnapshot(1, 0, counts, overflowed=overflowed)
    return RunReport(
        role="loopback",
        direction=Direction.PULL,
        began_ns=0,
        elapsed_ns=1,
        snapshot=snapshot,
        streams=(),
        failures=failures,
    )


def test_a_trial_is_without_loss_if_every_frame_of_every_stream_came() -> None:
    assert without_loss(report(60), LOAD)


@pytest.mark.parametrize("lossy", [report(59), report(60, overflowed=1), report(60, failures=("a process died",))])
def test_a_frame_too_few_an_overflow_and_a_failure_are_loss(lossy: RunReport) -> None:
    assert not without_loss(lossy, LOAD)


def test_a_rate_of_no_whole_bytes_is_rounded_down() -> None:
    assert StreamLoad(1_000_007, frame_rate=10).config().stream.bits_per_second == 1_000_000


async def test_a_small_load_runs_to_its_end_without_loss() -> None:
    load = StreamLoad(2_000_000, frame_rate=30, buffer="500ms")
    said: list[str] = []
    measured = await run_trial(load, said.append)
    assert without_loss(measured, load), measured
    assert said == []
    (result,) = measured.results
    assert result.bits_per_second > 0


def test_a_host_that_stood_still_is_not_to_be_trusted_whatever_else_was_measured() -> None:
    still = attrs.evolve(FINDINGS, stalls=StallFigures(3_000_000_000, 400, 1_590_000_000, 21_500_000))
    assert trust(still).startswith(
        "Do not trust a measurement from this host as it is now: it stood still for 53% of the time"
    )
    assert trust(FINDINGS).startswith("Trust a measurement")
