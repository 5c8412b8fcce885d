"""Media metrics as figures: seconds and shares, and null for what is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given

from cts.metrics.media import MediaMetrics
from cts.metrics.media_figures import figures_of, media_outcome, outcome_figures
from cts.metrics.media_totals import MediaTotals
from cts.metrics.quality_of_outcome import Profile, Requirement
from tests.metrics.all_arrivals import INTERVAL, SIZE, Stream, folded, records_of, stream_of, streams

MS = 1_000_000
PROFILE = Profile(name="any", latency={99: Requirement(10 * MS, 30 * MS)}, loss=Requirement(0.0, 0.5), rate=30_000)


def steady(frames: int, transit_ns: int = 5 * MS) -> list[list[list[int]]]:
    return [[[transit_ns], [transit_ns]] for _ in range(frames)]


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    else:
        yield value


def test_what_was_never_seen_is_null_and_not_0() -> None:
    figures = figures_of(MediaMetrics(INTERVAL, 1).totals())
    counts = {
        "streams",
        "due",
        "played",
        "in_time",
        "late",
        "lost",
        "duplicate",
        "unknown",
        "reordered",
        "one_datagram_short",
    }
    for group in figures.values():
        if isinstance(group, dict):
            assert {each for name, each in group.items() if name not in counts} <= {None, 0}
    assert figures["loss_runs"] is None
    assert figures["viewing"] == dict.fromkeys(
        [
            "freezes",
            "freeze_seconds",
            "pauses",
            "pause_seconds",
            "longest_stall_seconds",
            "frozen_share",
            "inter_frame_delay_seconds",
            "inter_frame_delay_variance",
        ]
    )


def test_a_steady_stream_by_hand() -> None:
    totals = folded(records_of(stream_of(steady(20))))
    figures = figures_of(totals)
    assert figures["delay_variation"] == {
        "pdv": {"count": 20, **dict.fromkeys(TIMES, 0.0)},
        "ipdv": {"count": 19, **dict.fromkeys(TIMES, 0.0)},
        "jitter": {"count": 1, **dict.fromkeys(TIMES, 0.0)},
        "frame_spread": {"count": 20, **dict.fromkeys(TIMES, pytest.approx(100e-9))},
        "unusable_frames": 0,
    }
    assert figures["reordering"] == {"reordered": 0, "ratio": 0.0, "extent": None}
    (frames,) = [figures["frames"]]
    assert isinstance(frames, dict)
    assert (frames["due"], frames["played"], frames["one_datagram_short"]) == (20, 20, 0)


TIMES = [f"{name}_seconds" for name in ("least", "p50", "p95", "p99", "p999", "greatest")]


@given(streams())
def test_all_figures_are_what_json_can_say(stream: Stream) -> None:
    figures = figures_of(folded(records_of(stream)))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert all(each is None or isinstance(each, int | float) for each in leaves(figures))


def test_loss_runs_by_hand() -> None:
    fates = steady(6)
    fates[2][1], fates[3] = [], [[], []]
    figures = figures_of(folded(records_of(stream_of(fates))))
    three = {"count": 1, **dict.fromkeys(["least", "p50", "p95", "p99", "p999", "greatest"], 3)}
    one = {"count": 2, **dict.fromkeys(["least", "p50", "p95", "p99", "p999", "greatest"], 1)}
    model = {"p": 1 / 8, "r": 1 / 3, "run_error": None, "gap_error": None}
    assert figures["loss_runs"] == {
        "known": 12,
        "runs": 1,
        "length": three,
        "gap": None,
        "distance": one,
        "model": model,
    }


def scored(totals: MediaTotals, offered: float = 80_000.0) -> dict[str, object]:
    return outcome_figures(media_outcome(totals, PROFILE, interval_ns=INTERVAL, offered=offered), PROFILE)


def test_a_stream_is_scored_by_delay_variation_loss_and_rate() -> None:
    fates = steady(100)
    for each in fates[:10]:
        each[1] = [25 * MS]
    fates[50] = [[], []]
    told = scored(folded(records_of(stream_of(fates))))
    # 20 ms of variation are half-way, 2 of 200 lost leave 98, and 198 times 100 bytes came in 2 s.
    assert told["latency"] == pytest.approx(50, abs=4)
    assert told["loss"] == pytest.approx(98)
    assert (told["rate"], told["limiting"], told["latency_percentile"]) == (100.0, "latency", 99)
    assert told["score"] == told["latency"]
    assert told["latency_is"] == "delay variation"
    assert 198 * SIZE * 8 / 2 > 30_000


def test_nothing_seen_has_no_score() -> None:
    told = scored(MediaTotals())
    assert (told["score"], told["limiting"], told["latency"], told["loss"], told["rate"]) == (None,) * 5
