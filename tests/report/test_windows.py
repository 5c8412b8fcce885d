"""Windows of time are as long as each other, and lie beside each other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cts.protocol.frames import RenderedFrame, Verdict
from cts.report.timeline import Timeline
from cts.report.windows import windows_of

INTERVAL_NS = 1_000_000_000 // 60


def timeline_of(frames: int) -> Timeline:
    timeline = Timeline(INTERVAL_NS, 4096)
    for number in range(frames):
        due_ns = 10**9 + number * INTERVAL_NS
        timeline.frame(RenderedFrame(number + 1, Verdict.COMPLETED, 1000, due_ns, 10**9, due_ns, due_ns, None), 0)
    return timeline


@pytest.mark.parametrize("frames", [1, 7, 241, 3600, 36_001])
def test_none_is_shorter_than_half_of_another_and_each_begins_where_the_one_before_ends(frames: int) -> None:
    windows = windows_of(timeline_of(frames), INTERVAL_NS)
    edges = windows.edges
    lengths = [end - begin for begin, end in pairwise(edges)]
    assert len(lengths) == len(windows.centres) <= 240
    assert min(lengths) > max(lengths) / 2
    assert sum(windows.counts["completed"]) == frames


def test_of_nothing_there_are_none() -> None:
    windows = windows_of(Timeline(INTERVAL_NS, 4096), INTERVAL_NS)
    assert (windows.centres, windows.edges) == ([], [])
