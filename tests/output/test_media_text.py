"""Media metrics in words, and as JSON beside what is not known."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.media import MediaMetrics
from cts.metrics.media_totals import MediaTotals
from cts.metrics.quality_of_outcome import Profile, Requirement
from cts.output.media_text import longest_stall_text, media_json, media_rows
from cts.records.results import RunReport
from tests.output.test_summary import REPORT
from tests.output.test_trust_text import MS, PLAN

INTERVAL = 40 * MS


def media(
    frames: int = 2000,
    *,
    drift_ppm: float = 0.0,
    slow_ns: int = 0,
    missing: tuple[int, ...] = (),
    extents: tuple[int, ...] = (),
    late_ns: int = 0,
) -> MediaTotals:
    """Return metrics of frames of 4 datagrams, every 50th of which takes longer; some may lack two of them."""
    metrics = MediaMetrics(INTERVAL, 4)
    for sequence in range(1, frames + 1):
        due_ns, lacks = sequence * INTERVAL, sequence in missing
        transit = round(sequence * INTERVAL * drift_ppm / 1e6) + (slow_ns if sequence % 50 == 0 else 0)
        ranges = ((0, 1),) if lacks else ()
        times = (due_ns - 9, due_ns - 5, None, None, transit, transit, transit)
        late = extents if sequence == 7 else ()
        came = 4 - 2 * lacks
        metrics.frame(FrameRecord(sequence, due_ns, 4, came, came * 10_000, 0, ranges, *times, late))
        if lacks and late_ns:
            metrics.missed(MissedRecord(sequence, due_ns + late_ns, late_ns, 1, 9, 1, ((1, 1),), False, False, transit))
    return metrics.totals()


WHOLE = media(drift_ppm=90.0, slow_ns=3 * MS, missing=(9, 10, 60), extents=(1, 3), late_ns=7 * MS)
"""Has something of everything."""


def report(totals: MediaTotals | None) -> RunReport:
    return evolve(REPORT, plan=PLAN, metrics=totals)


def rows(totals: MediaTotals | None) -> dict[str, str]:
    return dict(media_rows(report(totals)))


def test_a_stream_without_fault_says_so_in_few_words() -> None:
    assert rows(media()) == {
        "jitter": "none: no frame took longer than the fastest",
        "freezes": "none",
        "score": "100 of 100 for interactive use, which needs 4 Mbit/s, tested with 8 Mbit/s (Quality of Outcome): "
        "such use bears what delay and loss there is",
    }


def test_jitter_is_told_by_its_median_its_99th_percentile_and_its_worst() -> None:
    told = rows(media(slow_ns=30 * MS))["jitter"]
    assert told == "1.02 us median, 99 % within 30 ms, at most 30 ms: how much longer frames took than the fastest"


def test_it_is_told_without_the_drift_of_clocks() -> None:
    told = rows(media(drift_ppm=90.0, slow_ns=30 * MS))["jitter"]
    assert told.endswith("how much longer frames took than the fastest, without the clocks' drift")
    assert "at most 30" in told


def test_a_queue_that_fills_and_empties_again_is_told_whole() -> None:
    metrics = MediaMetrics(INTERVAL, 1)
    for sequence in range(1, 3001):
        transit, due_ns = min(sequence, max(1000 - sequence, 0)) * MS // 50, sequence * INTERVAL
        times = (due_ns - 5, due_ns - 5, due_ns - 5, None, transit, transit, transit)
        metrics.frame(FrameRecord(sequence, due_ns, 1, 1, 9, 0, (), *times))
    told = rows(metrics.totals())["jitter"]
    assert told.endswith("at most 10 ms: how much longer frames took than the fastest")
    assert "99 % within 9." in told or "99 % within 10" in told


def test_freezes_are_told_with_their_part_of_the_time() -> None:
    told = rows(media(1001, missing=tuple(range(500, 506))))["freezes"]
    assert told == "1; the picture stood still 0.70 % of the time, at most 280 ms at once"


def test_that_nothing_froze_though_frames_were_not_shown_is_told_with_the_reason() -> None:
    told = rows(media(1001, missing=(300, 500)))["freezes"]
    assert told == "none; 2 frames were not shown, but never so many in a row as a freeze takes (cts explain freezes)"


def test_where_each_frame_followed_the_one_before_there_is_no_longest_stall() -> None:
    assert longest_stall_text(media().viewing) == "none"
    assert longest_stall_text(media(missing=(9,)).viewing) == "80 ms"
    assert longest_stall_text((media() + media(missing=(9,))).viewing) == "80 ms"
    assert longest_stall_text(media(2, missing=(1, 2)).viewing) == "40 ms"


def test_reordering_is_told_if_there_is_any() -> None:
    assert rows(WHOLE)["reordered"] == "2 datagrams (0.03 %) came behind later ones, by at most 3 datagrams"


@pytest.mark.parametrize(
    ("totals", "score", "limit"),
    [
        (media(slow_ns=150 * MS), 50, "latency"),
        (media(missing=tuple(range(50, 90))), 52, "data that is lost or too late"),
    ],
)
def test_the_score_names_what_limits_it(totals: MediaTotals, score: int, limit: str) -> None:
    use = "interactive use, which needs 4 Mbit/s, tested with 8 Mbit/s"
    assert rows(totals)["score"] == f"{score} of 100 for {use} (Quality of Outcome): {limit} is what limits it"


@pytest.mark.parametrize("totals", [None, MediaTotals(), media(0)])
def test_where_nothing_came_nothing_is_said(totals: MediaTotals | None) -> None:
    assert rows(totals) == {}


def test_the_score_is_by_the_run_s_own_profile_and_names_its_rate() -> None:
    wanted = Requirement(0, 1)
    mine = Profile(name="mine", latency={99: Requirement(0, 300 * MS)}, loss=wanted)
    totals = media(slow_ns=150 * MS)
    told = dict(media_rows(evolve(report(totals), profile=mine)))["score"]
    assert told == "50 of 100 for mine use (Quality of Outcome): latency is what limits it"
    told = dict(media_rows(evolve(report(totals), profile=evolve(mine, rate=8_000_000))))["score"]
    assert "for mine use, which needs 8 Mbit/s, which only a stream of 8.8 Mbit/s or more tests (" in told
    json = media_json(totals, PLAN, mine)
    assert json is not None
    assert isinstance(json["outcome"], dict)
    assert (json["outcome"]["profile"], json["outcome"]["profile_bits_per_second"]) == ("mine", None)


def test_without_metrics_there_are_none_and_without_one_plan_no_outcome() -> None:
    profile = report(WHOLE).profile
    assert media_json(None, PLAN, profile) is None
    without, whole = media_json(WHOLE, None, profile), media_json(WHOLE, PLAN, profile)
    assert without is not None
    assert whole is not None
    assert without == {**whole, "outcome": None}
