"""Which buffer would have been enough, in words and as JSON."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from cts.metrics.playout import Playout
from cts.output.playout_text import playout_json, playout_rows
from cts.output.summary import summary_text
from cts.output.summary_json import summary_json
from cts.protocol.plan import StreamPlan
from cts.records.results import RunReport
from cts.records.snapshots import StreamSnapshot
from cts.records.stream_results import StreamEnds
from cts.units import SECOND
from tests.output.test_summary import REPORT, RESULT

PLAN = StreamPlan(8_000_000, 60, 100 * SECOND)


def playout(*whole: tuple[int, int], frames: int = 6000, known: int = 6000, again: int = 0) -> Playout:
    return Playout(
        buffered_frames=60,
        final_frame=6000,
        steps=60,
        step_ns=SECOND,
        frames=frames,
        known=known,
        whole=whole,
        again=((whole[-1][0], again),) if again else (),
    )


def report_of(known: Playout | None) -> RunReport:
    return evolve(REPORT, playout=known, plan=PLAN)


def said(known: Playout) -> str:
    ((name, text),) = playout_rows(report_of(known))
    assert name == "buffer"
    return text


def told(known: Playout) -> Any:
    return playout_json(known)


def test_the_buffer_that_would_have_been_enough_is_said_in_a_time_that_can_be_set() -> None:
    text = said(playout((10, 5000), (11, 994), (90, 6)))
    assert text == "184 ms would have been enough for 99.9 % of frames; set: 1 s"
    assert 184 * 60 // 1000 == 11


def test_a_deeper_buffer_than_was_set_may_be_what_was_lacking() -> None:
    assert said(playout((10, 3000), (90, 3000))) == "1.5 s would have been enough for 99.9 % of frames; set: 1 s"


def test_the_share_that_no_buffer_would_have_reached_is_named() -> None:
    assert (
        said(playout((6, 5950)))
        == "100 ms would have been enough for 99 % of frames, none for 99.9 % of them; set: 1 s"
    )
    assert (
        said(playout((6, 5900))) == "100 ms would have been enough for 95 % of frames, none for 99 % of them; set: 1 s"
    )


def test_a_network_that_loses_is_helped_by_no_buffer() -> None:
    text = said(playout((6, 4000), (12, 500)))
    assert text == "none would have let 95 % of frames play; 200 ms would have been enough for 75.00 %; set: 1 s"
    assert said(playout()) == "none would have let a frame play; set: 1 s"


def test_why_no_more_is_known_of_deeper_buffers_is_said() -> None:
    more = "would have let a frame play; set: 1 s"
    assert said(playout(known=770)) == (
        f"none up to 12.834 s (deeper ones would have waited for longer than this run did) {more}"
    )
    assert (
        said(playout(known=60)) == f"none up to 1 s (the one that was set; of deeper ones this run cannot tell) {more}"
    )


def test_nothing_is_said_where_nothing_was_received() -> None:
    known = playout((6, 6000))
    assert playout_rows(report_of(None)) == []
    assert playout_rows(report_of(playout(frames=0))) == []
    assert playout_rows(evolve(report_of(known), plan=None)) == []
    counts = evolve(REPORT.snapshot, counts=StreamSnapshot())
    assert playout_rows(evolve(report_of(known), snapshot=counts)) == []
    assert playout_json(None) is None
    assert playout_json(playout(frames=0)) is None


def test_json_has_the_depths_at_which_something_changes() -> None:
    assert told(playout((6, 5000), (7, 940), (66, 60), again=3)) == {
        "buffered_frames": 60,
        "known_seconds": None,
        "depths": [
            [0.0, 0, 0, 6000],
            [0.1, 5000, 0, 1000],
            [0.117, 5940, 0, 60],
            [1.0, 5940, 0, 60],
            [1.1, 5997, 3, 0],
        ],
        "smallest": {"95": 0.117, "99": 0.117, "99.9": 1.1, "100": 1.1},
    }


def test_json_says_how_deep_all_is_known_and_which_share_is_never_reached() -> None:
    object_ = told(playout((6, 5950), known=75))
    assert object_["known_seconds"] == 1.25
    assert object_["smallest"] == {"95": 0.1, "99": 0.1, "99.9": None, "100": None}


def test_of_many_depths_some_are_left_out_but_never_those_that_are_named() -> None:
    known = playout(*((depth, 10) for depth in range(1, 601)))
    object_ = told(known)
    depths = [row[0] for row in object_["depths"]]
    assert len(depths) <= 107
    assert depths == sorted(set(depths))
    assert {0.0, 1.0, 10.0, *object_["smallest"].values()} <= set(depths)
    assert depths[:4] == [0.0, 0.117, 0.234, 0.35]


def test_the_run_and_each_of_its_streams_have_it() -> None:
    known = playout((6, 6000))
    report = evolve(report_of(known), streams=(StreamEnds(evolve(RESULT, playout=known)),))
    object_: Any = summary_json(report)
    assert object_["playout"] == object_["streams"][0]["playout"] == playout_json(known)
    assert "buffer" in summary_text(report)
